/** Confidence intervals of counts and shares. */
import { gammaQuantile } from "./gamma.ts";
import { normalQuantile } from "./normal.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly level: number;
}

/**
 * Exact interval for the mean of a Poisson count: at least `level` of such intervals hold it, whatever it is.
 * @throws RangeError for a count that is none. @see Garwood 1936, Biometrika 28
 */
export function poissonInterval(count: number, { level = 0.95 } = {}): Interval {
  if (!(Number.isInteger(count) && count >= 0)) throw new RangeError(`poissonInterval: ${count} is no count`);
  const tail = (1 - level) / 2;
  return {
    low: count === 0 ? 0 : gammaQuantile(count, tail),
    high: gammaQuantile(count + 1, 1 - tail),
    level,
  };
}

/**
 * Interval for a share, of `hits` among `trials`; within [0, 1] also at the ends. All of it for no trials.
 * @throws RangeError for counts that are none. @see Wilson 1927, JASA 22(158)
 */
export function wilsonInterval(hits: number, trials: number, { level = 0.95 } = {}): Interval {
  if (!(hits >= 0 && hits <= trials)) throw new RangeError(`wilsonInterval: ${hits} of ${trials}`);
  if (trials === 0) return { low: 0, high: 1, level };
  const z = normalQuantile((1 + level) / 2);
  const p = hits / trials;
  const f = (z * z) / trials;
  const centre = (p + f / 2) / (1 + f);
  const half = ((z / (1 + f)) * Math.sqrt(p * (1 - p) + f / 4)) / Math.sqrt(trials);
  return {
    low: hits === 0 ? 0 : Math.max(0, centre - half),
    high: hits === trials ? 1 : Math.min(1, centre + half),
    level,
  };
}
