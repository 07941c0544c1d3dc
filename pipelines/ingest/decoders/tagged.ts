/** Points whose tags hold both whom they are about and what sets their series apart: Telegraf, Prometheus, Vector. */
import type { RawRecord } from "../../core/records.ts";
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes, SeriesKind } from "../../core/tables.ts";
import { resourceOf } from "./plain.ts";

/** First one there is. A scrape job is the nearest that Prometheus has to a service. */
const SERVICE_TAGS = ["service", "service.name", "service_name", "job"];
const HOST_TAGS = ["host", "hostname"];

/** A Prometheus counter by its name. Of remote write's types only those of version 2 come with every sample. */
export const PROMETHEUS_COUNTER = /_(total|count|sum|bucket)$/;

/** Labels of a scrape: `job` is the nearest to a service, `instance` the target it was scraped from. */
export function scraped(
  labels: Attributes,
  source: string,
): { readonly resource: Attributes; readonly attributes: Attributes } {
  const { instance = "", ...rest } = labels;
  const { resource, attributes } = tagged(rest, source);
  if (instance === "") return { resource, attributes };
  if (resource["service.name"] !== undefined && SERVICE_TAGS.some((k) => rest[k]))
    return { resource: { ...resource, "service.instance.id": instance }, attributes };
  return { resource: resource["host.name"] === undefined ? { "host.name": instance } : resource, attributes };
}

export interface Tagged {
  readonly metric: string;
  readonly kind: SeriesKind;
  readonly value: number;
}

/** Tags to a resource and what is left. */
export function tagged(tags: Attributes, source: string): { resource: Attributes; attributes: Attributes } {
  const attributes: Record<string, string> = { ...tags };
  const take = (keys: readonly string[]): string => {
    const key = keys.find((k) => attributes[k] !== undefined && attributes[k] !== "");
    if (key === undefined) return "";
    const value = attributes[key] as string;
    delete attributes[key];
    return value;
  };
  return { resource: resourceOf(take(SERVICE_TAGS), take(HOST_TAGS), "", source), attributes };
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
  const { resource, attributes } = tagged(tags, record.source);
  const entityId = sink.entity(resource, points.length);
  for (const { metric, kind, value } of points)
    sink.point(sink.series(entityId, metric, "", kind, attributes), timeMs, 0, value);
}

/** Telegraf's fields have no metric name of their own. */
export const fieldName = (measurement: string, field: string): string =>
  field === "value" ? measurement : `${measurement}.${field}`;
