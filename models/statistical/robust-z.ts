import type { DetectorBank, Floors } from "../bank.ts";
import { atLeast, clampValue, flooredScale, MAX_SCORE, MAX_VALUE } from "./scale.ts";
import { alwaysChanged, joinedRows, slotRows } from "./slot-rows.ts";
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
 * Doubles in the head of a row, before its newest samples: four 16-bit counts (samples held, where the newest will go,
 * how many newest there are, samples in order), the first sample, level, deviation.
 */
const HEAD = 4;

/**
 * Distance from the median of the last `window` samples, in deviations estimated as 1.4826 MAD; where more than half
 * the samples are equal (MAD 0), 1.2533 times the mean absolute deviation stands in.
 * Samples are kept as singles, as their distance from the first one, so the error is at most 6e-8 of that distance.
 * Their order is kept too: each refresh merges the few new samples into it, O(window) for `refresh` samples; until
 * then those stay in the head of the row, and the rest of it need not be touched or saved.
 * Memory: 32 + 4 * refresh + 5 * window bytes a slot.
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
  const headStride = HEAD + Math.ceil(refresh / 2);
  const head = slotRows("head", headStride, () => {
    small = new Uint16Array(head.data.buffer);
    recent = new Float32Array(head.data.buffer);
  });
  const samples = slotRows("samples", stride, () => {
    singles = new Float32Array(samples.data.buffer);
    order = new Uint8Array(samples.data.buffer);
  });
  let small = new Uint16Array(0);
  let recent = new Float32Array(0);
  let singles = new Float32Array(0);
  let order = new Uint8Array(0);
  const fresh = new Uint8Array(window);
  const freshValue = new Float64Array(window);
  const sorted = new Float64Array(window);

  /** Moves the newest samples of a slot to the others; gives the place after them. */
  function flush(slot: number): number {
    const at = slot * headStride;
    const count = small[at * 4 + 2]!;
    let next = small[at * 4 + 1]!;
    for (let i = 0; i < count; i++) {
      singles[slot * stride * 2 + next] = recent[(at + HEAD) * 2 + i]!;
      next = next + 1 < window ? next + 1 : 0;
    }
    small[at * 4 + 1] = next;
    small[at * 4 + 2] = 0;
    samples.touch(slot);
    return next;
  }

  /** Merges the last `count` samples before `next` into their order, and takes median and deviation anew. */
  function sort(slot: number, next: number, count: number): void {
    const ring = singles;
    const ranks = order;
    const length = window | 0;
    const samplesAt = slot * stride * 2;
    const ranksAt = (slot * stride + ringDoubles) * 8;
    const first = next >= count ? next - count : next - count + length;
    for (let i = 0; i < count; i++) {
      const position = first + i < length ? first + i : first + i - length;
      fresh[i] = position;
      freshValue[i] = ring[samplesAt + position]!;
    }
    insertionSort(freshValue, fresh, count);
    const before = small[slot * headStride * 4 + 3]!;
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
    small[slot * headStride * 4 + 3] = n;
    const middle = sortedMedian(sorted, n);
    const mad = medianDeviation(sorted, n, middle);
    const { data } = head;
    const at = slot * headStride;
    data[at + 2] = data[at + 1]! + middle;
    data[at + 3] = mad > 0 ? FROM_MAD * mad : FROM_MEAN_AD * meanDeviation(sorted, n, middle);
  }

  return {
    name,
    ...joinedRows(name, head, samples),
    parts: [alwaysChanged(head), samples],
    score(slots, values, out) {
      head.sameLength(slots, values, out);
      const { data } = head;
      const counts = small;
      const width = +headStride;
      const warm = +warmup;
      const relative = +relFloor;
      const absolute = +absFloor;
      const maxValue = +MAX_VALUE;
      const maxScore = +MAX_SCORE;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * width;
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
      const newest = recent;
      const width = +headStride;
      const warm = +warmup;
      const most = +refresh;
      const maxValue = +MAX_VALUE;
      const maxSingle = +MAX_SINGLE;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i]!;
        const at = slot * width;
        let value = values[i]!;
        let held = counts[at * 4]!;
        if (!(held > 0 && Math.abs(value) <= maxValue)) {
          if (data[at] === undefined) head.refuse(slot);
          if (!Number.isFinite(value)) continue;
          value = clampValue(value);
          if (held === 0) data[at + 1] = value;
        }
        let far = value - data[at + 1]!;
        if (!(Math.abs(far) <= maxSingle)) far = far > 0 ? maxSingle : -maxSingle;
        const count = counts[at * 4 + 2]! + 1;
        newest[at * 2 + 7 + count] = far; // behind the HEAD
        counts[at * 4 + 2] = count;
        if (held < window) counts[at * 4] = ++held;
        const first = held >= warm && counts[at * 4 + 3] === 0;
        if (!first && count < most) continue;
        const next = flush(slot);
        if (held >= warm) sort(slot, next, first ? held : count);
      }
    },
    expected(slot) {
      const at = slot * headStride;
      if (!(small[at * 4]! >= warmup)) return undefined;
      const level = head.data[at + 2]!;
      return { expected: level, scale: flooredScale(head.data[at + 3]!, level, relFloor, absFloor) };
    },
  };
}
