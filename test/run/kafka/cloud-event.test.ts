import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CloudEvent, Kafka, type KafkaMessage } from "cloudevents";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action, Anomaly, DeadLetter } from "../../../pipelines/core/records.ts";
import { cloudEvent, type EventMode, type OutputEvent, recordJson } from "../../../pipelines/run/kafka/cloud-event.ts";
import { incident } from "../../recover/fixtures.ts";

const anomaly: Anomaly = {
  id: "orders/latency_ms/1760000300000",
  entity: "orders",
  entityKind: "service",
  series: "latency_ms",
  unit: "ms",
  family: "latency",
  direction: "up",
  startMs: 1_760_000_300_000,
  detectedMs: 1_760_000_305_000,
  endMs: null,
  p: 1e-12,
  value: 325.4,
  band: { expected: 25, low: 17, high: 33 },
  detectors: { robustZ: 0.7, ewma: 0.3 },
  why: "13 times the usual – “é”",
};
const letter: DeadLetter = {
  source: "orders-metrics/2",
  position: "418",
  part: null,
  share: null,
  ingestTimeMs: 1_760_000_306_123,
  format: "jsonl",
  reasons: [{ code: "DECODE_BAD_JSON", explanation: "the payload is not valid JSON", detail: "line 3", rows: 1 }],
  rows: 1,
  taken: 2,
  sizeBytes: 3,
  complete: true,
  payload: "eyJ0",
};
const action = {
  plan: { id: "PLAN-1", createdMs: 5_000 },
  state: "proposed",
  version: 1,
  approvedBy: null,
  attempts: 0,
  history: [{ timeMs: 7_000, state: "proposed", detail: "" }],
} as unknown as Action;

const events: readonly (OutputEvent & { type: string; timeMs: number })[] = [
  { topic: "anomalies", key: anomaly.id, record: anomaly, type: "anomaly", timeMs: anomaly.detectedMs },
  {
    topic: "anomalies",
    key: anomaly.id,
    record: { ...anomaly, endMs: 1_760_000_400_000 },
    type: "anomaly",
    timeMs: 1_760_000_400_000,
  },
  { topic: "incidents", key: "INC-1", record: incident({ resolvedMs: 2e6 }), type: "incident", timeMs: 2e6 },
  { topic: "actions", key: "PLAN-1", record: action, type: "action", timeMs: 7_000 },
  {
    topic: "dead-letters",
    key: "file:/tmp/ä b.csv@{}",
    record: letter,
    type: "dead-letter",
    timeMs: letter.ingestTimeMs,
  },
];
const MODES: readonly EventMode[] = ["binary", "structured"];
const cases = events.flatMap((event) => MODES.map((mode) => ({ ...event, mode })));
const options = (mode: EventMode) => ({ system: "web shop", mode });

