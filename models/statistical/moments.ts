import type { DetectorBank, Floors } from "../bank.ts";
import { atLeast, clampValue, flooredScale, MAX_SCORE, MAX_VALUE } from "./scale.ts";
import { alwaysChanged, slotRows } from "./slot-rows.ts";

export interface MomentOptions extends Floors {
  /** Samples before the first opinion, >= 2. */
  warmup?: number;
  /** A learned value is pulled in to this many deviations once warm, so one glitch cannot blind; Infinity = off. */
  clip?: number;
}

/** Doubles in a row: number of samples, mean, variance. */
const STRIDE = 3;

/**
 * Mean and variance with weight max(1/(n+1), leastWeight) on the newest sample: plain running moments first, then
 * exponential forgetting. Score: |value - mean| / deviation. O(1) a sample; 24 bytes a slot.
 * @see Finch 2009, "Incremental calculation of weighted mean and variance"; West 1979, Commun. ACM 22(9)
 */
export function momentBank(
  name: string,
  leastWeight: number,
  { warmup = 30, clip = 50, relFloor = 0.02, absFloor = 1e-9 }: MomentOptions,
): DetectorBank {
  atLeast(name, "warmup", warmup, 2);
  atLeast(name, "clip", clip, 1);
  atLeast(name, "relFloor", relFloor, 0);
  atLeast(name, "absFloor", absFloor, 0);
  const store = slotRows(name, STRIDE);
  // the sample variance of few samples is too small by (n - 1) / n
  const scaleOf = (n: number, mean: number, variance: number) => {
    const newest = 1 / n;
    const weight = newest > leastWeight ? newest : leastWeight;
    return flooredScale(Math.sqrt(variance / (1 - weight)), mean, relFloor, absFloor);
  };

  return {
    name,
    resize: store.resize,
    saveBlock: store.saveBlock,
    loadBlock: store.loadBlock,
    parts: [alwaysChanged(store)],
    score(slots, values, out) {
      store.sameLength(slots, values, out);
      const { data } = store;
      const least = +leastWeight;
      const warm = +warmup;
      const relative = +relFloor;
      const absolute = +absFloor;
      const maxValue = +MAX_VALUE;
      const maxScore = +MAX_SCORE;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 3;
        const n = data[at]!;
        let value = values[i]!;
        if (!(n >= warm && Math.abs(value) <= maxValue)) {
          if (n === undefined) store.refuse(slots[i]!);
          if (n < warm || !Number.isFinite(value)) {
            out[i] = Number.NaN;
            continue;
          }
          value = clampValue(value);
        }
        const level = data[at + 1]!;
        const newest = 1 / n;
        let scale = Math.sqrt(data[at + 2]! / (1 - (newest > least ? newest : least)));
        const floor = relative * Math.abs(level);
        if (floor > scale) scale = floor;
        if (absolute > scale) scale = absolute;
        const far = Math.abs(value - level);
        const score = far > 0 ? far / scale : 0;
        out[i] = score < maxScore ? score : maxScore;
      }
    },
    learn(slots, values) {
      store.sameLength(slots, values);
      const { data } = store;
      const least = +leastWeight;
      const warm = +warmup;
      const relative = +relFloor;
      const absolute = +absFloor;
      const limit = +clip;
      const maxValue = +MAX_VALUE;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 3;
        const n = data[at]!;
        let value = values[i]!;
        if (!(n >= 0 && Math.abs(value) <= maxValue)) {
          if (n === undefined) store.refuse(slots[i]!);
          if (!Number.isFinite(value)) continue;
          value = clampValue(value);
        }
        const level = data[at + 1]!;
        const variance = data[at + 2]!;
        const newest = 1 / (n + 1);
        const weight = newest > least ? newest : least;
        let d = value - level;
        const far = Math.abs(d);
        // The first two are cheap and nearly always enough: they bound the limit from below.
        if (
          far > limit * absolute &&
          far > limit * relative * Math.abs(level) &&
          far * far > limit * limit * variance &&
          n >= warm
        ) {
          const most = limit * scaleOf(n, level, variance);
          if (d > most) d = most;
          else if (d < -most) d = -most;
        }
        data[at] = n + 1;
        data[at + 1] = level + weight * d;
        data[at + 2] = (1 - weight) * (variance + weight * d * d);
      }
    },
    expected(slot) {
      const n = store.data[slot * STRIDE]!;
      if (!(n >= warmup)) return undefined;
      const level = store.data[slot * STRIDE + 1]!;
      return { expected: level, scale: scaleOf(n, level, store.data[slot * STRIDE + 2]!) };
    },
  };
}
