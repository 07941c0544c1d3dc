import { formatValue } from "../../core/format.ts";
import type { Evidence } from "../../core/records.ts";
import type { CaseSeries, CaseView } from "../case-view.ts";
import type { Onset } from "../onset.ts";
import type { Shift } from "../shift.ts";

/** What one source of evidence says of one entity; `score` and its parts add up over rankers by weight. */
export interface RankerResult {
  readonly entity: string;
  readonly score: number;
  readonly for: readonly Evidence[];
  readonly against: readonly Evidence[];
}

/** Pure: the same case and onset give the same results, whatever else was asked before. */
export interface Ranker {
  readonly name: string;
  /** What it reads, and so where its onsets are looked for: the window grid, or the single spans and lines. */
  readonly clock: "windows" | "events";
  rank(view: CaseView, onset: Onset): RankerResult[];
}

/** "NAME went from 3 % to 91 %"; a series whose level stayed but that jumped is told by its peak. */
export function moved(s: CaseSeries, shift: Shift, verb: "went" | "is" = "went"): string {
  const told = (v: number) => (Number.isFinite(v) ? formatValue(v, s.unit, s.metric) : "nothing");
  const [before, after] = [told(shift.before), told(shift.after)];
  if (before === after) return `${s.name} reaches ${told(shift.peak)}, usually ${before}`;
  return verb === "is" ? `${s.name} is ${after} instead of ${before}` : `${s.name} went from ${before} to ${after}`;
}

/** Results with something to say, in canonical order. */
export function spoken(results: Iterable<RankerResult>): RankerResult[] {
  return [...results]
    .filter((r) => r.score !== 0 || r.against.length > 0)
    .sort((a, b) => (a.entity < b.entity ? -1 : a.entity > b.entity ? 1 : 0));
}
