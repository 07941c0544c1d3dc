/** Cumulative counts become rates, bucket counts become quantiles. */

import type { HistogramBatch } from "../core/batches.ts";
import { grown } from "../core/interning.ts";
import { bytesOf, float64Of, type PutChunk, type Stateful, uint32Of } from "../core/stage.ts";
import { SERIES_KINDS, type Tables } from "../core/tables.ts";

/** Takes a sample of a (gauge-like) series at an event time. */
export type AddSample = (seriesId: number, timeMs: number, value: number) => void;

const BLOCK = 1024;
const HISTOGRAM = SERIES_KINDS.indexOf("histogram");

/**
 * Counters to rates per second. A rate is the increment since the point before, over the time since then, so that
 * scrape jitter does not show. A value that falls, or a newer `startMs`, is a reset: the count began again at zero.
 * Out-of-order and repeated points are left out. Memory: 32 bytes a counter and 4 a series of any kind.
 */
export function counterRates(tables: Tables): Stateful & {
  /** Takes a point; gives the series that its rate belongs to, the rate itself in `rate`, or -1 for none. */
  add(seriesId: number, timeMs: number, startMs: number, value: number): number;
  rate: number;
} {
  /** A row a counter: time, value and start of its last point. */
  let rows = new Float64Array(0);
  let counters = 0;
  /** Counter + 1 of each series, 0 for none; and what belongs to each counter. */
  let counterOf = new Int32Array(BLOCK);
  let seriesOf = new Uint32Array(0);
  /** Series of the rate, + 2; 0 for not yet asked, 1 for none. */
  let derived = new Int32Array(0);
  const dirty = new Set<number>();
  const place = (counter: number, id: number) => {
    const need = Math.ceil((counter + 1) / BLOCK) * BLOCK;
    rows = grown(rows, need * 3);
    seriesOf = grown(seriesOf, need);
    derived = grown(derived, need);
    counterOf = grown(counterOf, id + 1);
    counterOf[id] = counter + 1;
    seriesOf[counter] = id;
    counters = Math.max(counters, counter + 1);
  };
  const rateSeries = (counter: number): number => {
    const known = derived[counter] as number;
    if (known !== 0) return known - 2;
    const id = seriesOf[counter] as number;
    const s = tables.seriesAt(id);
    if (!s) return -1;
    const unit = s.unit === "" || s.unit === "1" ? "1/s" : `${s.unit}/s`;
    const out = tables.internDerived(id, `${s.metric}.rate`, unit);
    derived[counter] = out + 2;
    return out;
  };
  let lastDirty = -1;
  return {
    /** Rate of the last point given to `add`. */
    rate: 0,
    add(id, timeMs, startMs, value) {
      let counter = (id < counterOf.length ? (counterOf[id] as number) : 0) - 1;
      if (counter < 0) {
        counter = counters;
        place(counter, id);
      }
      const at = counter * 3;
      const state = rows;
      const t0 = state[at] as number;
      if (timeMs <= t0) return -1;
      const v0 = state[at + 1] as number;
      const start = state[at + 2] as number;
      state[at] = timeMs;
      state[at + 1] = value;
      state[at + 2] = startMs;
      const block = counter >>> 10; // BLOCK is 2 ** 10
      if (block !== lastDirty) {
        dirty.add(block);
        lastDirty = block;
      }
      if (t0 === 0) return -1;
      const restarted = value < v0 || (startMs > 0 && start > 0 && startMs > start);
      this.rate = ((restarted ? value : value - v0) * 1000) / (timeMs - t0);
      return rateSeries(counter);
    },
    snapshot(put, full = false) {
      if (full) for (let b = 0; b * BLOCK < counters; b++) dirty.add(b);
      for (const b of dirty) {
        const to = Math.min(counters, (b + 1) * BLOCK);
        put(`rows/${b}`, bytesOf(rows.subarray(b * BLOCK * 3, to * 3)));
        put(`series/${b}`, bytesOf(seriesOf.subarray(b * BLOCK, to)));
      }
      dirty.clear();
      lastDirty = -1;
    },
    restore(chunks) {
      for (const [key, bytes] of chunks) {
        const [part, b] = key.split("/") as [string, string];
        const first = Number(b) * BLOCK;
        if (part === "series") for (const [i, id] of uint32Of(bytes).entries()) place(first + i, id);
        else {
          rows = grown(rows, (first + BLOCK) * 3);
          rows.set(float64Of(bytes), first * 3);
        }
      }
    },
  };
}

