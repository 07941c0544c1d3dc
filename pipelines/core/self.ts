/** The pipeline as an entity in its own input: what it is called, and what its records hold. */
import type { Attributes } from "./tables.ts";

/** Its resource, which makes it the entity `SELF`. */
export const SELF_RESOURCE: Attributes = { "service.name": "faultwright" };
export const SELF = { kind: "service", name: "faultwright" } as const;
export const isSelf = (entity: string): boolean => entity === SELF.name;
/** Label of incidents that are about the pipeline itself. */
export const SELF_LABEL = "self";
/** Format of its records in journal and intake. */
export const SELF_FORMAT = "self";

/** One interval of its own gauges. */
export interface SelfRecord {
  readonly timeMs: number;
  readonly gauges: readonly SelfGauge[];
}
export interface SelfGauge {
  readonly metric: SelfMetric;
  /** A stage, where there are several; else "". */
  readonly stage: string;
  readonly value: number;
}

/** Unit, and the least deviation that matters, as in `detect.floors`. A short list: it must not grow with what it watches. */
export const SELF_METRICS = {
  "faultwright.lag_bytes": { unit: "By", floor: 4 * 1024 * 1024 },
  "faultwright.lag_records": { unit: "{record}", floor: 1000 },
  "faultwright.watermark_delay": { unit: "s", floor: 5 },
  "faultwright.commit_duration": { unit: "s", floor: 0.5 },
  "faultwright.rejected_records": { unit: "{record}/s", floor: 0.5 },
  "faultwright.rejected_rows": { unit: "{row}/s", floor: 0.5 },
  "faultwright.refused_requests_errors": { unit: "{request}/s", floor: 0.5 },
  "faultwright.model_drift": { unit: "1", floor: 0.1 },
  "faultwright.model_fallbacks": { unit: "{reason}", floor: 0.5 },
} as const satisfies Record<string, { unit: string; floor: number }>;
export type SelfMetric = keyof typeof SELF_METRICS;

export const SELF_FLOORS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(SELF_METRICS).map(([metric, { floor }]) => [metric, floor]),
);
