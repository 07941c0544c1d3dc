/** When it began is not known: several moments are tried and weighted, none is believed alone. */
import type { Family } from "../core/records.ts";
import { type CaseView, indexAt, samplesBefore, timeAt } from "./case-view.ts";
import { FAMILY_WEIGHT } from "./family-weight.ts";
import { allShifts, type Shifts, totalGains } from "./shift.ts";

export interface Onset {
  /** First window of the fault. */
  readonly index: number;
  readonly timeMs: number;
  /** Share of belief, all of one search sum to 1. */
  readonly weight: number;
}

export interface OnsetSearch {
  /** Best first; empty only when there is nothing to search. */
  readonly onsets: readonly Onset[];
  /**
   * How clearly the best one stands out: about 6 for a quiet system, 27 for a fault. It tells a fault from none; the
   * confidence only tells suspects apart.
   */
  readonly strength: number;
}

/** How well a family's change points mark an onset. */
const WORTH: Readonly<Record<Family, number>> = {
  cpu: 1,
  memory: 1,
  latency: 1,
  errors: 1,
  silence: 1,
  network: 0.8,
  disk: 0.6,
  traffic: 0.6,
  other: 0.3,
};
const SHARPNESS = 2.5;
const EARLIEST = 4;
const LOUDEST = 8;
const CANDIDATES = 60;
/** Share of the case that is baseline for certain. */
const BASELINE = 0.15;
/** With anomalies at hand: their moments and this many windows around each, and the clearest steps besides. */
const HINTS = 4;
const NEAR = 1;
const PEAKS = 4;
const MOST_GAIN = 50;
/** Belief below which a moment is not looked at any further. */
const NEGLIGIBLE = 0.003;

/** All moments of a file, or those that the anomalies of a stream point at; weighed by how many series step there, how far. */
export function candidateOnsets(view: CaseView): OnsetSearch {
  const n = view.length;
  if (n === 0) return { onsets: [], strength: 0 };
  const hints = hinted(view);
  if (n < EARLIEST + 2) {
    const index = hints[0] ?? Math.max(0, n - 1);
    return { onsets: [{ index, timeMs: timeAt(view, index), weight: 1 }], strength: 0 };
  }
  const grid = evenly(n);
  const chosen = hints.length === 0 ? grid : around(view, hints, grid);
  const weights = view.series.map((s) => WORTH[s.family] * (s.family === "silence" ? 1 : FAMILY_WEIGHT[s.family]));
  const strengths = allShifts(view, chosen).map((t) => strengthOf(t, weights));
  const best = Math.max(...strengths);
  const beliefs = strengths.map((e) => Math.exp(SHARPNESS * (e - best)));
  const sum = beliefs.reduce((p, v) => p + v, 0);
  const kept = chosen
    .map((index, c) => ({ index, timeMs: timeAt(view, index), weight: (beliefs[c] as number) / sum }))
    .filter((o) => o.weight >= NEGLIGIBLE)
    .sort((a, b) => b.weight - a.weight || a.index - b.index);
  const left = kept.reduce((p, o) => p + o.weight, 0);
  return { onsets: kept.map((o) => ({ ...o, weight: o.weight / left })), strength: best * fewer(view) };
}

/** A case with less than eight series can't have eight clear ones. */
const fewer = (view: CaseView): number => LOUDEST / Math.max(1, Math.min(LOUDEST, view.series.length));

/** The onset that somebody gives, moved into the case: two windows before it, one after. */
export function givenOnset(view: CaseView, timeMs: number): Onset {
  const index = Math.max(0, Math.min(Math.max(2, samplesBefore(view, timeMs)), view.length - 1));
  return { index, timeMs, weight: 1 };
}

function evenly(n: number): number[] {
  const first = Math.max(EARLIEST, Math.floor(BASELINE * n));
  const last = n - 2;
  const stride = Math.max(1, Math.floor((last - first) / CANDIDATES));
  const out: number[] = [];
  for (let i = first; i <= last; i += stride) out.push(i);
  return out.length > 0 ? out : [Math.max(1, last)];
}

/** Mean over the clearest few series: split gain says where, deviation says what matters. */
function strengthOf({ gain, score }: Shifts, weights: readonly number[]): number {
  const top = new Float64Array(LOUDEST);
  for (let k = 0; k < score.length; k++) {
    const v = (gain[k] as number) * (weights[k] as number) * (score[k] as number);
    if (!(v > (top[0] as number))) continue;
    let at = 0;
    for (; at + 1 < LOUDEST && (top[at + 1] as number) < v; at++) top[at] = top[at + 1] as number;
    top[at] = v;
  }
  return top.reduce((p, v) => p + Math.sqrt(v), 0) / LOUDEST;
}

/** Windows in which anomalies began, most weight first; neighbours count together, the earlier one stands for them. */
function hinted(view: CaseView): number[] {
  const votes = new Map<number, number>();
  const vote = (timeMs: number, weight: number) => {
    const i = Math.min(view.length - 1, Math.max(EARLIEST, indexAt(view, timeMs)));
    votes.set(i, (votes.get(i) ?? 0) + weight);
  };
  for (const a of view.anomalies) vote(a.startMs, WORTH[a.family] * Math.min(1, -Math.log10(Math.max(a.p, 1e-30)) / 6));
  for (const t of view.onsetHintsMs) vote(t, 2);
  const score = (i: number) => (votes.get(i) ?? 0) + 0.5 * (votes.get(i + 1) ?? 0);
  return [...votes.keys()].sort((a, b) => score(b) - score(a) || a - b);
}

function around(view: CaseView, hints: readonly number[], grid: readonly number[]): number[] {
  const chosen = new Set<number>();
  const last = view.length - 1;
  for (const h of hints.slice(0, HINTS))
    for (let i = h - NEAR; i <= h + NEAR; i++) if (i >= EARLIEST && i <= last) chosen.add(i);
  const totals = totalGains(view, grid, MOST_GAIN);
  const peaks = grid.map((index, c) => ({ index, c, v: totals[c] as number }));
  const isPeak = ({ c, v }: { c: number; v: number }) => v >= (totals[c - 1] ?? 0) && v > (totals[c + 1] ?? 0) && v > 0;
  for (const { index } of peaks
    .filter(isPeak)
    .sort((a, b) => b.v - a.v || a.index - b.index)
    .slice(0, PEAKS))
    chosen.add(index);
  return [...chosen].sort((a, b) => a - b);
}
