/** Durations, some of which are not over yet. */
import { normalQuantile } from "./normal.ts";

/** `ended` false: it lasted at least so long (right-censored). */
export interface Duration {
  readonly time: number;
  readonly ended: boolean;
}

export interface SurvivalStep {
  readonly time: number;
  readonly atRisk: number;
  readonly events: number;
  /** Chance of lasting longer than `time`. */
  readonly survival: number;
  /** 95 %, by the logarithm of the cumulative hazard. */
  readonly low: number;
  readonly high: number;
}

/**
 * Product-limit estimate with Greenwood's variance; a duration that is censored at the time of an event is still at risk.
 * Invalid times (NaN, negative) are not for this: RangeError. O(n log n).
 * @see Kaplan & Meier 1958, JASA 53(282); Kalbfleisch & Prentice 1980 for the interval
 */
export function kaplanMeier(durations: readonly Duration[], { level = 0.95 } = {}): SurvivalStep[] {
  for (const { time } of durations) if (!(time >= 0)) throw new RangeError(`kaplanMeier: ${time} is no duration`);
  const z = normalQuantile((1 + level) / 2);
  const sorted = [...durations].sort((a, b) => a.time - b.time || Number(b.ended) - Number(a.ended));
  const steps: SurvivalStep[] = [];
  let survival = 1;
  let greenwood = 0;
  for (let i = 0; i < sorted.length; ) {
    const { time } = sorted[i]!;
    const atRisk = sorted.length - i;
    let events = 0;
    for (; i < sorted.length && sorted[i]!.time === time; i++) if (sorted[i]!.ended) events += 1;
    if (events === 0) continue;
    survival *= (atRisk - events) / atRisk;
    greenwood += events / (atRisk * (atRisk - events));
    const logS = Math.log(survival);
    const spread = survival > 0 ? Math.exp((z * Math.sqrt(greenwood)) / logS) : Number.NaN;
    steps.push({
      time,
      atRisk,
      events,
      survival,
      low: survival > 0 ? survival ** (1 / spread) : 0,
      high: survival > 0 ? survival ** spread : 0,
    });
  }
  return steps;
}

/** Least time by which a share `q` is over; undefined where too many are not over yet. */
export function survivalQuantile(steps: readonly SurvivalStep[], q: number): number | undefined {
  return steps.find((s) => s.survival <= 1 - q + 1e-12)?.time;
}

/** Area under the curve up to the longest time seen: the mean where that one is over, else less than the mean. */
export function restrictedMean(steps: readonly SurvivalStep[], longest: number): number {
  let area = 0;
  let from = 0;
  let survival = 1;
  for (const s of steps) {
    area += survival * (s.time - from);
    from = s.time;
    survival = s.survival;
  }
  return area + survival * Math.max(0, longest - from);
}
