/**
 * Robust shift of every series at every candidate onset, and how well a step at each of them explains the series.
 * Found best on 165 recorded incidents: docs/diagnosis.md.
 */
import { OrderedSplit } from "../../models/statistical/ordered-split.ts";
import { medianDeviationOf, sortedMedian } from "../../models/statistical/sorted.ts";
import { stepGains } from "../../models/statistical/step-gain.ts";
import { benignDirection } from "../core/metric-family.ts";
import type { CaseSeries, CaseView } from "./case-view.ts";
import { type Filled, fill } from "./filled.ts";

/** A series before and after an onset. `score` in about [0, 50]. */
export interface Shift {
  readonly before: number;
  readonly after: number;
  /** Value furthest from `before` after the onset. */
  readonly peak: number;
  /** Spread of the baseline, floors included, in the unit of the series. */
  readonly scale: number;
  readonly score: number;
}

export const NO_SHIFT: Shift = { before: Number.NaN, after: Number.NaN, peak: Number.NaN, scale: 0, score: 0 };

/** All series of a case at one onset, in its order. */
export interface Shifts {
  readonly score: Float64Array;
  /** Likelihood gain of a step here over none, natural log. */
  readonly gain: Float64Array;
  get(series: number): Shift;
}

const MIN_BEFORE = 2;
/** Most that counts: sparse histograms jump five-thousand-fold. */
const CAP = 40;
/** Windows of the baseline's own excursions. */
const STRETCH = 6;
/** One for all series: they are measured one after the other. */
const split = new OrderedSplit();
const FIELDS = 6;

/** Least spread worth anybody's attention where the unit is known: 2 ms, 1 point of a ratio, 3 % of a core, 4 MiB. Judgement. */
function floorOf({ family, unit, metric }: CaseSeries): number {
  if (family === "latency") return unit === "s" ? 0.002 : unit === "ms" ? 2 : unit === "us" ? 2000 : 1e-12;
  if (family === "errors") return unit.includes("/s") || metric === "logs.errors" ? 0.2 : unit === "1" ? 0.01 : 1e-12;
  if (family === "memory") return unit.startsWith("By") ? 4 * 1024 * 1024 : unit === "1" ? 0.01 : 1e-12;
  if (family === "cpu") return unit === "1" ? 0.03 : 1e-12;
  if (family === "disk" && unit === "1") return 0.01;
  if (family === "silence") return 0.5;
  if (family === "traffic") return unit.includes("/s") ? 0.2 : 1e-12;
  return 1e-12;
}

interface Cache {
  readonly filled: (Filled | null)[];
  readonly shifts: Map<number, Shifts>;
}
const CACHES = new WeakMap<CaseView, Cache>();

const cacheOf = (view: CaseView): Cache => {
  const known = CACHES.get(view) ?? { filled: view.series.map((s) => fill(s.values, view.length)), shifts: new Map() };
  CACHES.set(view, known);
  return known;
};

export const shiftsAt = (view: CaseView, onset: number): Shifts => allShifts(view, [onset])[0] as Shifts;

/** Shifts at each onset, kept for the view's life. O(series x (windows log windows + onsets x windows)) at worst. */
export function allShifts(view: CaseView, onsets: readonly number[]): Shifts[] {
  const cache = cacheOf(view);
  const missing = [...new Set(onsets)].filter((i) => !cache.shifts.has(i)).sort((a, b) => a - b);
  if (missing.length > 0) {
    const tables = missing.map((i) => new ShiftTable(view.series.length, i));
    for (const [k, s] of view.series.entries()) {
      const f = cache.filled[k];
      if (f && f.range > 0) measure(s, f, missing, tables, k);
      else if (f) for (const t of tables) t.put(k, f.x[0] as number, f.x[0] as number, f.x[0] as number, 1e-12, 0, 0);
    }
    for (const [c, i] of missing.entries()) cache.shifts.set(i, tables[c] as ShiftTable);
  }
  return onsets.map((i) => cache.shifts.get(i) as Shifts);
}

/** Step gain at each onset, summed over all series, at most `cap` each. */
export function totalGains(view: CaseView, onsets: readonly number[], cap: number): Float64Array {
  const out = new Float64Array(onsets.length);
  for (const [k, f] of cacheOf(view).filled.entries())
    if (f)
      for (const [c, g] of stepGains(f.x, f.sorted, onsets, originOf(view.series[k]!, f)).entries())
        out[c] = (out[c] as number) + Math.min(cap, g);
  return out;
}

/** Where a level is measured from: a dip of availability by 3 % is no small part of 100 %, but all of the failures. */
function originOf({ family, metric }: CaseSeries, { sorted }: Filled): number {
  if (family !== "errors" || benignDirection(metric) !== 1) return 0;
  return (sorted.at(-1) as number) > 1.5 ? 100 : 1;
}

class ShiftTable implements Shifts {
  readonly score: Float64Array;
  readonly gain: Float64Array;
  readonly onset: number;
  readonly #fields: Float64Array;

