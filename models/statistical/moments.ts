import type { DetectorBank, Floors } from "../bank.ts";
import { columns } from "./columns.ts";
import { atLeast, clampValue, flooredScale, scaledDistance } from "./scale.ts";

export interface MomentOptions extends Floors {
  /** Samples before the first opinion, >= 2. */
  warmup?: number;
  /** A learned value is pulled in to this many deviations once warm, so one glitch cannot blind; Infinity = off. */
  clip?: number;
}

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
  const store = columns(name, { count: 1, mean: 1, variance: 1 });
  // the sample variance of few samples is too small by (n - 1) / n
  const scaleOf = (n: number, mean: number, variance: number) =>
    flooredScale(Math.sqrt(variance / (1 - Math.max(leastWeight, 1 / n))), mean, relFloor, absFloor);

  return {
    name,
    resize: store.resize,
    saveBlock: store.saveBlock,
    loadBlock: store.loadBlock,
    score(slots, values, out) {
      store.check(slots, values, out);
      const { count, mean, variance } = store.col;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i]!;
        const n = count[slot]!;
        if (n < warmup || !Number.isFinite(values[i])) {
          out[i] = Number.NaN;
          continue;
        }
        const level = mean[slot]!;
        out[i] = scaledDistance(clampValue(values[i]!) - level, scaleOf(n, level, variance[slot]!));
      }
    },
    learn(slots, values) {
      store.check(slots, values);
      const { count, mean, variance } = store.col;
      for (let i = 0; i < slots.length; i++) {
        if (!Number.isFinite(values[i])) continue;
        const slot = slots[i]!;
        const n = count[slot]!;
        const level = mean[slot]!;
        const weight = Math.max(leastWeight, 1 / (n + 1));
        let d = clampValue(values[i]!) - level;
        if (n >= warmup && clip < Infinity) {
          const limit = clip * scaleOf(n, level, variance[slot]!);
          if (d > limit) d = limit;
          else if (d < -limit) d = -limit;
        }
        count[slot] = n + 1;
        mean[slot] = level + weight * d;
        variance[slot] = (1 - weight) * (variance[slot]! + weight * d * d);
      }
    },
    expected(slot) {
      const n = store.col.count[slot] ?? 0;
      if (n < warmup) return undefined;
      const level = store.col.mean[slot]!;
      return { expected: level, scale: scaleOf(n, level, store.col.variance[slot]!) };
    },
  };
}
