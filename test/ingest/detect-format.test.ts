import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { topicSchema } from "../../pipelines/core/topic-config.ts";
import { decoderOf, decoders } from "../../pipelines/ingest/decoders/index.ts";
import { detectFormat, SURE } from "../../pipelines/ingest/detect-format.ts";
import { requests } from "./decoders/arbitraries.ts";
import { examplesOf } from "./decoders/examples.ts";
import { encode, type Signal } from "./decoders/otlp-proto.ts";
import { packed, requestOne, requestTwo, writeOne, writeTwo } from "./decoders/remote-write-proto.ts";
import { decodeWith, NOW } from "./decoders/rows.ts";

const examples = examplesOf();
const format = (...samples: (string | object | Uint8Array)[]) =>
  detectFormat(
    samples.map((s) => (s instanceof Uint8Array ? s : Buffer.from(typeof s === "string" ? s : JSON.stringify(s)))),
  );

describe("detectFormat", () => {
  it.each(examples.filter((e) => !e.topic.mapping).map((e, i) => [`${e.topic.format} (${i})`, e] as const))(
    "knows the docs' example of %s",
    (_, { topic, payload }) => {
      const found = detectFormat([payload]);
      expect(found?.format).toBe(topic.format);
      // Plain text has no mark of its own: it is proposed, never taken unasked.
      if (topic.format === "text") expect(found?.confidence).toBeLessThan(SURE);
      else expect(found?.confidence).toBeGreaterThanOrEqual(SURE);
    },
  );

  for (const signal of ["metrics", "logs", "traces"] as const satisfies Signal[]) {
    it(`tells OTLP ${signal} from the other two and from remote write, as protobuf and JSON, whatever they hold`, () => {
      let named = 0;
      fc.assert(
        fc.property(requests[signal] as fc.Arbitrary<object>, (request) => {
          const found = detectFormat([encode(signal, request)]);
          // A request without rows says nothing.
          if (found) {
            expect(found.format).toBe(`otlp-${signal}-proto`);
            named += 1;
          }
          expect(format(request)?.format).toBe(`otlp-${signal}-json`);
        }),
        { numRuns: 300, seed: 3 },
      );
      expect(named).toBeGreaterThan(100);
    });
  }

  it("knows remote write of both versions, compressed or bare", () => {
    const series = [{ labels: { __name__: "up", job: "a" }, samples: [[1, NOW]] as const }];
    const bytes = [writeOne(requestOne(series)), writeTwo(requestTwo(series))];
    for (const b of [...bytes, ...bytes.map(packed)]) expect(detectFormat([b])?.format).toBe("prometheus-remote-write");
  });

  it.each([
    ["telegraf-json", { name: "cpu", fields: { a: 1 }, tags: {}, timestamp: 1700000000 }],
    ["json", { name: "cpu", value: 1, tags: { host: "a" }, timestamp: 1700000000 }],
    ["prometheus-json", { name: "up", value: "1", labels: {}, timestamp: "2023-11-14T22:13:20Z" }],
    ["vector-json", { metric: { name: "a", kind: "absolute", gauge: { value: 1 } } }],
    ["jsonl", { metric: "a", value: 1, time: 1700000000 }],
    ["vector-json", { log: { message: "a" } }],
    ["fluent-bit", { log: "a", date: 1700000000.5 }],
    ["fluent-bit", { "@timestamp": 1700000000.5, message: "a" }],
    ["filebeat", { "@timestamp": "2023-11-14T22:13:20Z", message: "a", agent: { type: "filebeat" } }],
    ["filebeat", { "@timestamp": "2023-11-14T22:13:20Z", "@version": "1", message: "a", agent: { type: "filebeat" } }],
    ["logstash", { "@timestamp": "2023-11-14T22:13:20Z", "@version": "1", message: "a", host: "h" }],
    ["fluent-bit", { "@timestamp": "2023-11-14T22:13:20Z", log: "a", kubernetes: { pod_name: "p" } }],
    ["filebeat", { "@timestamp": "2023-11-14T22:13:20Z", message: "a", kubernetes: { pod: { name: "p" } } }],
    ["vector-json", { message: "a", timestamp: "2023-11-14T22:13:20Z", source_type: "file", host: "h" }],
    ["jsonl", { message: "a", timestamp: "2023-11-14T22:13:20Z" }],
    ["influx", "cpu,host=a usage=0.5 1700000000000000000"],
    ["text", "msg=hello level=info dur=5"],
    ["text", "Nov 14 22:13:20 web sshd[1]: a, b"],
    ["csv", "time,cpu\n1700000000,1\n"],
    ["text", "cpu,memory\n1,2\n"],
    ["logstash", "2023-11-14T22:13:20.000Z web-1 hello"],
  ])("says %s to %j", (name, sample) => {
    const found = format(sample);
    expect(found?.format).toBe(name);
    // What it says is read by the decoder it names, without a rejection.
    const about = topicSchema.parse({ name: "t", format: found?.format, mapping: found?.mapping });
    const rows = decodeWith(
      decoderOf(about),
      Buffer.from(typeof sample === "string" ? sample : JSON.stringify(sample)),
    );
    expect(rows.rejected).toEqual([]);
    expect(rows.points.length + rows.logs.length).toBeGreaterThan(0);
  });

  it.each([
    ["nothing", []],
    ["empty samples", [Buffer.alloc(0)]],
    ["noise", [Buffer.from([0xff, 0x00, 0x13, 0x88, 0x01])]],
    ["a schema registry's Avro", [Buffer.from([0, 0, 0, 0, 7, 0x0c, 0x61, 0x62])]],
    ["two formats", [Buffer.from('{"metric":"a","value":1}'), Buffer.from("cpu v=1 1700000000")]],
    ["objects without a number", [Buffer.from('{"a":"b"}')]],
    ["no objects", [Buffer.from("[1,2]")]],
    ["text that begins like JSON", [Buffer.from("[main] started")]],
  ])("has no answer to %s", (_, samples) => expect(detectFormat(samples)).toBeUndefined());

  it("takes a few bad records, and three signals in one topic", () => {
    const good = Array.from({ length: 9 }, () => ({ metric: "a", value: 1 }));
    expect(format(...good, "\u0001")).toMatchObject({
      format: "jsonl",
      confidence: 0.72,
      reason: "metric and value in 9 of 10 samples",
    });
    const signals = ["resourceMetrics", "resourceLogs", "resourceSpans"].map((k) => ({ [k]: [] }));
    expect(format(...signals)?.format).toBe("jsonl");
    expect(format(Object.assign({}, ...signals))?.format).toBe("jsonl");
  });

  it("guesses a mapping that reads the samples", () => {
    const row = (i: number) => ({
      ts: 1_700_000_000_000 + i,
      device: { name: `press-${i % 2}` },
      region: "north",
      temperature: 20 + i,
      order_id: i,
      note: `n${i}`,
    });
    const samples = Array.from({ length: 30 }, (_, i) => row(i));
    const found = format(...samples);
    expect(found).toMatchObject({ format: "json", confidence: 0.4 });
    expect(found?.mapping).toEqual({
      time: "ts",
      entity: "device.name",
      values: ["temperature"],
      attributes: ["region"],
    });
    const long = format(...samples.map(({ device, ...r }) => ({ ...r, device: device.name })));
    expect(long?.mapping).toEqual({ time: "ts", entity: "device", values: ["temperature"], attributes: ["region"] });
    expect(format({ time: "2023-11-14T22:13:20Z", host: "h", name: "cpu", value: 3 })?.mapping).toEqual({
      time: "time",
      host: "host",
      metric: { name: "name", value: "value", kind: "gauge" },
    });
  });

  it("is deterministic, and never throws", () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.json().map((s) => Buffer.from(s)),
      fc.string().map((s) => Buffer.from(s)),
    );
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), (samples) => {
        const found = detectFormat(samples);
        expect(detectFormat(samples)).toEqual(found);
        if (found && found.format !== "json") expect(decoders).toHaveProperty(found.format);
      }),
      { numRuns: 2000, seed: 4 },
    );
  });
});
