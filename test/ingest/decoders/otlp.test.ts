import { describe, expect, it } from "vitest";
import { encode } from "./otlp-proto.ts";
import { decode, NOW, NOW_NS } from "./rows.ts";

const resource = { attributes: [{ key: "service.name", value: { stringValue: "web" } }] };
const timeUnixNano = NOW_NS;
const metrics = (metric: object) => ({
  resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: "m", unit: "s", ...metric }] }] }],
});
const both = (metric: object) => {
  const rows = decode("otlp-metrics-proto", encode("metrics", metrics(metric)));
  expect(decode("otlp-metrics-json", JSON.stringify(metrics(metric)))).toEqual(rows);
  return rows;
};
const point = { timeUnixNano, asDouble: 2 };

describe("metrics", () => {
  it.each([
    ["gauge", { gauge: { dataPoints: [point] } }],
    ["counter", { sum: { dataPoints: [point], aggregationTemporality: 2, isMonotonic: true } }],
    ["delta", { sum: { dataPoints: [point], aggregationTemporality: 1, isMonotonic: true } }],
    ["gauge", { sum: { dataPoints: [point], aggregationTemporality: 2 } }],
  ])("gives a %s", (kind, metric) => {
    expect(both(metric).points).toEqual([[`service:web ${kind} m s`, NOW, 0, 2]]);
  });

  it("takes an explicit histogram", () => {
    const p = { timeUnixNano, count: "6", sum: 9, bucketCounts: ["1", "2", "3"], explicitBounds: [1, 5] };
    expect(both({ histogram: { dataPoints: [p], aggregationTemporality: 1 } }).histograms).toEqual([
      {
        series: "service:web deltaHistogram m s",
        timeMs: NOW,
        startMs: 0,
        count: 6,
        sum: 9,
        upper: [1, 5, Infinity],
        counts: [1, 2, 3],
      },
    ]);
  });

  it("spreads an exponential histogram over explicit bounds", () => {
    const p = {
      timeUnixNano,
      count: "10",
      sum: 1,
      scale: 0,
      zeroCount: "4",
      positive: { offset: 1, bucketCounts: ["1", "2"] },
      negative: { offset: 0, bucketCounts: ["3"] },
    };
    const [h] = both({ exponentialHistogram: { dataPoints: [p], aggregationTemporality: 2 } }).histograms;
    expect(h?.upper).toEqual([-2, -1, 0, 2, 4, 8, Infinity]);
    expect(h?.counts).toEqual([0, 3, 4, 0, 1, 2, 0]);
  });

  it("takes a summary apart", () => {
    const p = { timeUnixNano, count: "3", sum: 4, quantileValues: [{ quantile: 0.5, value: 1 }] };
    expect(both({ summary: { dataPoints: [p] } }).points).toEqual([
      ["service:web counter m.count 1", NOW, 0, 3],
      ["service:web counter m.sum s", NOW, 0, 4],
      ["service:web gauge m{quantile=0.5} s", NOW, 0, 1],
    ]);
  });

  it("skips points that only say that nothing was recorded", () => {
    expect(both({ gauge: { dataPoints: [{ timeUnixNano, asDouble: 1, flags: 1 }] } }).points).toEqual([]);
  });

  it.each([
    ["VALUE_NOT_FINITE", { asDouble: "NaN", timeUnixNano }],
    ["TIME_BEFORE_1970", { asDouble: 1, timeUnixNano: "0" }],
    ["TIME_IN_FUTURE", { asDouble: 1, timeUnixNano: "18446744073709551615" }],
    ["DECODE_BAD_FIELD", { timeUnixNano }],
    [
      "LABEL_TOO_LONG",
      { asDouble: 1, timeUnixNano, attributes: [{ key: "k", value: { stringValue: "x".repeat(1e7) } }] },
    ],
  ])("refuses one point with %s and keeps the next", (code, bad) => {
    const value = "asDouble" in bad && bad.asDouble === "NaN" ? { ...bad, asDouble: Number.NaN } : bad;
    const request = (p: object) => metrics({ gauge: { dataPoints: [p, point] } });
    for (const rows of [
      decode("otlp-metrics-proto", encode("metrics", request(value))),
      decode("otlp-metrics-json", JSON.stringify(request(bad))),
    ]) {
      expect(rows.rejected).toMatchObject([{ code, rows: 1 }]);
      expect(rows.points).toHaveLength(1);
    }
  });

  it("counts a million series of one sender past the limit and keeps the rest", () => {
    const head = encode("metrics", metrics({ gauge: { dataPoints: [] } }));
    expect(head.length).toBeLessThan(128);
    const n = 1_000_000;
    const one = Buffer.from(
      encode(
        "metrics",
        metrics({
          gauge: { dataPoints: [{ ...point, attributes: [{ key: "id", value: { stringValue: "0000000" } }] }] },
        }),
      ),
    );
    const at = one.indexOf("0000000");
    const all = Buffer.alloc(one.length * n);
    for (let i = 0; i < n; i++) {
      all.set(one, i * one.length);
      all.write(String(i).padStart(7, "0"), i * one.length + at, "latin1");
    }
    const rows = decode("otlp-metrics-proto", all);
    expect(rows.points).toHaveLength(10_000);
    expect(rows.rejected).toMatchObject([{ code: "LIMIT_SERIES", rows: n - 10_000 }]);
  });

  it("counts all rows of a resource that is refused", () => {
    const long = { attributes: [{ key: "service.name", value: { stringValue: "x".repeat(2000) } }] };
    const request = {
      resourceMetrics: [
        { resource: long, scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints: [point, point, point] } }] }] },
      ],
    };
    for (const rows of [
      decode("otlp-metrics-proto", encode("metrics", request)),
      decode("otlp-metrics-json", JSON.stringify(request)),
    ])
      expect(rows.rejected).toMatchObject([{ code: "LABEL_TOO_LONG", rows: 3 }]);
  });
});