  constructor(series: number, onset: number) {
    this.onset = onset;
    this.score = new Float64Array(series);
    this.gain = new Float64Array(series);
    this.#fields = new Float64Array(series * FIELDS).fill(Number.NaN);
  }

  put(k: number, before: number, after: number, peak: number, scale: number, score: number, gain: number): void {
    this.#fields[k * FIELDS] = before;
    this.#fields[k * FIELDS + 1] = after;
    this.#fields[k * FIELDS + 2] = peak;
    this.#fields[k * FIELDS + 3] = scale;
    this.score[k] = score;
    this.gain[k] = gain;
  }

  get(k: number): Shift {
    const at = k * FIELDS;
    const f = this.#fields;
    if (Number.isNaN(f[at + 3] as number)) return NO_SHIFT;
    return {
      before: f[at] as number,
      after: f[at + 1] as number,
      peak: f[at + 2] as number,
      scale: f[at + 3] as number,
      score: this.score[k] as number,
    };
  }
}

/** One series at all onsets, ascending: the border moves right. O(n log n + onsets x log^2 n). */
function measure(s: CaseSeries, f: Filled, onsets: readonly number[], tables: readonly ShiftTable[], k: number): void {
  const { x, seen, range } = f;
  const n = x.length;
  const errors = s.family === "errors";
  const floor = floorOf(s);
  const benign = s.family === "disk" ? 0 : benignDirection(s.metric);
  const gains = stepGains(x, f.sorted, onsets, originOf(s, f));
  split.load(x, f.sorted);
  const ranked = (i: number) => split.before(i);
  const centre = sortedMedian(f.sorted, n);
  const stretches = f.stretches();
  let total = 0;
  for (let i = 0; i < n; i++) total += (x[i] as number) - centre;
  let [at, sum, squares] = [0, 0, 0];
  let [low, high, starts] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const [c, onset] of onsets.entries()) {
    const table = tables[c] as ShiftTable;
    for (; at < onset; at++) {
      const v = (x[at] as number) - centre;
      sum += v;
      squares += v * v;
    }
    split.moveTo(onset);
    const m = n - onset;
    const seenBefore = seen[at] as number;
    if (onset < MIN_BEFORE || m < 1 || seenBefore < MIN_BEFORE || seen[n] === seenBefore) continue;
    const mean = sum / onset;
    const sd = Math.sqrt(Math.max(0, squares / onset - mean * mean));
    const med = split.medianBefore();
    const mad = 1.4826 * medianDeviationOf(ranked, onset, med);
    const before = errors ? mean + centre : med;
    const after = errors ? (total - sum) / m + centre : split.medianAfter();
    const last = x[onset - 1] as number;
    const [least, most] = [split.after(0), split.after(m - 1)];
    const peak = most - med >= med - least ? most : least;
    const between = near(split.nearestAfter((med + last) / 2), med, last);
    const bm = Math.max(near(least, med, last), near(most, med, last), between);
    let wr = 0;
    if (m >= STRETCH && onset >= STRETCH) {
      for (; starts <= onset - STRETCH; starts++) {
        const w = stretches[starts] as number;
        if (w < low) low = w;
        if (w > high) high = w;
      }
      wr = Math.max(med - low, high - med);
    } else wr = excursion(x, onset, Math.min(m, STRETCH), med);
    const d = Math.abs(after - before);
    const unit = Math.abs(before) > 1.5 ? 100 : 1;
    const scale = errors
      ? Math.max(mad, sd, 0.002 * unit, floor)
      : Math.max(mad, 0.5 * sd, 0.03 * Math.abs(med), 0.02 * range, floor);
    // A shift that was there just before the onset is not its effect.
    const dd = 0.2 * d + 0.8 * Math.min(d, Math.abs(after - last));
    const z = Math.min(dd / scale, CAP);
    const r = Math.min(dd / Math.max(wr, 0.5 * scale), CAP);
    let score = Math.sqrt(z * r) + 0.2 * Math.min(bm / scale, CAP);
    if (Math.sign(after - before) * benign > 0) score *= 0.7;
    if (seenBefore / onset < 0.3) score *= 0.3;
    if (!errors) score *= 0.7 + 0.3 * Math.min(1, Math.log1p(d / (Math.abs(med) + 0.05 * range + 1e-12)));
    table.put(k, before, after, peak, scale, score, gains[c] as number);
  }
}

/** How far a value is from the nearer of two. Over a series it is largest at an extreme, or half way between the two. */
const near = (v: number, a: number, b: number): number => Math.min(Math.abs(v - a), Math.abs(v - b));

/** How far a stretch of k samples strayed from `level` before the onset. */
function excursion(x: Float64Array, onset: number, k: number, level: number): number {
  const w = new Float64Array(k);
  let most = 0;
  for (let i = 0; i < Math.max(1, onset - k + 1); i++) {
    const n = Math.min(k, onset - i);
    for (let j = 0; j < n; j++) w[j] = x[i + j] as number;
    most = Math.max(most, Math.abs(sortedMedian(w.subarray(0, n).sort(), n) - level));
  }
  return most;
}
