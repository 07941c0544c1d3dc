/** Points whose tags hold both whom they are about and what sets their series apart: Telegraf, Prometheus, Vector. */
import type { RawRecord } from "../../core/records.ts";
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes, SeriesKind } from "../../core/tables.ts";
import { resourceOf } from "./plain.ts";

/** First one there is. A scrape job is the nearest that Prometheus has to a service. */
const SERVICE_TAGS = ["service", "service.name", "service_name", "job"];
const HOST_TAGS = ["host", "hostname"];

export interface Tagged {
  readonly metric: string;
  readonly kind: SeriesKind;
  readonly value: number;
}

/** Points of one time and tag set. */
export function taggedPoints(
  tags: Attributes,
  timeMs: number,
  points: readonly Tagged[],
  record: Pick<RawRecord, "source">,
  sink: SignalSink,
): void {
  if (points.length === 0) return;
  const attributes: Record<string, string> = { ...tags };
  const take = (keys: readonly string[]): string => {
    const key = keys.find((k) => attributes[k] !== undefined && attributes[k] !== "");
    if (key === undefined) return "";
    const value = attributes[key] as string;
    delete attributes[key];
    return value;
  };
  const resource = resourceOf(take(SERVICE_TAGS), take(HOST_TAGS), "", record.source);
  const entityId = sink.entity(resource, points.length);
  for (const { metric, kind, value } of points)
    sink.point(sink.series(entityId, metric, "", kind, attributes), timeMs, 0, value);
}

/** Telegraf's fields have no metric name of their own. */
export const fieldName = (measurement: string, field: string): string =>
  field === "value" ? measurement : `${measurement}.${field}`;
