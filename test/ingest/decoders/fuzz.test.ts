import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PipelineError } from "../../../pipelines/core/errors.ts";
import { type Decoder, SignalSink } from "../../../pipelines/core/signals.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import { type DecoderName, decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { requests } from "./arbitraries.ts";
import { examplesOf } from "./examples.ts";
import { encode } from "./otlp-proto.ts";
import { packed } from "./remote-write-proto.ts";
import { decode, decodeWith, NOW_NS, recordOf } from "./rows.ts";

const names = Object.keys(decoders) as DecoderName[];
const examples = examplesOf();
const short = { interruptAfterTimeLimit: 400, numRuns: 3000, markInterruptAsFailure: false };
const run = { interruptAfterTimeLimit: 1500, numRuns: 3000, markInterruptAsFailure: false };

/** Names that some decoder looks for. */
const FIELDS = [
  ...[
    "metric",
    "value",
    "name",
    "labels",
    "tags",
    "fields",
    "metrics",
    "timestamp",
    "log",
    "message",
    "level",
    "host",
    "kind",
  ],
  ...[
    "counter",
    "distribution",
    "samples",
    "rate",
    "aggregated_histogram",
    "buckets",
    "upper_limit",
    "count",
    "quantiles",
  ],
  ...["@timestamp", "kubernetes", "metricset", "event", "module", "system", "resourceMetrics", "scopeMetrics", "gauge"],
  ...[
    "dataPoints",
    "timeUnixNano",
    "resourceLogs",
    "scopeLogs",
    "logRecords",
    "body",
    "attributes",
    "__proto__",
    "constructor",
  ],
];
const TOKENS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  "=",
  " ",
  "\n",
  "\\",
  "\u0000",
  "1e999",
  "-1",
  "null",
  "__proto__",
  "\uffff",
  "{name=",
];

/** Payloads of about 0.5 MB whose cost is out of proportion to what they hold. */
const made: (readonly [string, Uint8Array])[] = [];
function hostile(): readonly (readonly [what: string, payload: Uint8Array])[] {
  if (made.length > 0) return made;
  const K = 1024;
  const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, 1])));
  const text: [string, string][] = [
    ["deep lists", "[".repeat(256 * K) + "]".repeat(256 * K)],
    ["deep objects", `{"msg":${'{"a":'.repeat(64 * K)}1${"}".repeat(64 * K)}}`],
    ["many fields", wide],
    ["many attributes", `{"metric":"m","name":"m","value":1,"labels":${wide},"tags":{},"attributes":{}}`],
    ["many tags", `{"name":"m","timestamp":1,"fields":{"a":1},"tags":${wide}}`],
    ["bad lines", "{x\n".repeat(128 * K)],
    ["short lines", "a b=1\n".repeat(64 * K)],
    ["commas", `timestamp,${",".repeat(256 * K)}\n1`],
    ["quotes", `a,b="${'\\"'.repeat(128 * K)}`],
    ["spaces", `2023-11-14T22:13:20Z {${" ".repeat(256 * K)}`],
    ["times", "2023-11-14T22:13:20Z \n".repeat(16 * K)],
  ];
  made.push(
    ...text.map(([what, t]) => [what, Buffer.from(t)] as const),
    ["a huge length", Uint8Array.from([0x0a, ...Array(9).fill(0xff), 0x01])],
    ["empty messages", Buffer.alloc(256 * K, Uint8Array.from([0x0a, 0x00]))],
    ["symbols", packed(Buffer.alloc(256 * K, Uint8Array.from([0x22, 0x00])))],
    ["an empty v2 series for every two bytes", packed(Buffer.alloc(256 * K, Uint8Array.from([0x2a, 0x00])))],
    ["snappy's own ratio", packed(Buffer.alloc(31 * K * K))],
    ["a series of many attributes", manyAttributes()],
  );
  return made;
}

/** A gauge's point with 50,000 attributes. */
function manyAttributes(): Uint8Array {
  const attributes = Array.from({ length: 50_000 }, (_, i) => ({ key: `k${i}`, value: { stringValue: "v" } }));
  const dataPoints = [{ timeUnixNano: NOW_NS, asDouble: 1, attributes }];
  return encode("metrics", {
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints } }] }] }],
  });
}

/** Decodes; anything thrown but PipelineError fails the test. Gives the error's code. */
function code(name: DecoderName | Decoder, bytes: Uint8Array): string | undefined {
  try {
    decodeWith(typeof name === "string" ? decoders[name] : name, bytes);
    return undefined;
  } catch (e) {
    if (!(e instanceof PipelineError)) throw e;
    expect(e.where).toBe("file:/data/web-1.csv@7");
    return e.code;
  }
}

