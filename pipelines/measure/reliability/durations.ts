/** Times to detect, acknowledge, mitigate and recover. */
import { type Duration, kaplanMeier, restrictedMean, survivalQuantile } from "../../../models/survival/kaplan-meier.ts";
import type { DurationFigure, OutageRecord } from "../../core/reliability.ts";

const HOUR = 3_600_000;

type Moment = "startMs" | "detectedMs" | "acknowledgedMs" | "mitigatedMs" | "resolvedMs";
type Kind = readonly [key: string, name: string, from: Moment, to: Moment, definition: string];

const KINDS: readonly Kind[] = [
  ["mttd", "Time to detect (MTTD)", "startMs", "detectedMs", "From the start of the fault to its detection."],
  [
    "mtta",
    "Time to acknowledge (MTTA)",
    "detectedMs",
    "acknowledgedMs",
    "From detection to the first acknowledgement by a person.",
  ],
  [
    "mttm",
    "Time to mitigate (MTTR, R = mitigate)",
    "detectedMs",
    "mitigatedMs",
    "From detection to the end of the action that took the effect away.",
  ],
  ["mttr", "Time to repair (MTTR, R = repair)", "detectedMs", "resolvedMs", "From detection to resolution."],
  [
    "mttrecover",
    "Time to recover (MTTR, R = recover)",
    "startMs",
    "resolvedMs",
    "From the start of the fault to resolution: what users feel.",
  ],
];
const AFTER_CHANGE: Kind = [
  "changeRecovery",
  "Failed deployment recovery time",
  "startMs",
  "resolvedMs",
  "Of outages that a change caused: from the start of the fault to resolution (DORA).",
];

const SOURCE =
  "Kaplan & Meier 1958 for median and 90th percentile, restricted mean where some are not over; the terms: IEC 60050-192, Google SRE Workbook";

/**
 * Each over all outages that began it. One that is not over at `toMs` counts as lasting longer than until then: it is
 * never left out. One that was resolved without ever being acknowledged or mitigated says nothing about that time, and
 * where no outage has such a moment though some are resolved, nobody wrote it down: open ones say nothing then.
 */
export function durationFigures(outages: readonly OutageRecord[], toMs: number): DurationFigure[] {
  const figure = ([key, name, from, to, definition]: Kind, of: readonly OutageRecord[]): DurationFigure => {
    const durations: Duration[] = [];
    const known = of.some((o) => o[to] !== null) || of.every((o) => o.resolvedMs === null);
    for (const o of known ? of : []) {
      const start = o[from];
      if (start === null || start > toMs) continue;
      const end = o[to];
      if (end !== null && end <= toMs) durations.push({ time: Math.max(0, end - start) / HOUR, ended: true });
      else if (o.resolvedMs === null || o.resolvedMs > toMs)
        durations.push({ time: (toMs - start) / HOUR, ended: false });
    }
    return { key, name, unit: "h", ...summary(durations), definition, source: SOURCE };
  };
  const byChange = outages.filter((o) => o.byChange === true);
  return [
    ...KINDS.map((kind) => figure(kind, outages)),
    ...(byChange.length > 0 ? [figure(AFTER_CHANGE, byChange)] : []),
  ];
}

export function summary(durations: readonly Duration[]) {
  const steps = kaplanMeier(durations);
  const ended = durations.filter((d) => d.ended).length;
  const longest = durations.reduce((m, d) => Math.max(m, d.time), 0);
  // The curve comes down to 0 only if the longest is over.
  const atLeast = durations.some((d) => !d.ended && d.time === longest) && (steps.at(-1)?.survival ?? 1) > 0;
  return {
    mean: durations.length === 0 ? null : restrictedMean(steps, longest),
    atLeast: durations.length > 0 && atLeast,
    median: survivalQuantile(steps, 0.5) ?? null,
    p90: survivalQuantile(steps, 0.9) ?? null,
    max: durations.length === 0 ? null : longest,
    ended,
    open: durations.length - ended,
  };
}
