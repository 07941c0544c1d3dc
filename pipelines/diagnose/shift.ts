/** Robust shift of every series at an onset: section 2 of the ranker research, on the window grid. */
import type { Family } from "../core/records.ts";
import type { CaseSeries, CaseView } from "./case-view.ts";

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
/** What comes later may be the recovery. */
const AFTER_WINDOWS = 40;
const MIN_BEFORE = 3;
const CAP = 40;

/** Least spread worth anybody's attention: 2 ms, 2 points of a ratio, 3 % of a core, 4 MiB, one point of a disk. Judgement. */
function floorOf({ family, unit, metric }: CaseSeries): number {
  if (family === "latency") return unit === "s" ? 0.002 : unit === "ms" ? 2 : unit === "us" ? 2000 : 1e-12;
  if (family === "errors") return unit.includes("/s") || metric === "logs.errors" ? 0.2 : 0.01;
  if (family === "memory") return unit.startsWith("By") ? 4 * 1024 * 1024 : 0.01;
  if (family === "cpu") return unit === "1" || metric.includes("utilization") ? 0.03 : 1e-12;
  if (family === "disk" && (unit === "1" || metric.includes("utilization"))) return 0.01;
  if (family === "silence") return 0.5;
  if (family === "traffic") return unit.includes("/s") ? 0.2 : 1e-12;
  return 1e-12;
}

const good = (family: Family, metric: string, up: boolean): boolean => {
  if (/availab|success/i.test(metric)) return up;
  return (family === "cpu" || family === "memory" || family === "latency" || family === "errors") && !up;
};

export function median(sorted: Float64Array): number {
  const n = sorted.length;
  if (n === 0) return Number.NaN;
  const m = n >> 1;
  return n % 2 === 1 ? (sorted[m] as number) : ((sorted[m - 1] as number) + (sorted[m] as number)) / 2;
}

interface Filled {
  readonly x: Float64Array;
  /** Prefix sums of the observed flags. */
  readonly seen: Uint32Array;
  readonly range: number;
}

interface Cache {
  readonly filled: (Filled | null)[];
  readonly shifts: Map<number, readonly Shift[]>;
}
const CACHES = new WeakMap<CaseView, Cache>();

const cacheOf = (view: CaseView): Cache => {
  const known = CACHES.get(view) ?? { filled: view.series.map((s) => fill(s, view.length)), shifts: new Map() };
  CACHES.set(view, known);
  return known;
};

/** Gaps carry the last value on, and the first one back; null for a series that never had one. */
function fill(s: CaseSeries, n: number): Filled | null {
  const x = new Float64Array(n);
  const seen = new Uint32Array(n + 1);
  let [lo, hi, last, first] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -1];
  for (let i = 0; i < n; i++) {
    const v = s.values[i] as number;
    seen[i + 1] = seen[i] as number;
    if (Number.isFinite(v)) {
      if (first < 0) first = i;
      seen[i + 1] = (seen[i + 1] as number) + 1;
      last = v;
      if (v < lo) lo = v;
      if (v > hi) hi = v;
    }
    x[i] = last;
  }
  if (first < 0) return null;
  for (let i = 0; i < first; i++) x[i] = x[first] as number;
  return { x, seen, range: hi - lo };
}

export const filledOf = (view: CaseView, index: number): Float64Array | undefined =>
  cacheOf(view).filled[index]?.x ?? undefined;

/** One shift a series of the view, in its order. O(series x windows log windows), kept for the view's life. */
export function shiftsAt(view: CaseView, onset: number): readonly Shift[] {
  const cache = cacheOf(view);
  const known = cache.shifts.get(onset);
  if (known) return known;
  const out = view.series.map((s, i) => {
    const f = cache.filled[i];
    return f ? shiftOf(s, f, onset) : NO_SHIFT;
  });
  cache.shifts.set(onset, out);
  return out;
}

function shiftOf(s: CaseSeries, { x, seen, range }: Filled, onset: number): Shift {
  const end = Math.min(x.length, onset + AFTER_WINDOWS);
  if (onset < MIN_BEFORE || onset >= end) return NO_SHIFT;
  const seenBefore = seen[onset] as number;
  if (seenBefore < MIN_BEFORE || seen[end] === seenBefore) return NO_SHIFT;
  const errors = s.family === "errors";
  let [sum, sq] = [0, 0];
  for (let i = 0; i < onset; i++) sum += x[i] as number;
  const mean = sum / onset;
  for (let i = 0; i < onset; i++) sq += ((x[i] as number) - mean) ** 2;
  const sd = Math.sqrt(sq / onset);
  const sortedA = x.slice(0, onset).sort();
  const medA = median(sortedA);
  const b = x.slice(onset, end);
  const m = b.length;
  const before = errors ? mean : medA;
  const after = errors ? b.reduce((p, v) => p + v, 0) / m : median(b.slice().sort());
  const d = Math.abs(after - before);
  const floor = floorOf(s);
  const rough = Math.max(0.5 * sd, 0.03 * Math.abs(before), 0.02 * range, floor);
  let [most, peak] = [0, after];
  for (const v of b)
    if (Math.abs(v - medA) > most) {
      most = Math.abs(v - medA);
      peak = v;
    }
  if (d < rough && most < 4 * rough) return { before, after, peak, scale: rough, score: 0 };
  for (let i = 0; i < onset; i++) sortedA[i] = Math.abs((x[i] as number) - before);
  const mad = 1.4826 * median(sortedA.sort());
  const unit = Math.abs(before) > 1.5 ? 100 : 1;
  const scale = errors ? Math.max(mad, sd, 0.002 * unit, floor) : Math.max(mad, rough);
  const last = x[onset - 1] as number;
  const dd = 0.2 * d + 0.8 * Math.min(d, Math.abs(after - last));
  let bm = 0;
  for (const v of b) bm = Math.max(bm, Math.min(Math.abs(v - medA), Math.abs(v - last)));
  const wr = excursion(x, onset, Math.min(m, 6), before);
  const z = Math.min(dd / scale, CAP);
  const r = Math.min(dd / Math.max(wr, 0.5 * scale), CAP);
  let score = Math.sqrt(z * r) + 0.2 * Math.min(bm / scale, CAP);
  if (good(s.family, s.metric, after > before)) score *= 0.7;
  if (seenBefore / onset < 0.3) score *= 0.3;
  if (!errors) score *= 0.7 + 0.3 * Math.min(1, Math.log1p(d / (Math.abs(before) + 0.05 * range + 1e-12)));
  return { before, after, peak, scale, score };
}

/** How far a stretch as short as the one after the onset strayed from `level` before it. */
function excursion(x: Float64Array, onset: number, k: number, level: number): number {
  const starts = onset - k + 1;
  if (starts <= 0) return 0;
  const stride = Math.max(1, Math.floor(starts / 30));
  const w = new Float64Array(k);
  let most = 0;
  for (let i = 0; i < starts; i += stride) {
    // Insertion sort: k is at most 6.
    for (let j = 0; j < k; j++) {
      const v = x[i + j] as number;
      let at = j;
      while (at > 0 && (w[at - 1] as number) > v) {
        w[at] = w[at - 1] as number;
        at -= 1;
      }
      w[at] = v;
    }
    most = Math.max(most, Math.abs(median(w) - level));
  }
  return most;
}