describe("JSON payloads of several requests", () => {
  const request = metrics({ gauge: { dataPoints: [point] } });
  const one = JSON.stringify(request);
  const rows = (text: string) => decode("otlp-metrics-json", text);
  it.each([
    ["a list", JSON.stringify([request, request])],
    ["one a line", `${one}\n${one}\n`],
    ["one a line, Windows' line ends, a byte order mark", `\ufeff${one}\r\n\r\n${one}`],
  ])("takes %s", (_, text) => {
    expect(rows(text).points).toHaveLength(2);
    expect(rows(text).rejected).toEqual([]);
  });
  it("takes one printed over many lines", () => {
    expect(rows(JSON.stringify(request, null, 2)).points).toHaveLength(1);
  });
  it("rejects the bad one of several and keeps its neighbours", () => {
    for (const text of [
      `${one}\n{"resourceMetrics":7}\n{\n${one}`,
      JSON.stringify([request, { resourceMetrics: 7 }, 3, request]),
    ]) {
      expect(rows(text).points).toHaveLength(2);
      expect(rows(text).rejected).toMatchObject([{ code: "DECODE_BAD_JSON", rows: 2 }]);
    }
  });
  it.each(["", "7", "[]", "[1]", "nonsense", "{\n{\n"])("refuses %j", (text) => {
    expect(() => rows(text)).toThrow(expect.objectContaining({ code: "DECODE_BAD_JSON" }));
  });
});

