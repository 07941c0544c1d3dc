import { segments } from "../measures/row-measures.ts";

/** Judged rows of one entity under one model. */
export interface Replayed {
  readonly entity: string;
  readonly axis: "time" | "row";
  readonly at: Float64Array;
  readonly labels: Uint8Array;
  readonly score: Float64Array;
  readonly alarm: Float64Array;
}

/** An incident with the quiet time after it, up to the next: what is resampled. The first block may begin quiet. */
export interface Block {
  readonly from: number;
  readonly to: number;
  readonly incident: boolean;
  readonly found: boolean;
  /** On the entity's axis; NaN where not found. */
  readonly delay: number;
  readonly falseIncidents: number;
  readonly quiet: number;
}

export interface EventOptions {
  /** Alarms no further apart than this, on the axis, are one incident. */
  readonly merge: number;
}

/** An alarm of at least this is one. */
export const ALARM = 0.5;

/** Cuts judged rows at the starts of incidents. No alarm is credited outside the labelled rows, and none is adjusted. */
export function blocksOf({ at, labels, alarm }: Replayed, { merge }: EventOptions): Block[] {
  const n = at.length;
  if (n === 0) return [];
  const runs = segments(labels);
  const starts = runs.map(([from]) => from);
  const cuts = starts[0] === 0 ? starts : [0, ...starts];
  let lastFalse = Number.NEGATIVE_INFINITY;
  return cuts.map((from, k) => {
    const to = cuts[k + 1] ?? n;
    const run = runs.find(([first]) => first === from);
    let [delay, falseIncidents] = [Number.NaN, 0];
    for (let i = from; i < to; i++) {
      if (!(alarm[i]! >= ALARM)) continue;
      if (labels[i] === 1) {
        if (Number.isNaN(delay)) delay = at[i]! - at[from]!;
        continue;
      }
      if (at[i]! - lastFalse > merge) falseIncidents++;
      lastFalse = at[i]!;
    }
    const quietFrom = run ? Math.min(run[1] + 1, to) : from;
    const end = to < n ? at[to]! : at[n - 1]!;
    return {
      from,
      to,
      incident: run !== undefined,
      found: !Number.isNaN(delay),
      delay,
      falseIncidents,
      quiet: quietFrom < to ? end - at[quietFrom]! : 0,
    };
  });
}

export interface EventSums {
  incidents: number;
  found: number;
  falseIncidents: number;
  quiet: number;
}

export const precisionOf = ({ found, falseIncidents }: EventSums) =>
  found + falseIncidents > 0 ? found / (found + falseIncidents) : Number.NaN;
export const recallOf = ({ found, incidents }: EventSums) => (incidents > 0 ? found / incidents : Number.NaN);
export const f1Of = (s: EventSums) =>
  s.incidents > 0 ? (2 * s.found) / (s.incidents + s.found + s.falseIncidents) : Number.NaN;