describe("output records as CloudEvents", () => {
  it.each(cases)("$topic in $mode mode are read by the SDK's Kafka binding", ({ mode, type, timeMs, ...event }) => {
    const sent = cloudEvent(event, options(mode));
    const message = { ...sent, body: sent.value } as KafkaMessage<string>;
    expect(Kafka.isEvent(message)).toBe(true);
    const read = Kafka.toEvent(message) as CloudEvent<unknown>;
    expect(read.validate()).toBe(true);
    expect(read).toMatchObject({
      specversion: "1.0",
      source: "/faultwright/web%20shop",
      type: `io.faultwright.${type}.v1`,
      subject: event.key,
      time: new Date(timeMs).toISOString(),
      datacontenttype: "application/json",
      dataschema: `urn:faultwright:schema:${type}:v1`,
      partitionkey: event.key,
    });
    expect(read.data).toEqual(JSON.parse(JSON.stringify(event.record)));
  });

  it.each(cases)("$topic in $mode mode look as the SDK would write them", ({ mode, type, timeMs, ...event }) => {
    const ours = cloudEvent(event, options(mode));
    const read = Kafka.toEvent({ ...ours, body: ours.value } as KafkaMessage<string>) as CloudEvent<unknown>;
    const theirs = mode === "binary" ? Kafka.binary(read) : Kafka.structured(read);
    expect(theirs.key).toBe(ours.key);
    if (mode === "structured") {
      expect(theirs.headers).toEqual(ours.headers);
      expect(JSON.parse(String(theirs.value))).toEqual(JSON.parse(ours.value));
    } else {
      // The binding maps datacontenttype to content-type alone; the SDK writes it twice.
      const { ce_datacontenttype: _, ...headers } = theirs.headers as Record<string, string>;
      expect(headers).toEqual(ours.headers);
      expect(JSON.stringify(theirs.value)).toBe(ours.value);
    }
  });

  it.each(MODES)("in %s mode are the same bytes each time, with an id that follows the content", (mode) => {
    const event = { topic: "anomalies", key: anomaly.id, record: anomaly } as const;
    const idOf = (e: OutputEvent) => {
      const sent = cloudEvent(e, options(mode));
      return mode === "binary" ? sent.headers.ce_id : (JSON.parse(sent.value) as { id: string }).id;
    };
    expect(cloudEvent(structuredClone(event), options(mode))).toEqual(cloudEvent(event, options(mode)));
    expect(idOf(event)).toMatch(/^[0-9a-f]{32}$/);
    expect(idOf({ ...event, record: { ...anomaly, p: 1e-13 } })).not.toBe(idOf(event));
    expect(idOf({ ...event, key: "other" })).not.toBe(idOf(event));
  });

  it.each(MODES)("in %s mode are what docs/outputs.md shows", (mode) => {
    const docs = readFileSync(join(import.meta.dirname, "../../../docs/outputs.md"), "utf8");
    const record = JSON.parse(/^value: {4}(\{"id".*\})$/m.exec(docs)?.[1] as string) as Anomaly;
    const { key, headers, value } = cloudEvent(
      { topic: "anomalies", key: record.id, record },
      { system: "shop", mode },
    );
    const lines = Object.entries(headers).map(([name, text]) => `${name}: ${text}`);
    expect(docs).toContain(`key:      ${key}\nheaders:  ${lines.join("\n          ")}\nvalue:    ${value}\n`);
  });

  it("give back the record's JSON byte for byte, in both modes, whatever its texts and numbers", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.double({ noNaN: true }),
        fc.constantFrom(...MODES),
        (text, v, mode) => {
          const record = { ...anomaly, why: text, value: v, detectors: { [text]: v } };
          const { value, headers } = cloudEvent({ topic: "anomalies", key: text, record }, options(mode));
          expect(recordJson({ value: Buffer.from(value), headers })).toBe(JSON.stringify(record));
        },
      ),
    );
  });

  it("bear a time that no calendar holds", () => {
    for (const endMs of [Number.NaN, -1, 1e300])
      for (const mode of MODES) {
        const sent = cloudEvent({ topic: "anomalies", key: "k", record: { ...anomaly, endMs } }, options(mode));
        expect(Kafka.toEvent({ ...sent, body: sent.value } as KafkaMessage<string>)).toBeInstanceOf(CloudEvent);
      }
  });

  it.each(MODES)("in %s mode are made at 10,000 a second or more", (mode) => {
    const rates = [1, 2, 3].map(() => {
      const began = performance.now();
      for (let i = 0; i < 5000; i++)
        cloudEvent({ topic: "anomalies", key: anomaly.id, record: { ...anomaly, value: i } }, options(mode));
      return 5000 / ((performance.now() - began) / 1000);
    });
    if (process.env.PRINT_RATES) process.stderr.write(`${mode}: ${Math.round(Math.max(...rates))}/s\n`);
    expect(Math.max(...rates)).toBeGreaterThan(10_000);
  });
});
