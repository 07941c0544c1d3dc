import type { ReferenceBins } from "../../../models/drift/population.ts";

/** What a trained version says of itself. It holds no time of making, so that the same training gives the same bytes. */
export interface Manifest {
  readonly format: "faultwright-model/1";
  readonly name: string;
  /** SHA-256 of each file beside the manifest. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of this manifest's other fields. */
  readonly checksum: string;
  readonly seed: number;
  readonly data: DataRange;
  /** The chosen candidate: its label and parameters. */
  readonly chosen: { readonly id: string; readonly parameters: unknown; readonly why: string };
  /** Of the chosen candidate, from cross-validation. */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly validation: {
    readonly method: string;
    readonly measure: string;
    readonly folds: number;
    readonly supervised: boolean;
    /** False where the time budget ended the search early: another run may choose otherwise. */
    readonly complete: boolean;
  };
  readonly trials: readonly TrialResult[];
  readonly entities: readonly TrainedEntity[];
}

export interface DataRange {
  readonly axis: "time" | "row" | "mixed";
  readonly from: number | null;
  readonly to: number | null;
  readonly rows: number;
  readonly incidents: number;
  /** SHA-256 of the rows and incidents. */
  readonly digest: string;
}

export interface TrainedEntity {
  readonly entity: string;
  /** Feature schema: the columns in the order that the model takes. */
  readonly columns: readonly string[];
  readonly rows: number;
  readonly axis: "time" | "row";
  readonly from: number | null;
  readonly to: number | null;
  /** Of the first rows: tells whether other data are these again. */
  readonly fingerprint: string;
  /** What drift is measured against: of each column, and of the score last. */
  readonly reference: readonly ReferenceBins[];
}

export interface TrialResult {
  readonly id: string;
  /** Mean of the measure over entities and folds, null where none could be judged. */
  readonly mean: number | null;
  readonly standardError: number | null;
  /** Mean difference to statistics over the same entities and folds; null where none could be judged. */
  readonly gain: number | null;
  /** Entities and folds that it was judged on. */
  readonly units: number;
  /** Why it was not judged on the others. */
  readonly error?: string;
}
