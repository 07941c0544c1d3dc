/** Output records as CloudEvents 1.0 over Kafka, and back. */
import { hash } from "node:crypto";
import type { Topic, TopicRecords } from "../../core/records.ts";
import { recordSchemas, schemaId } from "../../core/schemas/records.ts";

export type EventMode = "binary" | "structured";

export interface OutputEvent<T extends Topic = Topic> {
  /** Of the pipeline, without the prefix it has on a cluster. */
  readonly topic: T;
  readonly key: string;
  readonly record: TopicRecords[T];
}

export interface EventRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

const JSON_TYPE = "application/json";
const EVENT_TYPE = "application/cloudevents+json";
const ID_CHARS = 32;

/** Event time of a record, ms: when what it tells happened, not when it was written. */
const timeOf: { readonly [T in Topic]: (record: TopicRecords[T]) => number } = {
  anomalies: (a) => a.endMs ?? a.detectedMs,
  incidents: ({ times, timeline }) => {
    let ms = Math.max(times.detectedMs, times.acknowledgedMs ?? 0, times.mitigatedMs ?? 0, times.resolvedMs ?? 0);
    for (const entry of timeline) if (entry.timeMs > ms) ms = entry.timeMs;
    return ms;
  },
  actions: (a) => a.history.at(-1)?.timeMs ?? a.plan.createdMs,
  notifications: (n) => n.timeMs,
  deliveries: (d) => d.timeMs,
  silences: (s) => s.createdMs,
  suppressions: (s) => Math.max(s.createdMs, s.acceptedMs ?? 0, s.lastMs ?? 0),
  "dead-letters": (l) => l.ingestTimeMs,
  scores: (s) => (s.kind === "summary" ? s.endMs : s.startMs),
};

const constant = new Map(
  (Object.keys(recordSchemas) as Topic[]).map((topic) => {
    const { name, version } = recordSchemas[topic];
    return [topic, { type: `io.faultwright.${name}.v${version}`, dataschema: schemaId(topic) }];
  }),
);

/**
 * `id` is a hash of topic, key and content: the same record has the same id however often it is sent. The same input
 * gives the same bytes. Built by hand: npm's `cloudevents` takes more than twice the time and writes `datacontenttype`
 * twice; a test reads what is built here with it. @see CloudEvents 1.0.2, Kafka protocol binding
 */
export function cloudEvent<T extends Topic>(
  { topic, key, record }: OutputEvent<T>,
  { system, mode }: { readonly system: string; readonly mode: EventMode },
): EventRecord {
  const value = JSON.stringify(record);
  const attributes = {
    specversion: "1.0",
    id: hash("sha256", `${topic}\n${key}\n${value}`).slice(0, ID_CHARS),
    source: `/faultwright/${encodeURIComponent(system)}`,
    ...(constant.get(topic) as { type: string; dataschema: string }),
    subject: key,
    time: isoTime(timeOf[topic](record)),
    partitionkey: key,
  };
  if (mode === "structured") {
    const head = JSON.stringify({ ...attributes, datacontenttype: JSON_TYPE });
    return {
      key,
      value: `${head.slice(0, -1)},"data":${value}}`,
      headers: { "content-type": `${EVENT_TYPE}; charset=utf-8` },
    };
  }
  return {
    key,
    value,
    headers: {
      "content-type": JSON_TYPE,
      ce_specversion: attributes.specversion,
      ce_id: attributes.id,
      ce_source: attributes.source,
      ce_type: attributes.type,
      ce_dataschema: attributes.dataschema,
      ce_subject: attributes.subject,
      ce_time: attributes.time,
      ce_partitionkey: attributes.partitionkey,
    },
  };
}

/** The record's JSON, as `cloudEvent` was given it; the value itself where it is no event in structured mode. */
export function recordJson({
  value,
  headers,
}: {
  value: Uint8Array;
  headers: Readonly<Record<string, string>>;
}): string {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
  if (!headers["content-type"]?.startsWith(EVENT_TYPE)) return text;
  return JSON.stringify((JSON.parse(text) as { data: unknown }).data);
}

/** A time that no calendar holds (some sender's nonsense) is shown as the nearest that one does. */
const isoTime = (ms: number): string =>
  new Date(Number.isFinite(ms) ? Math.min(253_402_300_799_999, Math.max(0, ms)) : 0).toISOString();
