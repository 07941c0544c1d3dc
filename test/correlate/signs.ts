/** Anomalies of one system, a second a window. */
import type { Anomaly } from "../../pipelines/core/records.ts";

const STEP = 1000;
export const T0 = 1_760_000_000_000;
export const at = (w: number) => T0 + w * STEP;
export const base = { system: "shop", windowMs: STEP, quietMs: 5 * STEP, reopenMs: 20 * STEP };
export const anomaly = (entity: string, w: number, more: Partial<Anomaly> = {}): Anomaly => ({
  id: `A-${entity}-${more.series ?? "e"}-${w}`,
  entity,
  entityKind: "service",
  series: "spans.server.error_ratio",
  unit: "1",
  family: "errors",
  direction: "up",
  startMs: at(w),
  detectedMs: at(w + 1),
  endMs: null,
  p: 1e-8,
  value: 0.9,
  band: { expected: 0, low: 0, high: 0.1 },
  detectors: {},
  why: "odd",
  ...more,
});
/** Two signs of one entity, of two families. */
export const two = (entity: string, w: number): Anomaly[] => [
  anomaly(entity, w),
  anomaly(entity, w, { series: "spans.server.duration", family: "latency", value: 900 }),
];
export const edge = (caller: string, callee: string) => ({ caller, callee, calls: 10, errorRatio: 0, durationMs: 1 });
