import type { DetectorBank, Floors } from "../bank.ts";
import { columns } from "./columns.ts";
import { atLeast, clampValue, flooredScale, scaledDistance } from "./scale.ts";
import { median } from "./select.ts";

export interface RobustZOptions extends Floors {
  /** Newest samples that count, >= 3. */
  window?: number;
  /** Median and MAD are recomputed each time this many samples were learned. */
  refresh?: number;
  /** Samples before the first opinion, 2 to `window`. */
  warmup?: number;
}

/** MAD and mean absolute deviation of a normal sample, as shares of its standard deviation, inverted. */
const FROM_MAD = 1.482602218505602;
const FROM_MEAN_AD = 1.2533141373155001;

/**
 * Distance from the median of the last `window` samples, in deviations estimated as 1.4826 MAD; where more than half
 * the samples are equal (MAD 0), 1.2533 times the mean absolute deviation stands in.
 * O(window / refresh) a sample on average; (window + 4) * 8 bytes a slot.
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
  if (!Number.isSafeInteger(window)) throw new RangeError(`${name}: window is ${window}; give an integer`);
  atLeast(name, "window", window, 3);
  atLeast(name, "refresh", refresh, 1);
  atLeast(name, "warmup", warmup, 2);
  atLeast(name, "relFloor", relFloor, 0);
  atLeast(name, "absFloor", absFloor, 0);
  if (warmup > window) throw new RangeError(`${name}: warmup ${warmup} exceeds window ${window}`);
  const store = columns(name, { count: 1, stale: 1, level: 1, deviation: 1, ring: window });
  const scratch = new Float64Array(window);

  function recompute(slot: number, n: number): void {
    const { stale, level, deviation, ring } = store.col;
    const start = slot * window;
    for (let i = 0; i < n; i++) scratch[i] = ring[start + i]!;
    const middle = median(scratch, n);
    let mean = 0;
    for (let i = 0; i < n; i++) {
      const far = Math.abs(ring[start + i]! - middle);
      scratch[i] = far;
      mean += far / n;
    }
    const mad = median(scratch, n);
    level[slot] = middle;
    deviation[slot] = mad > 0 ? FROM_MAD * mad : FROM_MEAN_AD * mean;
    stale[slot] = 0;
  }

  return {
    name,
    resize: store.resize,
    saveBlock: store.saveBlock,
    loadBlock: store.loadBlock,
    score(slots, values, out) {
      store.check(slots, values, out);
      const { count, level, deviation } = store.col;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i]!;
        if (count[slot]! < warmup || !Number.isFinite(values[i])) {
          out[i] = Number.NaN;
          continue;
        }
        const middle = level[slot]!;
        const scale = flooredScale(deviation[slot]!, middle, relFloor, absFloor);
        out[i] = scaledDistance(clampValue(values[i]!) - middle, scale);
      }
    },
    learn(slots, values) {
      store.check(slots, values);
      const { count, stale, ring } = store.col;
      for (let i = 0; i < slots.length; i++) {
        if (!Number.isFinite(values[i])) continue;
        const slot = slots[i]!;
        const n = count[slot]! + 1;
        ring[slot * window + ((n - 1) % window)] = clampValue(values[i]!);
        count[slot] = n;
        stale[slot] = stale[slot]! + 1;
        if (n === warmup || (n > warmup && stale[slot]! >= refresh)) recompute(slot, Math.min(n, window));
      }
    },
    expected(slot) {
      const { count, level, deviation } = store.col;
      if ((count[slot] ?? 0) < warmup) return undefined;
      const middle = level[slot]!;
      return { expected: middle, scale: flooredScale(deviation[slot]!, middle, relFloor, absFloor) };
    },
  };
}