describe("bad bytes", () => {
  it.each(names)("%s survives random bytes", (name) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (b) => void code(name, b)),
      run,
    );
  });

  it.each(names)("%s survives any JSON, in lines and lists", (name) => {
    const fields = fc.constantFrom(...FIELDS);
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: "small" },
        fc.oneof(fc.constantFrom(null, true, "", "NaN", "2023-11-14T22:13:20Z", 1.7e9, -1), fc.double(), fc.string()),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(fields, tie("any"), { maxKeys: 5 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (rows) => {
        code(name, Buffer.from(rows.map((r) => JSON.stringify(r)).join("\n")));
        code(name, Buffer.from(JSON.stringify(rows)));
      }),
      short,
    );
  });

  it.each(examples.map((e, i) => [`${e.topic.format} (${i})`, e] as const))(
    "the docs' %s: cut off, flipped, repeated, pieces swapped",
    (_, { decoder, payload }) => {
      expect(code(decoder, payload)).toBeUndefined();
      const at = fc.nat(payload.length - 1);
      const edits = fc.array(
        fc.oneof(
          fc.record({ kind: fc.constant("flip" as const), at, to: fc.nat(255) }),
          fc.record({ kind: fc.constant("cut" as const), at, to: at }),
          fc.record({ kind: fc.constant("copy" as const), at, to: at }),
          fc.record({ kind: fc.constant("insert" as const), at, to: fc.nat(TOKENS.length - 1) }),
        ),
        { minLength: 1, maxLength: 4 },
      );
      fc.assert(
        fc.property(edits, (all) => {
          let bytes = Buffer.from(payload);
          for (const { kind, at, to } of all) {
            const [from, end] = [Math.min(at, to, bytes.length), Math.min(Math.max(at, to), bytes.length)];
            if (kind === "flip") bytes[at % Math.max(1, bytes.length)] = to;
            else if (kind === "cut") bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(end)]);
            else if (kind === "copy") bytes = Buffer.concat([bytes, bytes.subarray(from, end)]);
            else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(TOKENS[to] as string), bytes.subarray(at)]);
          }
          code(decoder, bytes);
        }),
        short,
      );
    },
  );

  it.each(names)(
    "%s is done soon with a payload made to hurt",
    (name) => {
      for (const [what, payload] of hostile()) {
        const sink = new SignalSink(new Tables());
        const record = recordOf(name, payload);
        sink.begin(record);
        const began = performance.now();
        try {
          decoders[name].decode(record, sink);
        } catch (e) {
          if (!(e instanceof PipelineError)) throw e;
        }
        const tookMs = Math.round(performance.now() - began);
        // Some 10 to 100 ms on a quiet machine; work that grew with the square would take minutes.
        if (tookMs > 10_000) throw new Error(`${what} took ${tookMs} ms`);
        expect(sink.tables.seriesCount, what).toBeLessThanOrEqual(10_000);
        for (let id = 0; id < sink.tables.seriesCount; id++)
          expect(Object.keys(sink.tables.seriesAt(id)?.attributes ?? {}).length).toBeLessThanOrEqual(128);
      }
    },
    60_000,
  );

  for (const signal of ["metrics", "logs", "traces"] as const) {
    it(`${signal}: cut-off and flipped bits`, () => {
      const cut = fc.tuple(requests[signal] as fc.Arbitrary<object>, fc.nat(), fc.nat(7));
      fc.assert(
        fc.property(cut, ([request, at, bit]) => {
          for (const [name, bytes] of [
            [`otlp-${signal}-proto`, encode(signal, request)],
            [`otlp-${signal}-json`, Buffer.from(JSON.stringify(request))],
          ] as const) {
            if (bytes.length === 0) continue;
            code(name, bytes.subarray(0, at % bytes.length));
            const flipped = Uint8Array.from(bytes);
            flipped[at % bytes.length]! ^= 1 << bit;
            code(name, flipped);
          }
        }),
        run,
      );
    });
  }

  it.each([
    ["length past the end", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["varint of 11 bytes", [...Array(10).fill(0x80), 1]],
    ["field 0", [0]],
    ["stray group end", [0x0c]],
    ["deep groups", Array(5000).fill(0x0b)],
    ["cut-off fixed64", [0x09, 1, 2]],
  ])("refuses %s", (_, bytes) => {
    expect(code("otlp-metrics-proto", Uint8Array.from(bytes as number[]))).toBe("DECODE_BAD_PROTOBUF");
  });

  it("refuses values that nest too deep", () => {
    let value: object = { stringValue: "x" };
    for (let i = 0; i < 40; i++) value = { arrayValue: { values: [value] } };
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: value }] }] }] };
    expect(code("otlp-logs-proto", encode("logs", request))).toBe("DECODE_BAD_PROTOBUF");
    expect(decode("otlp-logs-json", JSON.stringify(request)).rejected).toMatchObject([{ code: "DECODE_BAD_FIELD" }]);
    const deep = `{"msg":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    expect(decode("jsonl", deep).rejected).toHaveLength(1);
  });
});
