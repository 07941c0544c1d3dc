import type { DetectorBank, Floors } from "../bank.ts";
import { atLeast, clampValue, flooredScale, MAX_SCORE, MAX_VALUE } from "./scale.ts";
import { slotRows } from "./slot-rows.ts";
import { insertionSort, meanDeviation, medianDeviation, sortedMedian } from "./sorted.ts";

export interface RobustZOptions extends Floors {
  /** Newest samples that count, 3 to 256. */
  window?: number;
  /** Median and MAD are recomputed each time this many samples were learned, 1 to `window`. */
  refresh?: number;
  /** Samples before the first opinion, 2 to `window`. */
  warmup?: number;
}

/** MAD and mean absolute deviation of a normal sample, as shares of its standard deviation, inverted. */
const FROM_MAD = 1.482602218505602;
const FROM_MEAN_AD = 1.2533141373155001;
/** Largest finite single. */
const MAX_SINGLE = 3.4028234663852886e38;

/**
 * Doubles in the head of a row: four 16-bit counts (samples held, where the next one goes, samples since they were last
 * put in order, samples in order), the first sample, level, deviation.
 */
const HEAD = 4;

/**
 * Distance from the median of the last `window` samples, in deviations estimated as 1.4826 MAD; where more than half
 * the samples are equal (MAD 0), 1.2533 times the mean absolute deviation stands in.
 * Samples are kept as singles, as their distance from the first one, so the error is at most 6e-8 of that distance.
 * Their order is kept too: each refresh merges the few new samples into it, O(window) for `refresh` samples.
 * Memory: 32 + 5 * window bytes a slot.
 * @see Iglewicz & Hoaglin 1993, "How to Detect and Handle Outliers"; Leys et al. 2013, J. Exp. Soc. Psych. 49(4)
 */
