/** Field numbers and shapes from prometheus/prompb's published .proto files; bytes written by protobufjs and snappy. */
import fc from "fast-check";
import snappy from "snappy";
import { describe, expect, it } from "vitest";
import { packed, requestOne, requestTwo, type TestSeries, writeOne, writeTwo } from "./remote-write-proto.ts";
import { decode, NOW } from "./rows.ts";

const read = (bytes: Buffer) => decode("prometheus-remote-write", bytes);
const both = (...series: TestSeries[]) => {
  const one = read(packed(writeOne(requestOne(series))));
  expect(read(packed(writeTwo(requestTwo(series))))).toEqual(one);
  return one;
};
const up: TestSeries = { labels: { __name__: "up", job: "api", instance: "a:1" }, samples: [[1, NOW]] };
const withHistogram = (h: object): TestSeries => ({
  labels: { __name__: "h", job: "api" },
  histograms: [{ timestamp: NOW, ...h }],
});

describe("prometheus-remote-write", () => {
  it("gives the same rows for 1.0 and 2.0, snappy and bare", () => {
    const rows = both(up, {
      labels: { __name__: "x_total", job: "api", code: "5" },
      samples: [
        [2, NOW - 1],
        [3, NOW],
      ],
    });
    expect(rows.rejected).toEqual([]);
    expect(rows.points).toEqual([
      ["service:api/a:1 gauge up ", NOW, 0, 1],
      ["service:api counter x_total{code=5} ", NOW - 1, 0, 2],
      ["service:api counter x_total{code=5} ", NOW, 0, 3],
    ]);
    expect(read(writeOne(requestOne([up]))).points).toHaveLength(1);
    expect(read(writeTwo(requestTwo([up]))).points).toHaveLength(1);
    expect(read(Buffer.alloc(0)).points).toEqual([]);
  });

  it("without a job the instance is the host; without either the topic is the entity", () => {
    const rows = both(
      { labels: { __name__: "a", instance: "n1" }, samples: [[1, NOW]] },
      { labels: { __name__: "b" }, samples: [[1, NOW]] },
    );
    expect(rows.points.map((p) => p[0])).toEqual(["host:n1 gauge a ", "service:web-1 gauge b "]);
  });

  it("a stale marker is a gap, another NaN a rejected value", () => {
    const bytes = writeOne(
      requestOne([
        {
          ...up,
          samples: [
            [1.5, NOW],
            [2.5, NOW],
            [3.5, NOW],
          ],
        },
      ]),
    );
    for (const [value, bits] of [
      [2.5, 0x7ff0000000000002n],
      [3.5, 0x7ff8000000000001n],
    ] as const) {
      const before = Buffer.alloc(8);
      before.writeDoubleLE(value);
      bytes.writeBigUInt64LE(bits, bytes.indexOf(before));
    }
    const rows = read(packed(bytes));
    expect(rows.points.map((p) => p[3])).toEqual([1.5]);
    expect(rows.rejected).toMatchObject([{ code: "VALUE_NOT_FINITE", rows: 1 }]);
  });

  it.each([
    [{ type: 1 }, "requests", "counter"],
    [{ type: 2 }, "made_total", "gauge"],
    [{ type: 3 }, "h_bucket", "counter"],
    [{ type: 0 }, "s_sum", "counter"],
  ])("2.0: type %j of %s is a %s", (metadata, name, kind) => {
    const rows = read(
      writeTwo(
        requestTwo([
          { labels: { __name__: name, job: "j" }, samples: [[1, NOW]], metadata: { ...metadata, unit: "s" } },
        ]),
      ),
    );
    expect(rows.points[0]?.[0]).toBe(`service:j ${kind} ${name} s`);
  });

  // Worked through by hand from the specification: schema 0 has base 2, bucket i is (2^(i-1), 2^i].
  it("spreads a native histogram over its exact bounds, gaps between spans as one empty bucket", () => {
    const h = {
      countInt: 12,
      sum: 30,
      schema: 0,
      zeroThreshold: 0.25,
      zeroCountInt: 1,
      positiveSpans: [
        { offset: 1, length: 2 },
        { offset: 3, length: 1 },
      ],
      positiveDeltas: [2, 1, -1],
      negativeSpans: [{ offset: 0, length: 1 }],
      negativeDeltas: [4],
    };
    const [row] = both(withHistogram(h)).histograms;
    expect(row).toMatchObject({ series: "service:api histogram h ", timeMs: NOW, count: 12, sum: 30 });
    expect(row?.upper).toEqual([-1, -0.5, 0.25, 1, 2, 4, 32, 64, Infinity]);
    expect(row?.counts).toEqual([0, 4, 1, 0, 2, 3, 0, 2, 0]);
  });

  it("takes float counts and custom bounds", () => {
    const floats = {
      countFloat: 3.5,
      sum: 2,
      schema: 1,
      positiveSpans: [{ offset: 0, length: 2 }],
      positiveCounts: [1.5, 2],
    };
    expect(both(withHistogram(floats)).histograms[0]).toMatchObject({
      count: 3.5,
      upper: [0, 2 ** -0.5, 1, Math.SQRT2, Infinity],
      counts: [0, 0, 1.5, 2, 0],
    });
    const custom = {
      countInt: 6,
      sum: 9,
      schema: -53,
      customValues: [0.1, 1, 5],
      positiveSpans: [
        { offset: 1, length: 1 },
        { offset: 1, length: 1 },
      ],
      positiveDeltas: [4, -2],
    };
    expect(both(withHistogram(custom)).histograms[0]).toMatchObject({
      upper: [0.1, 1, 5, Infinity],
      counts: [0, 4, 0, 2],
    });
  });

  it.each([
    [
      "more buckets than counts",
      { schema: 0, positiveSpans: [{ offset: 0, length: 4_000_000_000 }], positiveDeltas: [1] },
    ],
    [
      "spans that go back",
      {
        schema: 0,
        positiveSpans: [
          { offset: 4, length: 1 },
          { offset: -2, length: 1 },
        ],
        positiveDeltas: [1, 1],
      },
    ],
    ["a gauge histogram", { schema: 0, resetHint: 3 }],
    ["an unknown schema", { schema: 60 }],
    [
      "custom buckets beyond the bounds",
      { schema: -53, customValues: [1], positiveSpans: [{ offset: 2, length: 1 }], positiveDeltas: [1] },
    ],
  ])("rejects %s and keeps the next series", (_, h) => {
    const rows = both(withHistogram(h), up);
    expect(rows.histograms).toEqual([]);
    expect(rows.rejected).toMatchObject([{ code: "DECODE_BAD_FIELD", rows: 1 }]);
    expect(rows.points).toHaveLength(1);
  });

  it("counts each row of a refused series", () => {
    const long = {
      labels: { __name__: "m", l: "x".repeat(2000) },
      samples: [
        [1, NOW],
        [2, NOW],
      ] as const,
    };
    expect(both(long, up).rejected).toMatchObject([{ code: "LABEL_TOO_LONG", rows: 2 }]);
  });

  it.each([
    ["LIMIT_BYTES", Buffer.concat([Buffer.from([0x80, 0x80, 0x80, 0x40]), Buffer.alloc(5_000_000)])],
    ["DECODE_BAD_PROTOBUF", Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3])],
    ["DECODE_BAD_PROTOBUF", packed(Buffer.from("not protobuf"))],
    ["DECODE_BAD_PROTOBUF", writeTwo({ symbols: [""], timeseries: [{ labelsRefs: [0, 7], samples: [{ value: 1 }] }] })],
    ["DECODE_BAD_PROTOBUF", writeTwo({ symbols: [""], timeseries: [{ labelsRefs: [0] }] })],
    ["DECODE_BAD_PROTOBUF", writeTwo({ symbols: [""], timeseries: [{ labelsRefs: Array(5000).fill(0) }] })],
  ])("refuses the payload with %s (%#)", (code, bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code }));
  });

  it("names and values come back as they were written, whatever they are", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
    const series = fc.record({
      labels: fc.dictionary(
        text.filter((k) => !/^(__name__|__proto__|job|instance|host|hostname|service.*)$/.test(k)),
        text,
        { maxKeys: 4 },
      ),
      name: fc.stringMatching(/^[a-z]{1,8}$/),
      samples: fc.array(
        fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 1, max: NOW })),
        { minLength: 1, maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(fc.array(series, { maxLength: 5 }), (all) => {
        const given = all.map(({ labels, name, samples }) => ({
          labels: { __name__: name, job: "j", ...labels },
          samples,
        }));
        const rows = both(...given);
        expect(rows.rejected).toEqual([]);
        expect(rows.points.map(([, time, , value]) => [value, time])).toEqual(all.flatMap((s) => s.samples));
      }),
      { numRuns: 300, seed: 2 },
    );
    expect(snappy.uncompressSync(packed(Buffer.from("x")))).toEqual(Buffer.from("x"));
  });
});
