/**
 * Measures of a score against labels, both [rows] in order of time; labels are 0 or 1. Each agrees with
 * `../shared/eval/eval_metrics.py` (test/eval/metrics.test.ts holds its output). NaN where there is nothing to find.
 */

/** Runs of ones as [first, last], both inclusive. */
export function segments(labels: ArrayLike<number>): [number, number][] {
  const out: [number, number][] = [];
  let start = -1;
  for (let i = 0; i <= labels.length; i++) {
    const on = i < labels.length && (labels[i] as number) > 0;
    if (on && start < 0) start = i;
    else if (!on && start >= 0) {
      out.push([start, i - 1]);
      start = -1;
    }
  }
  return out;
}

/** Rows by falling score, ties in order of time. */
export function descending(score: Float64Array): Uint32Array {
  return Uint32Array.from(score.keys()).sort((a, b) => (score[b] as number) - (score[a] as number) || a - b);
}

interface Ranked {
  readonly positives: number;
  /** For each distinct score, falling: labelled rows and rows at or above it, and the score. */
  readonly hits: number[];
  readonly rows: number[];
  readonly thresholds: number[];
}

function ranked(labels: ArrayLike<number>, score: Float64Array): Ranked {
  const order = descending(score);
  const hits: number[] = [];
  const rows: number[] = [];
  const thresholds: number[] = [];
  let sum = 0;
  for (let k = 0; k < order.length; k++) {
    const at = order[k] as number;
    sum += labels[at] as number;
    if (k + 1 < order.length && score[order[k + 1] as number] === score[at]) continue;
    hits.push(sum);
    rows.push(k + 1);
    thresholds.push(score[at] as number);
  }
  return { positives: sum, hits, rows, thresholds };
}

/** Average precision: area under precision over recall, in steps. */
export function aucPr(labels: ArrayLike<number>, score: Float64Array): number {
  const { positives, hits, rows } = ranked(labels, score);
  let area = 0;
  hits.forEach((tp, i) => {
    area += ((tp - (hits[i - 1] ?? 0)) / positives) * (tp / (rows[i] as number));
  });
  return positives > 0 ? area : Number.NaN;
}

/** Best F1 over all thresholds, and the threshold (score >= threshold is an alarm). */
export function bestF1(labels: ArrayLike<number>, score: Float64Array): { f1: number; threshold: number } {
  const { positives, hits, rows, thresholds } = ranked(labels, score);
  let best = { f1: Number.NaN, threshold: Number.POSITIVE_INFINITY };
  hits.forEach((tp, i) => {
    const f1 = (2 * tp) / ((rows[i] as number) + positives);
    if (!(f1 <= best.f1)) best = { f1, threshold: thresholds[i] as number };
  });
  return positives > 0 ? best : { f1: Number.NaN, threshold: Number.NaN };
}

/**
 * Range-based F1, best over thresholds at score quantiles: existence weight 0, flat bias, reciprocal cardinality.
 * @see Tatbul et al. 2018, NeurIPS
 */
export function rangeF1(labels: ArrayLike<number>, score: Float64Array, thresholds = 200): number {
  const n = score.length;
  const real = segments(labels);
  const half = thresholds >> 1;
  const falling = score.slice().sort().reverse();
  const ranks = new Set<number>();
  for (let i = 0; i < half; i++) {
    ranks.add(Math.floor(Math.min(n, n ** (i / (half - 1)))) - 1);
    ranks.add(Math.floor(Math.min(n, 1 + ((n - 1) * i) / (half - 1))) - 1);
  }
  const labelled = cumulative(n, (i) => labels[i] as number);
  let best = 0;
  for (const t of new Set([...ranks].map((r) => falling[r] as number))) {
    const alarmed = Uint8Array.from(score, (s) => (s >= t ? 1 : 0));
    const found = segments(alarmed);
    if (found.length === 0) continue;
    const recall = overlap(
      real,
      found,
      cumulative(n, (i) => alarmed[i] as number),
    );
    const precision = overlap(found, real, labelled);
    if (precision + recall > 0) best = Math.max(best, (2 * precision * recall) / (precision + recall));
  }
  return best;
}