describe("exponential histograms", () => {
  // 2^(i * 2^-scale), worked out with 30 digits and rounded to a double.
  it.each([
    [3, 8, 2],
    [3, 1, 1.0905077326652577],
    [20, 1_048_576, 2],
    [-2, 1, 16],
    [-10, 1, Number.POSITIVE_INFINITY],
    [1, -4, 0.25],
  ])("scale %i: bucket %i ends at %f", (scale, index, bound) => {
    const p = { timeUnixNano, count: 1, scale, positive: { offset: index - 1, bucketCounts: [1] } };
    const [h] = both({ exponentialHistogram: { dataPoints: [p], aggregationTemporality: 2 } }).histograms;
    expect(h?.upper[h?.counts.indexOf(1) ?? 0]).toBe(bound);
  });

  it("keeps the zero bucket's width, and a point without a value is a gap", () => {
    const p = {
      timeUnixNano,
      count: 3,
      scale: 0,
      zeroCount: 3,
      zeroThreshold: 0.5,
      positive: { offset: 0, bucketCounts: [0] },
    };
    const gap = { timeUnixNano, flags: 1 };
    const rows = both({ exponentialHistogram: { dataPoints: [p, gap], aggregationTemporality: 1 } });
    expect(rows.histograms).toMatchObject([{ upper: [0.5, 1, 2, Infinity], counts: [3, 0, 0, 0] }]);
    for (const form of ["histogram", "summary"])
      expect(both({ [form]: { dataPoints: [gap] } })).toMatchObject({ points: [], histograms: [], rejected: [] });
  });
});

describe("attributes", () => {
  it("refuses a point with more than 128, and keeps the next", () => {
    const attributes = Array.from({ length: 129 }, (_, i) => ({ key: `k${i}`, value: { stringValue: "v" } }));
    const rows = both({
      gauge: { dataPoints: [{ ...point, attributes }, point, { ...point, attributes: attributes.slice(1) }] },
    });
    expect(rows.points).toHaveLength(2);
    expect(rows.rejected).toMatchObject([{ code: "LIMIT_ATTRIBUTES", rows: 1 }]);
  });
});

describe("logs and traces", () => {
  it("falls back on observed and ingest time, reads severity from text", () => {
    const logRecords = [
      {
        timeUnixNano: "0",
        observedTimeUnixNano: "1700000000999999999",
        severityText: "Warning",
        body: { stringValue: "a" },
      },
      {
        severityNumber: 17,
        body: { arrayValue: { values: [{ intValue: "9007199254740993" }, {}] } },
        traceId: "AB".repeat(16),
      },
    ];
    const request = { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
    const rows = decode("otlp-logs-proto", encode("logs", request));
    expect(decode("otlp-logs-json", JSON.stringify(request))).toEqual(rows);
    expect(rows.logs).toEqual([
      ["service:web", 1_700_000_000_999, 13, "a", {}, ""],
      ["service:web", NOW, 17, "[9007199254740993,null]", {}, "ab".repeat(16)],
    ]);
  });

  it.each([
    [3, { "peer.service": "db", "server.address": "h" }, "db"],
    [3, { "server.address": "h", "server.port": "80" }, "h:80"],
    [3, { "net.peer.name": "h", "net.peer.port": "81" }, "h:81"],
    [2, { "server.address": "h", "server.port": "80" }, ""],
  ])("kind %s with %j calls '%s'", (kind, about, peer) => {
    const attributes = Object.entries(about).map(([key, v]) => ({
      key,
      value: v === "80" ? { intValue: "80" } : { stringValue: v },
    }));
    const span = {
      traceId: "01".repeat(16),
      spanId: "02".repeat(8),
      parentSpanId: "",
      name: "GET",
      kind,
      attributes,
      status: { code: 2 },
      startTimeUnixNano: NOW_NS,
      endTimeUnixNano: `${NOW + 1}500000`,
    };
    const request = { resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] };
    const rows = decode("otlp-traces-proto", encode("traces", request));
    expect(decode("otlp-traces-json", JSON.stringify(request))).toEqual(rows);
    expect(rows.spans).toEqual([["service:web", NOW, 1.5, kind, 1, "01".repeat(16), "02".repeat(8), "", "GET", peer]]);
  });
});
