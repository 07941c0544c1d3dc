import type { ReferenceBins } from "../../../models/drift/population.ts";
import type { StartLive } from "../../../models/learned/live-model.ts";
import type { ModelPick } from "../../core/live-models.ts";

/** What a version holds for one entity. */
export interface LoadedEntity {
  /** In the order that the model takes. */
  readonly columns: readonly string[];
  /** Of each column, and of the score last; may be fewer. */
  readonly reference: readonly ReferenceBins[];
  readonly rows: number;
  readonly start: StartLive;
}

export interface LoadedVersion {
  readonly entities: ReadonlyMap<string, LoadedEntity>;
}

/** Versions in memory. Stages can't wait: whoever gives them a switch, or a state with one in it, has its versions loaded before. */
export interface ModelLibrary {
  /** Settles when the version is in memory or can't be; never rejects. */
  load(name: string, pick: ModelPick): Promise<void>;
  /** The version, or why there is none. */
  get(name: string, pick: ModelPick): LoadedVersion | string;
}

/** For stages whose config names no models. */
export const noLibrary: ModelLibrary = {
  load: async () => {},
  get: () => "models are not loaded here",
};
