import type { DetectorBank, Floors } from "../bank.ts";
import { columns } from "./columns.ts";
import { atLeast, clampValue, flooredScale } from "./scale.ts";

export interface ChangePointOptions extends Floors {
  /** Drift that is tolerated, in deviations a sample, > 0. */
  slack?: number;
  /** A residual counts at most this many deviations, > slack: one spike is not a change. */
  clip?: number;
  /** Largest CUSUM; bounds how long it takes to calm down: ceiling / slack samples. */
  ceiling?: number;
  /** Time constant of level and deviation, samples. */
  memory?: number;
  /** Samples before the first opinion, >= 2. */
  warmup?: number;
}

const FROM_MEAN_AD = 1.2533141373155001;
const MAX_CORRELATION = 0.9;

/**
 * Two-sided CUSUM S of clipped standardised residuals against a slow robust level: finds shifts and slow ramps that
 * adapting detectors follow. For normal noise the stationary tail of S is exp(-2 slack S / v), where v is the variance
 * inflation (1 + r) / (1 - r) by lag-one correlation r; so the score is 2 slack S / v, usually exponential with mean near 1.
 * O(1) a sample; 64 bytes a slot.
 * @see Page 1954, Biometrika 41(1/2); Siegmund 1985, "Sequential Analysis"; Johnson & Bagshaw 1974, Technometrics 16(1)
 */
export function changePoint({
  slack = 0.5,
  clip = 3,
  ceiling = 100,
  memory = 720,
  warmup = 30,
  relFloor = 0.02,
  absFloor = 1e-9,
}: ChangePointOptions = {}): DetectorBank {
  const name = "change-point";
  if (!(slack > 0 && clip > slack))
    throw new RangeError(`${name}: slack ${slack}, clip ${clip}; give 0 < slack < clip`);
  atLeast(name, "ceiling", ceiling, clip);
  atLeast(name, "memory", memory, 2);
  atLeast(name, "warmup", warmup, 2);
  atLeast(name, "relFloor", relFloor, 0);
  atLeast(name, "absFloor", absFloor, 0);
  const store = columns(name, {
    count: 1,
    level: 1,
    spread: 1, // mean absolute residual
    up: 1,
    down: 1,
    last: 1, // residual before, unit of the series
    cross: 1, // mean of residual times residual before
    square: 1, // mean of squared residual
  });
  const scaleAt = (slot: number) =>
    flooredScale(FROM_MEAN_AD * store.col.spread[slot]!, store.col.level[slot]!, relFloor, absFloor);
  const standardised = (d: number, scale: number) =>
    d === 0 ? 0 : scale > 0 ? Math.max(-clip, Math.min(clip, d / scale)) : d > 0 ? clip : -clip;

  return {
    name,
    resize: store.resize,
    saveBlock: store.saveBlock,
    loadBlock: store.loadBlock,
    score(slots, values, out) {
      store.check(slots, values, out);
      const { count, level, up, down, cross, square } = store.col;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i]!;
        if (count[slot]! < warmup || !Number.isFinite(values[i])) {
          out[i] = Number.NaN;
          continue;
        }
        const z = standardised(clampValue(values[i]!) - level[slot]!, scaleAt(slot));
        const sum = Math.min(ceiling, Math.max(0, up[slot]! + z - slack, down[slot]! - z - slack));
        // the floors count as white noise, else the first change in a constant series would pass for correlation
        const noise = square[slot]! + flooredScale(0, level[slot]!, relFloor, absFloor) ** 2;
        const r = noise > 0 ? Math.max(0, Math.min(MAX_CORRELATION, cross[slot]! / noise)) : 0;
        out[i] = (2 * slack * sum * (1 - r)) / (1 + r);
      }
    },
    learn(slots, values) {
      store.check(slots, values);
      const { count, level, spread, up, down, last, cross, square } = store.col;
      for (let i = 0; i < slots.length; i++) {
        if (!Number.isFinite(values[i])) continue;
        const slot = slots[i]!;
        const n = count[slot]!;
        count[slot] = n + 1;
        let d = clampValue(values[i]!) - level[slot]!;
        if (n === 0) {
          level[slot] = d;
          continue;
        }
        if (n >= warmup) {
          const scale = scaleAt(slot);
          const z = standardised(d, scale);
          up[slot] = Math.min(ceiling, Math.max(0, up[slot]! + z - slack));
          down[slot] = Math.min(ceiling, Math.max(0, down[slot]! - z - slack));
          d = z * scale;
        }
        const weight = Math.max(1 / memory, 1 / n);
        spread[slot] = spread[slot]! + weight * (Math.abs(d) - spread[slot]!);
        cross[slot] = cross[slot]! + weight * (d * last[slot]! - cross[slot]!);
        square[slot] = square[slot]! + weight * (d * d - square[slot]!);
        level[slot] = level[slot]! + Math.max(1 / memory, 1 / (n + 1)) * d;
        last[slot] = d;
      }
    },
    expected(slot) {
      if ((store.col.count[slot] ?? 0) < warmup) return undefined;
      return { expected: store.col.level[slot]!, scale: scaleAt(slot) };
    },
  };
}
