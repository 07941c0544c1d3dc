/** When the next failure comes. */
import { gammaQuantile } from "../../../models/survival/gamma.ts";
import { normalQuantile } from "../../../models/survival/normal.ts";
import type { WeibullFit } from "../../../models/survival/weibull.ts";
import type { FailureForecast } from "../../core/reliability.ts";

const HORIZONS_HOURS = [1, 24, 168, 720];
/** Fits drawn along each axis of the uncertainty: equal shares of a normal, in two dimensions. */
const GRID = 25;
/** From this many gaps on, the shape of the law is worth fitting. */
const ENOUGH = 5;

/**
 * The time from now to the next failure, given that the last one was `since` ago: a mixture over all fits that the data
 * allow, each by its likelihood's normal approximation (Weibull), or exactly (constant rate, `failures` in `exposure`).
 * All in hours. Undefined without a failure.
 * @see Meeker & Escobar 1998, ch. 12, "Prediction of future random quantities"
 */
export function forecastNext(options: {
  readonly fit: WeibullFit | undefined;
  readonly failures: number;
  readonly exposure: number;
  readonly since: number;
}): FailureForecast | undefined {
  const { fit, failures, exposure, since } = options;
  if (failures < 1 || !(exposure > 0)) return undefined;
  const laws = fit && fit.events >= ENOUGH ? weibullLaws(fit) : rateLaws(failures, exposure);
  const survival = (t: number) => {
    let s = 0;
    for (const [shape, scale] of laws) {
      const already = (since / scale) ** shape;
      const then = ((since + t) / scale) ** shape;
      s += Number.isFinite(then) ? Math.exp(already - then) : 0;
    }
    return s / laws.length;
  };
  const quantile = (q: number) => {
    let high = 1;
    while (survival(high) > 1 - q && high < 1e9) high *= 2;
    if (high >= 1e9) return null;
    let low = 0;
    for (let i = 0; i < 30; i++) {
      const middle = (low + high) / 2;
      if (survival(middle) > 1 - q) low = middle;
      else high = middle;
    }
    return high;
  };
  return {
    model: fit && fit.events >= ENOUGH ? "weibull" : "exponential",
    sinceLastHours: since,
    medianHours: quantile(0.5),
    lowHours: quantile(0.1),
    highHours: quantile(0.9),
    within: HORIZONS_HOURS.map((hours) => ({ hours, probability: 1 - survival(hours) })),
  };
}

type Law = readonly [shape: number, scale: number];

function weibullLaws({ shape, scale, covariance: [a, b, c] }: WeibullFit): Law[] {
  const points = Array.from({ length: GRID }, (_, i) => normalQuantile((i + 0.5) / GRID));
  // Cholesky of the covariance of (ln shape, ln scale).
  const l11 = Math.sqrt(a);
  const l21 = c / l11;
  const l22 = Math.sqrt(Math.max(0, b - l21 * l21));
  return points.flatMap((u) =>
    points.map((v): Law => [shape * Math.exp(l11 * u), scale * Math.exp(l21 * u + l22 * v)]),
  );
}

/** Rates by what the count leaves open: gamma with the count as shape. */
function rateLaws(failures: number, exposure: number): Law[] {
  const n = GRID * GRID;
  return Array.from({ length: n }, (_, i): Law => [1, exposure / gammaQuantile(failures, (i + 0.5) / n)]);
}
