/** Collections as OTLP metrics in JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */
import type { Collection, MetricPoint } from "./metric-point.ts";

interface KeyValue {
  key: string;
  value: { stringValue: string };
}

export interface OtlpDataPoint {
  timeUnixNano: string;
  startTimeUnixNano?: string;
  asDouble: number;
  attributes: KeyValue[];
}

export interface OtlpMetric {
  name: string;
  unit: string;
  gauge?: { dataPoints: OtlpDataPoint[] };
  sum?: { aggregationTemporality: 2; isMonotonic: true; dataPoints: OtlpDataPoint[] };
}

export interface OtlpMetricsRequest {
  resourceMetrics: {
    resource: { attributes: KeyValue[] };
    scopeMetrics: { scope: { name: string }; metrics: OtlpMetric[] }[];
  }[];
}

/** Names the host. `osType` as in the semantic conventions: `linux`, `darwin`, `windows`. */
export interface HostIdentity {
  name: string;
  osType: string;
}

/** One request for one collection: the host's resource first, then one for each watched service. */
export function toOtlp(collection: Collection, host: HostIdentity): OtlpMetricsRequest {
  const byService = new Map<string | undefined, MetricPoint[]>();
  for (const point of collection.points) {
    const group = byService.get(point.service);
    if (group) group.push(point);
    else byService.set(point.service, [point]);
  }
  return {
    resourceMetrics: [...byService].map(([service, points]) => ({
      resource: {
        attributes: keyValues(
          service === undefined
            ? { "host.name": host.name, "os.type": host.osType }
            : { "service.name": service, "host.name": host.name },
        ),
      },
      scopeMetrics: [{ scope: { name: "faultwright.agent" }, metrics: metricsOf(points, collection.timeMs) }],
    })),
  };
}

function metricsOf(points: readonly MetricPoint[], timeMs: number): OtlpMetric[] {
  const metrics = new Map<string, { metric: OtlpMetric; dataPoints: OtlpDataPoint[] }>();
  for (const point of points) {
    let entry = metrics.get(point.name);
    if (!entry) {
      const dataPoints: OtlpDataPoint[] = [];
      const metric: OtlpMetric = { name: point.name, unit: point.unit };
      if (point.kind === "gauge") metric.gauge = { dataPoints };
      else metric.sum = { aggregationTemporality: 2, isMonotonic: true, dataPoints };
      entry = { metric, dataPoints };
      metrics.set(point.name, entry);
    }
    const row: OtlpDataPoint = {
      timeUnixNano: nanos(timeMs),
      asDouble: point.value,
      attributes: keyValues(point.attributes),
    };
    if (point.startMs !== undefined) row.startTimeUnixNano = nanos(point.startMs);
    entry.dataPoints.push(row);
  }
  return [...metrics.values()].map((entry) => entry.metric);
}

// Nanoseconds since 1970 do not fit a double, and 64-bit integers are strings in this encoding.
function nanos(ms: number): string {
  return (BigInt(Math.round(ms)) * 1_000_000n).toString();
}

function keyValues(attributes: Record<string, string>): KeyValue[] {
  return Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}