/**
 * Quantile q of bucketed counts, linear inside a bucket, as Prometheus' histogram_quantile does: the first bucket starts
 * at 0 (or its bound if negative), the open last bucket gives its lower bound. `undefined` without counts.
 */
export function histogramQuantile(q: number, upper: ArrayLike<number>, counts: ArrayLike<number>): number | undefined {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  if (!(total > 0)) return undefined;
  const rank = q * total;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    const c = counts[i] as number;
    if (below + c < rank || c === 0) {
      below += c;
      continue;
    }
    const high = upper[i] as number;
    const low = i === 0 ? Math.min(0, high) : (upper[i - 1] as number);
    if (!Number.isFinite(high)) return low;
    return low + ((high - low) * (rank - below)) / c;
  }
  return upper.length > 1 ? (upper[upper.length - 2] as number) : undefined;
}

interface HistogramState {
  timeMs: number;
  count: number;
  sum: number;
  upper: number[];
  counts: number[];
}

/** Histograms to `.rate` (1/s), `.mean`, `.p50` and `.p95` (unit of the metric) of what came since the point before. */
export function histogramFeatures(tables: Tables): Stateful & { add(batch: HistogramBatch, emit: AddSample): void } {
  const states = new Map<number, HistogramState>();
  const dirty = new Set<number>();
  const derived = new Map<number, readonly [number, number, number, number]>();
  const seriesFor = (id: number) => {
    const known = derived.get(id);
    if (known) return known;
    const s = tables.seriesAt(id);
    if (!s) return undefined;
    const make = (suffix: string, unit: string) => tables.internDerived(id, `${s.metric}.${suffix}`, unit);
    const made = [make("rate", "1/s"), make("mean", s.unit), make("p50", s.unit), make("p95", s.unit)] as const;
    derived.set(id, made);
    return made;
  };
  return {
    add(batch, emit) {
      let from = 0;
      for (let i = 0; i < batch.length; i++) {
        const to = batch.bucketEnd[i] as number;
        const upper = batch.upper.subarray(from, to);
        const counts = batch.counts.subarray(from, to);
        from = to;
        const id = batch.seriesIds[i] as number;
        const timeMs = batch.timeMs[i] as number;
        const before = states.get(id);
        if (before && timeMs <= before.timeMs) continue;
        const now = {
          timeMs,
          count: batch.count[i] as number,
          sum: batch.sum[i] as number,
          upper: Array.from(upper),
          counts: Array.from(counts),
        };
        states.set(id, now);
        dirty.add(id);
        const out = seriesFor(id);
        if (!before || !out) continue;
        const cumulative = tables.kinds[id] === HISTOGRAM;
        const same = before.counts.length === now.counts.length && before.upper.every((u, k) => u === now.upper[k]);
        const reset = !same || now.count < before.count;
        const sub = cumulative && !reset;
        const n = sub ? now.count - before.count : now.count;
        const delta = now.counts.map((c, k) => Math.max(0, sub ? c - (before.counts[k] as number) : c));
        if (out[0] >= 0) emit(out[0], timeMs, (n * 1000) / (timeMs - before.timeMs));
        if (!(n > 0)) continue;
        const mean = (sub ? now.sum - before.sum : now.sum) / n;
        if (out[1] >= 0 && Number.isFinite(mean)) emit(out[1], timeMs, mean);
        for (const [k, q] of [
          [2, 0.5],
          [3, 0.95],
        ] as const) {
          const v = histogramQuantile(q, upper, delta);
          if (v !== undefined && Number.isFinite(v) && (out[k] as number) >= 0) emit(out[k] as number, timeMs, v);
        }
      }
    },
    snapshot(put: PutChunk, full = false) {
      for (const id of full ? states.keys() : dirty) put(String(id), Buffer.from(JSON.stringify(states.get(id), inf)));
      dirty.clear();
    },
    restore(chunks) {
      for (const [id, bytes] of chunks) states.set(Number(id), JSON.parse(Buffer.from(bytes).toString(), unInf));
    },
  };
}

/** JSON has no infinity: the last bucket bound travels as a word. */
const inf = (_: string, v: unknown) => (v === Number.POSITIVE_INFINITY ? "+Inf" : v);
const unInf = (_: string, v: unknown) => (v === "+Inf" ? Number.POSITIVE_INFINITY : v);