export function robustZ({
  window = 64,
  refresh = 8,
  warmup = 30,
  relFloor = 0.02,
  absFloor = 1e-9,
}: RobustZOptions = {}): DetectorBank {
  const name = "robust-z";
  if (!Number.isSafeInteger(window) || window > 256)
    throw new RangeError(`${name}: window is ${window}; give an integer <= 256`);
  atLeast(name, "window", window, 3);
  atLeast(name, "refresh", refresh, 1);
  atLeast(name, "warmup", warmup, 2);
  atLeast(name, "relFloor", relFloor, 0);
  atLeast(name, "absFloor", absFloor, 0);
  if (refresh > window) throw new RangeError(`${name}: refresh ${refresh} exceeds window ${window}`);
  if (warmup > window) throw new RangeError(`${name}: warmup ${warmup} exceeds window ${window}`);
  const ringDoubles = Math.ceil(window / 2);
  const stride = ringDoubles + Math.ceil(window / 8);
  // Heads apart from samples: scoring needs only those, and they stay in the cache.
  const head = slotRows(name, HEAD, () => {
    small = new Uint16Array(head.data.buffer);
  });
  const samples = slotRows(name, stride, () => {
    singles = new Float32Array(samples.data.buffer);
    order = new Uint8Array(samples.data.buffer);
  });
  let small = new Uint16Array(0);
  let singles = new Float32Array(0);
  let order = new Uint8Array(0);
  const fresh = new Uint8Array(window);
  const freshValue = new Float64Array(window);
  const sorted = new Float64Array(window);

  /** Merges the newest `stale` samples of a slot into their order, and takes median and deviation anew. */
  function sort(slot: number, next: number, stale: number): void {
    const ring = singles;
    const ranks = order;
    const length = window | 0;
    const samplesAt = slot * stride * 2;
    const ranksAt = (slot * stride + ringDoubles) * 8;
    const count = Math.min(stale, length);
    const first = next >= count ? next - count : next - count + length;
    for (let i = 0; i < count; i++) {
      const position = first + i < length ? first + i : first + i - length;
      fresh[i] = position;
      freshValue[i] = ring[samplesAt + position]!;
    }
    insertionSort(freshValue, fresh, count);
    const before = small[slot * 16 + 3]!;
    let kept = 0;
    for (let i = 0; i < before; i++) {
      const position = ranks[ranksAt + i]!;
      // Where the sample has been overwritten, the next one takes its place; without a branch, which would be a guess.
      const age = position - first;
      sorted[kept] = ring[samplesAt + position]!;
      ranks[ranksAt + kept] = position;
      kept += (count - 1 - (age + ((age >> 31) & length))) >>> 31;
    }
    const n = kept + count;
    for (let k = n - 1, i = kept - 1, j = count - 1; j >= 0; k--) {
      const value = freshValue[j]!;
      if (i >= 0 && sorted[i]! > value) {
        sorted[k] = sorted[i]!;
        ranks[ranksAt + k] = ranks[ranksAt + i--]!;
      } else {
        sorted[k] = value;
        ranks[ranksAt + k] = fresh[j--]!;
      }
    }
    small[slot * 16 + 3] = n;
    const middle = sortedMedian(sorted, n);
    const mad = medianDeviation(sorted, n, middle);
    const { data } = head;
    const at = slot * 4;
    data[at + 2] = data[at + 1]! + middle;
    data[at + 3] = mad > 0 ? FROM_MAD * mad : FROM_MEAN_AD * meanDeviation(sorted, n, middle);
  }

  return {
    name,
    resize(slots) {
      head.resize(slots);
      samples.resize(slots);
    },
    saveBlock(from, to) {
      const [heads, rest] = [head.saveBlock(from, to), samples.saveBlock(from, to)];
      const state = new Float64Array(heads.length + rest.length);
      for (let i = 0; i < to - from; i++) {
        state.set(heads.subarray(i * HEAD, (i + 1) * HEAD), i * (HEAD + stride));
        state.set(rest.subarray(i * stride, (i + 1) * stride), i * (HEAD + stride) + HEAD);
      }
      return state;
    },
    loadBlock(from, to, state) {
      const need = (to - from) * (HEAD + stride);
      if (state.length !== need)
        throw new RangeError(`${name}: block [${from}, ${to}) takes ${need} doubles, not ${state.length}`);
      for (let slot = from, at = 0; slot < to; slot++, at += HEAD + stride) {
        head.loadBlock(slot, slot + 1, state.subarray(at, at + HEAD));
        samples.loadBlock(slot, slot + 1, state.subarray(at + HEAD, at + HEAD + stride));
      }
    },
    score(slots, values, out) {
      head.sameLength(slots, values, out);
      const { data } = head;
      const counts = small;
      const warm = +warmup;
      const relative = +relFloor;
      const absolute = +absFloor;
      const maxValue = +MAX_VALUE;
      const maxScore = +MAX_SCORE;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 4;
        const level = data[at + 2]!;
        let value = values[i]!;
        if (!(counts[at * 4]! >= warm && Math.abs(value) <= maxValue)) {
          if (level === undefined) head.refuse(slots[i]!);
          if (counts[at * 4]! < warm || !Number.isFinite(value)) {
            out[i] = Number.NaN;
            continue;
          }
          value = clampValue(value);
        }
        let scale = data[at + 3]!;
        const floor = relative * Math.abs(level);
        if (floor > scale) scale = floor;
        if (absolute > scale) scale = absolute;
        const far = Math.abs(value - level);
        const score = far > 0 ? far / scale : 0;
        out[i] = score < maxScore ? score : maxScore;
      }
    },
    learn(slots, values) {
      head.sameLength(slots, values);
      const { data } = head;
      const counts = small;
      const ring = singles;
      const maxValue = +MAX_VALUE;
      const maxSingle = +MAX_SINGLE;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i]!;
        const at = slot * 4;
        let value = values[i]!;
        const held = counts[at * 4]!;
        if (!(held > 0 && Math.abs(value) <= maxValue)) {
          if (data[at] === undefined) head.refuse(slot);
          if (!Number.isFinite(value)) continue;
          value = clampValue(value);
          if (held === 0) data[at + 1] = value;
        }
        let far = value - data[at + 1]!;
        if (!(Math.abs(far) <= maxSingle)) far = far > 0 ? maxSingle : -maxSingle;
        const next = counts[at * 4 + 1]!;
        ring[slot * stride * 2 + next] = far;
        const after = next + 1 < window ? next + 1 : 0;
        counts[at * 4 + 1] = after;
        const now = held < window ? held + 1 : window;
        counts[at * 4] = now;
        const stale = counts[at * 4 + 2]! + 1;
        if (now >= warmup && (stale >= refresh || counts[at * 4 + 3] === 0)) {
          sort(slot, after, stale);
          counts[at * 4 + 2] = 0;
        } else counts[at * 4 + 2] = stale;
      }
    },
    expected(slot) {
      const at = slot * 4;
      if (!(small[at * 4]! >= warmup)) return undefined;
      const level = head.data[at + 2]!;
      return { expected: level, scale: flooredScale(head.data[at + 3]!, level, relFloor, absFloor) };
    },
  };
}
