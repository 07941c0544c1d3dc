/** The Weibull law fitted to durations, some of which are not over yet. */
import type { Duration } from "./kaplan-meier.ts";
import { normalQuantile } from "./normal.ts";

export interface WeibullFit {
  /** Below 1: failures come early or in bunches; 1: at random; above 1: by wear. */
  readonly shape: number;
  /** Time by which 63 % have ended; the unit of the durations. */
  readonly scale: number;
  readonly logLikelihood: number;
  /** Of a fit with shape 1. */
  readonly exponential: { readonly scale: number; readonly logLikelihood: number };
  /** 95 %, from the curvature of the likelihood on the log scale. */
  readonly shapeInterval: readonly [number, number];
  readonly scaleInterval: readonly [number, number];
  /** Covariance of (ln shape, ln scale): variances, then covariance. */
  readonly covariance: readonly [number, number, number];
  readonly events: number;
}

/**
 * Maximum likelihood with right-censoring; undefined with fewer than two different ended times (the shape is then free).
 * Times of 0 count as the least positive one seen. Solves the profile equation of the shape by bisection: it is monotone.
 * O(n) a step. @throws RangeError for NaN or negative times
 * @see Cohen 1965, Technometrics 7(4); Meeker & Escobar 1998, "Statistical Methods for Reliability Data", ch. 8
 */
export function fitWeibull(durations: readonly Duration[], { level = 0.95 } = {}): WeibullFit | undefined {
  for (const { time } of durations)
    if (!(time >= 0 && Number.isFinite(time))) throw new RangeError(`fitWeibull: ${time} is no duration`);
  const least = Math.min(...durations.map((d) => (d.time > 0 ? d.time : Number.POSITIVE_INFINITY)));
  const ended = durations.filter((d) => d.ended);
  const at = (d: Duration) => Math.max(d.time, least);
  if (!Number.isFinite(least) || new Set(ended.map(at)).size < 2) return undefined;
  // Relative to the longest: powers then stay within [0, 1].
  const longest = durations.reduce((m, d) => Math.max(m, d.time), 0);
  const logs = durations.map((d) => Math.log(at(d) / longest));
  const n = ended.length;
  const meanLog = ended.reduce((s, d) => s + Math.log(at(d) / longest), 0) / n;
  const sums = (k: number) => {
    let [s0, s1, s2] = [0, 0, 0];
    for (const l of logs) {
      const w = Math.exp(k * l);
      s0 += w;
      s1 += w * l;
      s2 += w * l * l;
    }
    return [s0, s1, s2] as const;
  };
  const slope = (k: number) => {
    const [s0, s1] = sums(k);
    return s1 / s0 - 1 / k - meanLog;
  };
  let low = 1e-3;
  let high = 1;
  while (slope(high) < 0 && high < 1e6) high *= 2;
  while (slope(low) > 0 && low > 1e-9) low /= 2;
  for (let i = 0; i < 200 && high - low > 1e-14 * high; i++) {
    const middle = (low + high) / 2;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  const shape = (low + high) / 2;
  const [s0, s1, s2] = sums(shape);
  const relative = (s0 / n) ** (1 / shape);
  const scale = relative * longest;
  const logLikelihood =
    n * Math.log(shape) - n * shape * Math.log(relative) + (shape - 1) * n * meanLog - n - n * Math.log(longest);
  const total = durations.reduce((s, d) => s + at(d), 0);
  // Observed information for (ln shape, ln scale) at the maximum, z = (t / scale)^shape.
  const u = Math.log(relative);
  const zl = (s1 - u * s0) / relative ** shape; // Σ z ln(t / scale)
  const zll = (s2 - 2 * u * s1 + u * u * s0) / relative ** shape;
  const kk = n + shape * shape * zll; // with the first derivative zero
  const ss = shape * shape * n;
  const ks = -shape * shape * zl;
  const determinant = kk * ss - ks * ks;
  const covariance = [ss / determinant, kk / determinant, -ks / determinant] as const;
  const z = normalQuantile((1 + level) / 2);
  const around = (v: number, variance: number) =>
    [v * Math.exp(-z * Math.sqrt(variance)), v * Math.exp(z * Math.sqrt(variance))] as const;
  return {
    shape,
    scale,
    logLikelihood,
    exponential: { scale: total / n, logLikelihood: -n * Math.log(total / n) - n },
    shapeInterval: around(shape, covariance[0]),
    scaleInterval: around(scale, covariance[1]),
    covariance,
    events: n,
  };
}

/** Chance of lasting longer than `time`. */
export const weibullSurvival = (shape: number, scale: number, time: number): number =>
  time <= 0 ? 1 : Math.exp(-((time / scale) ** shape));
