/** Times to detect, acknowledge, mitigate and recover. */
import { type Duration, kaplanMeier, restrictedMean, survivalQuantile } from "../../../models/survival/kaplan-meier.ts";
import type { DurationFigure, OutageRecord } from "../../core/reliability.ts";

const HOUR = 3_600_000;

interface Kind {
  readonly key: string;
  readonly name: string;
  readonly from: (o: OutageRecord) => number | null;
  readonly to: (o: OutageRecord) => number | null;
  readonly definition: string;
}

const KINDS: readonly Kind[] = [
  {
    key: "mttd",
    name: "Time to detect (MTTD)",
    from: (o) => o.startMs,
    to: (o) => o.detectedMs,
    definition: "From the start of the fault to its detection.",
  },
  {
    key: "mtta",
    name: "Time to acknowledge (MTTA)",
    from: (o) => o.detectedMs,
    to: (o) => o.acknowledgedMs,
    definition: "From detection to the first acknowledgement by a person.",
  },
  {
    key: "mttm",
    name: "Time to mitigate (MTTR, R = mitigate)",
    from: (o) => o.detectedMs,
    to: (o) => o.mitigatedMs,
    definition: "From detection to the end of the action that took the effect away.",
  },
  {
    key: "mttr",
    name: "Time to repair (MTTR, R = repair)",
    from: (o) => o.detectedMs,
    to: (o) => o.resolvedMs,
    definition: "From detection to resolution.",
  },
  {
    key: "mttrecover",
    name: "Time to recover (MTTR, R = recover)",
    from: (o) => o.startMs,
    to: (o) => o.resolvedMs,
    definition: "From the start of the fault to resolution: what users feel.",
  },
];

const SOURCE =
  "Kaplan & Meier 1958 for median and 90th percentile, restricted mean where some are not over; the terms: IEC 60050-192, Google SRE Workbook";

/**
 * Each over all outages that began it. One that is not over at `toMs` counts as lasting longer than until then: it is
 * never left out. One that was resolved without ever being acknowledged or mitigated says nothing about that time.
 */
export function durationFigures(outages: readonly OutageRecord[], toMs: number): DurationFigure[] {
  return KINDS.map(({ key, name, from, to, definition }) => {
    const durations: Duration[] = [];
    for (const o of outages) {
      const start = from(o);
      if (start === null || start > toMs) continue;
      const end = to(o);
      if (end !== null && end <= toMs) durations.push({ time: Math.max(0, end - start) / HOUR, ended: true });
      else if (o.resolvedMs === null || o.resolvedMs > toMs)
        durations.push({ time: (toMs - start) / HOUR, ended: false });
    }
    return { key, name, unit: "h", ...summary(durations), definition, source: SOURCE };
  });
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
