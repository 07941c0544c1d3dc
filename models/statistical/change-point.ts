import type { DetectorBank, Floors } from "../bank.ts";
import { atLeast, clampValue, flooredScale, MAX_VALUE } from "./scale.ts";
import { alwaysChanged, slotRows } from "./slot-rows.ts";

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
 * Doubles in a row: number of samples, level, mean absolute residual, CUSUM up and down, last residual, mean of residual
 * times the one before, mean of squared residual.
 */
const STRIDE = 8;

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
  const store = slotRows(name, STRIDE);
  const scaleOf = (spread: number, level: number) => flooredScale(FROM_MEAN_AD * spread, level, relFloor, absFloor);

  return {
    name,
    resize: store.resize,
    saveBlock: store.saveBlock,
    loadBlock: store.loadBlock,
    parts: [alwaysChanged(store)],
    score(slots, values, out) {
      store.sameLength(slots, values, out);
      const { data } = store;
      const warm = +warmup;
      const relative = +relFloor;
      const absolute = +absFloor;
      const tolerated = +slack;
      const most = +clip;
      const highest = +ceiling;
      const maxValue = +MAX_VALUE;
      const maxCorrelation = +MAX_CORRELATION;
      const fromMeanAd = +FROM_MEAN_AD;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 8;
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
        let floor = relative * Math.abs(level);
        if (absolute > floor) floor = absolute;
        const spread = fromMeanAd * data[at + 2]!;
        const d = value - level;
        let z = d === 0 ? 0 : d / (spread > floor ? spread : floor);
        if (z > most) z = most;
        else if (z < -most) z = -most;
        // max(0, x) as (x + |x|) / 2, which is exact: where signs are a matter of chance, a branch would be a guess
        const up = data[at + 3]! + z - tolerated;
        const down = data[at + 4]! - z - tolerated;
        const high = (up + Math.abs(up)) / 2;
        const low = (down + Math.abs(down)) / 2;
        let sum = (high + low + Math.abs(high - low)) / 2;
        if (sum > highest) sum = highest;
        // the floors count as white noise, else the first change in a constant series would pass for correlation
        const noise = data[at + 7]! + floor * floor;
        const share = noise > 0 ? data[at + 6]! / noise : 0;
        let r = (share + Math.abs(share)) / 2;
        if (r > maxCorrelation) r = maxCorrelation;
        out[i] = (2 * tolerated * sum * (1 - r)) / (1 + r);
      }
    },
    learn(slots, values) {
      store.sameLength(slots, values);
      const { data } = store;
      const warm = +warmup;
      const relative = +relFloor;
      const absolute = +absFloor;
      const least = 1 / memory;
      const tolerated = +slack;
      const most = +clip;
      const highest = +ceiling;
      const maxValue = +MAX_VALUE;
      const fromMeanAd = +FROM_MEAN_AD;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 8;
        const n = data[at]!;
        let value = values[i]!;
        if (!(n >= 0 && Math.abs(value) <= maxValue)) {
          if (n === undefined) store.refuse(slots[i]!);
          if (!Number.isFinite(value)) continue;
          value = clampValue(value);
        }
        const level = data[at + 1]!;
        data[at] = n + 1;
        let d = value - level;
        if (n === 0) {
          data[at + 1] = d;
          continue;
        }
        const spread = data[at + 2]!;
        if (n >= warm) {
          let scale = fromMeanAd * spread;
          const floor = relative * Math.abs(level);
          if (floor > scale) scale = floor;
          if (absolute > scale) scale = absolute;
          let z = d === 0 ? 0 : d / scale;
          if (z > most) z = most;
          else if (z < -most) z = -most;
          const up = data[at + 3]! + z - tolerated;
          const down = data[at + 4]! - z - tolerated;
          const high = (up + Math.abs(up)) / 2;
          const low = (down + Math.abs(down)) / 2;
          data[at + 3] = high < highest ? high : highest;
          data[at + 4] = low < highest ? low : highest;
          d = z * scale;
        }
        const newest = 1 / n;
        const weight = newest > least ? newest : least;
        const next = 1 / (n + 1);
        const last = data[at + 5]!;
        const cross = data[at + 6]!;
        const square = data[at + 7]!;
        data[at + 2] = spread + weight * (Math.abs(d) - spread);
        data[at + 6] = cross + weight * (d * last - cross);
        data[at + 7] = square + weight * (d * d - square);
        data[at + 1] = level + (next > least ? next : least) * d;
        data[at + 5] = d;
      }
    },
    expected(slot) {
      const at = slot * STRIDE;
      if (!(store.data[at]! >= warmup)) return undefined;
      const level = store.data[at + 1]!;
      return { expected: level, scale: scaleOf(store.data[at + 2]!, level) };
    },
  };
}