function cumulative(n: number, at: (i: number) => number): Float64Array {
  const out = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) out[i + 1] = (out[i] as number) + at(i);
  return out;
}

/** Mean share of each of `a` that `b` covers, over the number of `b` that touch it. `b` cumulated in `covered`. */
function overlap(a: [number, number][], b: [number, number][], covered: Float64Array): number {
  let sum = 0;
  let first = 0;
  for (const [from, to] of a) {
    while (first < b.length && (b[first] as [number, number])[1] < from) first++;
    let touching = 0;
    for (let j = first; j < b.length && (b[j] as [number, number])[0] <= to; j++) touching++;
    sum += ((covered[to + 1] as number) - (covered[from] as number)) / (to - from + 1) / Math.max(1, touching);
  }
  return sum / a.length;
}

/**
 * Volume under the surface of range-PR curves, label buffers 0..`window` rows.
 * @see Paparrizos et al. 2022, PVLDB 15(11)
 */
export function vusPr(labels: ArrayLike<number>, score: Float64Array, window = 100, thresholds = 250): number {
  const n = score.length;
  const order = descending(score);
  const runs = segments(labels);
  if (runs.length === 0) return Number.NaN;
  const th: number[] = [];
  for (let i = 0; i < thresholds; i++)
    th.push(score[order[Math.floor((i * (n - 1)) / (thresholds - 1))] as number] as number);
  const rowsAt = th.map((t) => {
    let [lo, hi] = [0, n];
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if ((score[order[mid] as number] as number) >= t) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  });
  const positives = runs.reduce((sum, [a, b]) => sum + b - a + 1, 0);
  const widened = new Float64Array(n);
  const sumTo = (weight: (i: number) => number) => {
    const out = new Float64Array(thresholds);
    let [k, sum] = [0, 0];
    for (let j = 0; j < thresholds; j++) {
      for (; k < (rowsAt[j] as number); k++) sum += weight(order[k] as number);
      out[j] = sum;
    }
    return out;
  };
  const plain = sumTo((i) => ((labels[i] as number) > 0 ? 1 : 0));
  let total = 0;
  for (let w = 0; w <= window; w++) {
    const h = w >> 1;
    for (let i = 0; i < n; i++) widened[i] = (labels[i] as number) > 0 ? 1 : 0;
    for (const [a, b] of h > 0 ? runs : []) {
      for (let x = b + 1; x < Math.min(b + h + 1, n); x++) widened[x]! += Math.sqrt(1 - (x - b) / w);
      for (let x = Math.max(a - h, 0); x < a; x++) widened[x]! += Math.sqrt(1 - (a - x) / w);
    }
    for (let i = 0; i < n; i++) widened[i] = (labels[i] as number) > 0 ? 1 : Math.min(widened[i] as number, 1);
    const merged: [number, number][] = [];
    for (const [a, b] of runs) {
      const [from, to] = [Math.max(0, a - h), Math.min(n - 1, b + h)];
      const last = merged.at(-1);
      if (last && from <= last[1]) last[1] = Math.max(last[1], to);
      else merged.push([from, to]);
    }
    const peaks = merged.map(([a, b]) => score.subarray(a, b + 1).reduce((x, y) => Math.max(x, y), -Infinity));
    const found = sumTo((i) => widened[i] as number);
    let before = 0;
    th.forEach((t, j) => {
      const tp = found[j] as number;
      const exist = peaks.filter((p) => p >= t).length / merged.length;
      const recall = Math.min(tp / ((2 * positives + tp - (plain[j] as number)) / 2), 1) * exist;
      total += ((recall - before) * tp) / (rowsAt[j] as number);
      before = recall;
    });
  }
  return total / (window + 1);
}
