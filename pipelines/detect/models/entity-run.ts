import type { LiveModel, LiveState } from "../../../models/learned/live-model.ts";
import type { ModelState, RoleScores, ShadowAnomaly } from "../../core/live-models.ts";
import type { Anomaly } from "../../core/records.ts";
import type { DriftCounts } from "./drift.ts";
import type { LoadedEntity } from "./library.ts";

/** Windows in which a model learns what is usual for itself before it opens anything. */
export const WARM_WINDOWS = 60;
/** Windows with values and without an opinion after which it is said to be silent. */
export const SILENT_WINDOWS = 200;
/** Of a record of the topic `scores`. */
const MOST_OPENED = 20;

/** Numbers that judging one entity goes on with. */
export interface Course {
  /** Windows whose scores were learned. */
  learned: number;
  /** Decimal orders of improbability summed over recent windows. */
  evidence: number;
  /** Odd windows in a row. */
  frozen: number;
  /** Start of the first odd window, 0 for none. */
  sinceMs: number;
  /** Windows in a row without any value; with values and no opinion. */
  gaps: number;
  silent: number;
}

/** Since the last record of the topic `scores`. */
export interface Tally {
  scored: number;
  odd: number;
  orders: number;
  leastP: number;
  opened: ShadowAnomaly[];
}

/** One version on one entity. */
export interface EntityRun {
  readonly entityId: number;
  readonly slot: number;
  readonly loaded: LoadedEntity;
  readonly model: LiveModel;
  /** Where its columns begin among the values of all; series of each column, -1 while it has not been met. */
  readonly at: number;
  readonly series: Int32Array;
  /** Least deviation worth attention, of each column. */
  readonly floors: Float64Array;
  /** Level and usual deviation of each column as it comes, NaN before the first. */
  readonly level: Float64Array;
  readonly spread: Float64Array;
  readonly drift: DriftCounts;
  readonly course: Course;
  tally: Tally;
  open: { anomaly: Anomaly; emittedP: number } | undefined;
  failed: string;
  /** Odd in the window at hand. */
  odd: boolean;
  dirty: boolean;
}

export interface SavedRun {
  readonly model: LiveState;
  readonly tails: readonly number[];
  readonly course: Course;
  readonly level: readonly number[];
  readonly spread: readonly number[];
  readonly drift: readonly (readonly number[])[];
  readonly tally: Tally;
  readonly open: EntityRun["open"] | null;
  readonly failed: string;
}

export const freshCourse = (): Course => ({ learned: 0, evidence: 0, frozen: 0, sinceMs: 0, gaps: 0, silent: 0 });
export const freshTally = (): Tally => ({ scored: 0, odd: 0, orders: 0, leastP: 1, opened: [] });

export function stateOf({ failed, course }: EntityRun): ModelState {
  if (failed !== "") return "failed";
  if (course.silent >= SILENT_WINDOWS) return "silent";
  return course.learned < WARM_WINDOWS ? "warming" : "scoring";
}

export function tellOpened(run: EntityRun, { series, startMs, detectedMs, p, why }: Anomaly): void {
  if (run.tally.opened.length < MOST_OPENED) run.tally.opened.push({ series, startMs, detectedMs, p, why });
}

/** What it did since the last time, which is forgotten. */
export function takeScores(run: EntityRun, version: number): RoleScores {
  const { scored, odd, orders, leastP, opened } = run.tally;
  run.tally = freshTally();
  run.dirty = true;
  return {
    version,
    state: stateOf(run),
    scored,
    odd,
    leastP: scored > 0 ? leastP : null,
    meanOrders: scored > 0 ? Number((orders / scored).toPrecision(6)) : null,
    opened,
  };
}
