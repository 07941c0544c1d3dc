/** When it began is not known: several moments are tried and weighted, none is believed alone. */
import type { Family } from "../core/records.ts";
import { type CaseView, indexAt } from "./case-view.ts";
import { filledOf, median, shiftsAt } from "./shift.ts";

export interface Onset {
  /** First window of the fault. */
  readonly index: number;
  /** Share of belief, all sum to 1. */
  readonly weight: number;
}

/** How well a family's change points mark an onset (research, section 3). */
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
const MOST = 4;
const SHARPNESS = 2.5;
const EARLIEST = 4;
const LOUDEST = 8;

/** At most four candidates, best first; none only when the case has no window at all. */
export function candidateOnsets(view: CaseView): Onset[] {
  const n = view.length;
  if (n === 0) return [];
  const hints = hinted(view);
  if (n < EARLIEST + 2) return [{ index: hints[0] ?? Math.max(0, n - 1), weight: 1 }];
  const { total, gains } = scan(view);
  const chosen = hints.slice(0, MOST - 1);
  for (const i of peaks(total)) if (chosen.length < MOST && !chosen.some((c) => Math.abs(c - i) <= 1)) chosen.push(i);
  if (chosen.length === 0) chosen.push(n - 2);
  const evidence = chosen.map((index) => {
    const shifts = shiftsAt(view, index);
    const loud = view.series
      .map((s, k) => Math.sqrt((gains[k]?.[index] ?? 0) * WORTH[s.family] * (shifts[k]?.score ?? 0)))
      .sort((a, b) => b - a)
      .slice(0, LOUDEST);
    return { index, e: loud.reduce((p, v) => p + v, 0) / LOUDEST };
  });
  const best = Math.max(...evidence.map((c) => c.e));
  const weights = evidence.map((c) => Math.exp(SHARPNESS * (c.e - best)));
  const sum = weights.reduce((p, v) => p + v, 0);
  return evidence
    .map(({ index }, k) => ({ index, weight: (weights[k] as number) / sum }))
    .sort((a, b) => b.weight - a.weight || a.index - b.index);
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

/** Likelihood gain of one step at each window over none, per series and in all (research, section 3). */
function scan(view: CaseView): { total: Float64Array; gains: (Float64Array | null)[] } {
  const n = view.length;
  const total = new Float64Array(n);
  const z = new Float64Array(n);
  const from = Math.max(EARLIEST, Math.floor(0.15 * n));
  const gains = view.series.map((s, k) => {
    const x = filledOf(view, k);
    if (!x) return null;
    const sorted = x.slice().sort();
    const med = median(sorted);
    const range = (sorted[n - 1] as number) - (sorted[0] as number);
    if (range === 0) return null;
    let sq = 0;
    for (let i = 0; i < n; i++) {
      sq += ((x[i] as number) - med) ** 2;
      sorted[i] = Math.abs((x[i] as number) - med);
    }
    const floor = 0.02 * Math.max(Math.abs(med), range);
    const sigma = Math.max(1.4826 * median(sorted.sort()), 0.3 * Math.sqrt(sq / n), floor);
    const f = (floor / sigma) ** 2;
    let [sum, squares] = [0, 0];
    for (let i = 0; i < n; i++) {
      z[i] = Math.max(-8, Math.min(8, ((x[i] as number) - med) / sigma));
      sum += z[i] as number;
      squares += (z[i] as number) ** 2;
    }
    const sst = squares - (sum * sum) / n;
    const out = new Float64Array(n);
    let left = 0;
    for (let i = 1; i < n - 1; i++) {
      left += z[i - 1] as number;
      if (i < from) continue;
      const between = left ** 2 / i + (sum - left) ** 2 / (n - i) - (sum * sum) / n;
      const g = 0.5 * n * Math.log((sst + n * f) / (Math.max(0, sst - between) + n * f + 1e-9));
      out[i] = Math.max(0, g);
      total[i] = (total[i] as number) + WORTH[s.family] * Math.min(50, out[i] as number);
    }
    return out;
  });
  return { total, gains };
}

/** Local maxima, highest first. */
function peaks(total: Float64Array): number[] {
  const out: number[] = [];
  for (let i = 1; i < total.length - 1; i++) {
    const v = total[i] as number;
    if (v > 0 && v >= (total[i - 1] as number) && v > (total[i + 1] as number)) out.push(i);
  }
  return out.sort((a, b) => (total[b] as number) - (total[a] as number) || a - b);
}
