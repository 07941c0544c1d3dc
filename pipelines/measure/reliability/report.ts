/** All reliability figures of a window of time. */

import { gammaP } from "../../../models/survival/gamma.ts";
import { kaplanMeier } from "../../../models/survival/kaplan-meier.ts";
import { fitWeibull } from "../../../models/survival/weibull.ts";
import { PipelineError } from "../../core/errors.ts";
import type { OutageRecord, ReliabilityReport } from "../../core/reliability.ts";
import { downSpans, lengthMs } from "./downtime.ts";
import { durationFigures } from "./durations.ts";
import { reliabilityFigures } from "./figures.ts";
import { forecastNext } from "./forecast.ts";
import type { ReplicaSample } from "./replicas.ts";

const HOUR = 3_600_000;
/** Windows of the burn rate. @see Google SRE Workbook, "Alerting on SLOs" */
const BURN_HOURS = [1, 6, 72, 720];
/** Points of the survival curve that are kept. */
const CURVE = 200;

export interface ReliabilityOptions {
  /** Undefined: the first outage opens the window, and is not counted among those that happened in it. */
  readonly fromMs?: number;
  readonly toMs: number;
  /** Share of time without an outage that is aimed at. */
  readonly objective?: number;
  readonly units?: number;
  readonly changes?: number;
  readonly loads?: readonly number[];
  readonly replicas?: readonly ReplicaSample[];
}

/**
 * Outages that began before `fromMs` count as downtime within the window, not as failures in it. Those not over by `toMs`
 * are open: they last at least until then.
 * @throws PipelineError INPUT_INVALID where `toMs` is not after `fromMs`
 */
export function reliabilityReport(
  all: readonly OutageRecord[],
  { fromMs, toMs, objective = 0.999, units = 1, changes, loads = [], replicas = [] }: ReliabilityOptions,
): ReliabilityReport {
  const sorted = all.filter((o) => o.startMs <= toMs).sort((a, b) => a.startMs - b.startMs || (a.id < b.id ? -1 : 1));
  const warnings: string[] = [];
  if (sorted.length < all.length)
    warnings.push(`${all.length - sorted.length} outages began after the window: left out`);
  const opening = fromMs === undefined ? sorted[0] : undefined;
  const start = fromMs ?? opening?.startMs ?? toMs;
  if (start > toMs || (fromMs !== undefined && start === toMs))
    throw new PipelineError("INPUT_INVALID", "window", {
      detail: "it ends before it begins",
      hint: "give --from before --to",
    });
  if (opening)
    warnings.push("no start of observation was given: the first outage opens the window and is not counted in rates");
  const within = sorted.filter((o) => o.startMs >= start && o !== opening);
  const known = sorted.filter((o) => (o.resolvedMs ?? toMs) >= start);
  const observedHours = (toMs - start) / HOUR;
  const spans = downSpans(sorted, start, toMs);
  const downHours = lengthMs(spans) / HOUR;

  const starts = [...new Set(sorted.filter((o) => o.startMs >= start).map((o) => o.startMs))];
  const origin = fromMs === undefined ? starts : [start, ...starts.filter((t) => t > start)];
  const gaps = origin.slice(1).map((t, i) => ({ time: (t - origin[i]!) / HOUR, ended: true }));
  const since = origin.length === 0 ? 0 : (toMs - origin.at(-1)!) / HOUR;
  const durations = since > 0 ? [...gaps, { time: since, ended: false }] : gaps;
  const fit = gaps.length >= 2 ? fitWeibull(durations) : undefined;
  const curve = kaplanMeier(durations).map((s) => ({
    hours: s.time,
    survival: s.survival,
    low: s.low,
    high: s.high,
    atRisk: s.atRisk,
  }));
  const stride = Math.max(1, Math.ceil(curve.length / CURVE));

  const budget = (1 - objective) * observedHours;
  return {
    fromMs: start,
    toMs,
    observedHours,
    units,
    incidents: known.length,
    open: known.filter((o) => o.resolvedMs === null || o.resolvedMs > toMs).length,
    figures: reliabilityFigures({ outages: within, observedHours, downHours, units, changes, loads, replicas }),
    durations: durationFigures(known, toMs),
    errorBudget: {
      objective,
      allowedHours: budget,
      downHours,
      remainingShare: budget > 0 ? 1 - downHours / budget : downHours > 0 ? -1 : 0,
      burnRates: BURN_HOURS.filter((h) => h <= observedHours).map((windowHours) => {
        const down = lengthMs(downSpans(sorted, toMs - windowHours * HOUR, toMs)) / HOUR;
        return { windowHours, downHours: down, burnRate: down / windowHours / (1 - objective) };
      }),
      definition:
        "The budget is the downtime that the objective allows in the window. Burn rate: share of a window, ending now, that was down, divided by the share that is allowed; 1 uses the budget up exactly.",
      source: "Google SRE Workbook 2018, ch. 5",
    },
    timeBetweenFailures: {
      survival: curve.filter((_, i) => i % stride === 0 || i === curve.length - 1),
      weibull: fit
        ? {
            shape: fit.shape,
            shapeInterval: fit.shapeInterval,
            scaleHours: fit.scale,
            scaleIntervalHours: fit.scaleInterval,
            logLikelihood: fit.logLikelihood,
            constantRateP: 1 - gammaP(0.5, Math.max(0, fit.logLikelihood - fit.exponential.logLikelihood)),
            gaps: fit.events,
          }
        : null,
      forecast: forecastNext({ fit, failures: gaps.length, exposure: observedHours, since }) ?? null,
      trend: laplace(
        within.map((o) => (o.startMs - start) / HOUR),
        observedHours,
      ),
      definition:
        "Times from the start of one outage to the start of the next; the time since the last one counts as a gap that is not over. Outages that began at one moment count as one.",
      source:
        "Kaplan & Meier 1958; Weibull by maximum likelihood with censoring: Cohen 1965, Meeker & Escobar 1998 ch. 8 and 12; trend: Laplace's test, Cox & Lewis 1966",
    },
    warnings,
  };
}

/** Score of a rate that changes: standard normal where it does not. Null for fewer than 3 events. */
function laplace(times: readonly number[], length: number): number | null {
  const n = times.length;
  if (n < 3 || !(length > 0)) return null;
  const mean = times.reduce((s, t) => s + t, 0) / n;
  return (mean - length / 2) / (length * Math.sqrt(1 / (12 * n)));
}
