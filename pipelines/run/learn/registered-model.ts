/** A registered version as the model of a file, with statistics where it can't be used: scoring goes on, and says why. */
import { basename } from "node:path";
import { type LearnedState, loadLearned } from "../../../models/learned/learned-model.ts";
import { PipelineError } from "../../core/errors.ts";
import type { TrainedEntity } from "../../learn/registry/manifest.ts";
import { parseReference } from "../../learn/registry/reference.ts";
import type { StoredVersion } from "../../learn/registry/registry.ts";
import { readManifest, readState } from "../../learn/registry/version-files.ts";
import type { ModelMaker } from "../score.ts";
import { entityOf } from "./known-incidents.ts";
import { registryOf } from "./train.ts";

export interface OpenedVersion extends Omit<StoredVersion, "state" | "version"> {
  readonly version: number | null;
  /** `name@version`, or the folder. */
  readonly label: string;
  /** State by entity. */
  readonly states: Readonly<Record<string, LearnedState>>;
}

/** @throws PipelineError CONFIG_INVALID on an unknown reference, MODEL_CORRUPT on a damaged version */
export async function openVersion(
  reference: string,
  options: { dataDir: string; now: () => number },
): Promise<OpenedVersion> {
  if (/[/\\]/.test(reference) || !parseReference(reference)) {
    const manifest = await readManifest(reference);
    const states = (await readState(reference, manifest)) as Record<string, LearnedState>;
    return { name: manifest.name, version: null, dir: reference, label: reference, manifest, states };
  }
  const { state, ...stored } = await registryOf(options.dataDir, options.now).open(reference);
  const states = (await state()) as Record<string, LearnedState>;
  return { ...stored, label: `${stored.name}@${stored.version}`, states };
}

/** The trained entity of a file or entity name: the same name, the same last part, or the only one there is. */
export function trainedEntity(version: OpenedVersion, name: string): TrainedEntity | undefined {
  const { entities } = version.manifest;
  const wanted = entityOf(name);
  const exact = entities.find((e) => e.entity === wanted);
  if (exact) return exact;
  const last = entities.filter((e) => basename(e.entity) === basename(wanted));
  if (last.length > 0) return last.length === 1 ? last[0] : undefined;
  return entities.length === 1 ? entities[0] : undefined;
}

/** Where the entity's columns are; undefined where some are missing. */
export function columnPlaces(trained: TrainedEntity, columns: readonly string[]): number[] | undefined {
  const used = new Set<number>();
  const places = trained.columns.map((name) => {
    const at = columns.findIndex((c, i) => c === name && !used.has(i));
    used.add(at);
    return at;
  });
  if (!places.includes(-1)) return places;
  // the one column of values goes by many names
  return trained.columns.length === 1 && columns.length === 1 ? [0] : undefined;
}

/** A model for each file; undefined (statistics from a cold start) where the version has none for it. */
export function modelsOf(version: OpenedVersion, say: (note: string) => void): ModelMaker {
  return async (file, columns) => {
    const trained = trainedEntity(version, file) ?? trainedEntity(version, basename(file));
    const fallback = (why: string) => {
      say(`${file}: ${why}; it is scored by statistics from a cold start`);
      return undefined;
    };
    if (!trained) return fallback(`${version.label} has no model for it (it has ${version.manifest.entities.length})`);
    const from = columnPlaces(trained, columns);
    if (!from) {
      const missing = trained.columns.filter((c) => !columns.includes(c)).slice(0, 5);
      return fallback(`${version.label} needs the columns ${missing.join(", ")}, which are not there`);
    }
    const state = version.states[trained.entity];
    if (!state) return fallback(`${version.label} holds no state for ${trained.entity}`);
    try {
      return { model: await loadLearned(state), from };
    } catch (error) {
      return fallback(`the model of ${version.label} does not load: ${(error as Error).message}`);
    }
  };
}

/**
 * As `openVersion` and `modelsOf`; a missing or damaged version does not stop scoring, an unknown form of a reference does.
 * @throws PipelineError CONFIG_INVALID
 */
export async function modelMakerOf(
  reference: string,
  options: { dataDir: string; now: () => number; say: (note: string) => void },
): Promise<ModelMaker> {
  try {
    return modelsOf(await openVersion(reference, options), options.say);
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    options.say(`${error.message}; everything is scored by statistics from a cold start`);
    return async () => undefined;
  }
}
