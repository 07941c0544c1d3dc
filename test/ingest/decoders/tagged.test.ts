import { describe, expect, it } from "vitest";
import { decode, NOW } from "./rows.ts";

const S = 1_700_000_000;
const json = (...rows: object[]) => rows.map((r) => JSON.stringify(r)).join("\n");

describe("telegraf-json", () => {
  const row = { fields: { free: 5, up: true, state: "ok" }, name: "mem", tags: { host: "h", rack: "r" }, timestamp: S };
  it("reads single metrics and batches; strings are left out", () => {
    const points = [
      ["host:h gauge mem.free{rack=r} ", S * 1000, 0, 5],
      ["host:h gauge mem.up{rack=r} ", S * 1000, 0, 1],
    ];
    expect(decode("telegraf-json", json(row)).points).toEqual(points);
    expect(decode("telegraf-json", json({ metrics: [row] })).points).toEqual(points);
  });
  it("rejects one bad metric of a batch", () => {
    const bad = [{ ...row, fields: { free: [] } }, { ...row, name: 3 }, 7, { ...row, timestamp: "soon" }];
    const { points, rejected } = decode("telegraf-json", json({ metrics: [...bad, row] }));
    expect(points).toHaveLength(2);
    expect(rejected.reduce((sum, r) => sum + r.rows, 0)).toBe(5); // the last one has two fields
  });
});

describe("prometheus-json", () => {
  const row = { timestamp: "2023-11-14T22:13:20Z", value: "12", name: "up", labels: { __name__: "up", job: "api" } };
  it("takes the job for the service, and counters by their names", () => {
    const { points, rejected } = decode(
      "prometheus-json",
      json(row, { ...row, name: "http_requests_total", value: "1.5e3", labels: { job: "api", code: "500" } }),
    );
    expect(rejected).toEqual([]);
    expect(points).toEqual([
      ["service:api gauge up ", S * 1000, 0, 12],
      ["service:api counter http_requests_total{code=500} ", S * 1000, 0, 1500],
    ]);
  });
  it("rejects NaN, infinities and rows without a name", () => {
    const bad = ["NaN", "+Inf", "-Inf"].map((value) => ({ ...row, value }));
    const { points, rejected } = decode("prometheus-json", json(...bad, { value: "1" }, row));
    expect(points).toHaveLength(1);
    expect(rejected.filter((r) => r.code === "DECODE_BAD_FIELD")).toMatchObject([{ detail: "no `name`", rows: 1 }]);
    expect(rejected.filter((r) => r.code === "VALUE_NOT_FINITE").reduce((sum, r) => sum + r.rows, 0)).toBe(3);
  });
});

describe("vector-json", () => {
  const base = { name: "cpu", namespace: "host", tags: { host: "h", mode: "idle" }, timestamp: "2023-11-14T22:13:20Z" };
  it("reads counters, gauges and logs", () => {
    const { points, logs, rejected } = decode(
      "vector-json",
      json(
        { metric: { ...base, kind: "absolute", counter: { value: 4 } } },
        { metric: { ...base, kind: "incremental", counter: { value: 2 } } },
        { metric: { ...base, namespace: null, timestamp: null, kind: "absolute", gauge: { value: 1 } } },
        { log: { message: "disk full", host: "h", level: "error", timestamp: "2023-11-14T22:13:20.5Z", unit: "a" } },
      ),
    );
    expect(rejected).toEqual([]);
    expect(points).toEqual([
      ["host:h counter host_cpu{mode=idle} ", S * 1000, 0, 4],
      ["host:h delta host_cpu{mode=idle} ", S * 1000, 0, 2],
      ["host:h gauge cpu{mode=idle} ", NOW, 0, 1],
    ]);
    expect(logs).toEqual([["host:h", S * 1000 + 500, 17, "disk full", { unit: "a" }, ""]]);
  });
  // Vector can't be installed here: shapes follow its own fixtures (lib/codecs/tests/data/native_encoding/json).
  it("reads histograms, summaries, sets and distributions, and its json codec without a wrapper", () => {
    const histogram = {
      buckets: [
        { upper_limit: 1, count: 2 },
        { upper_limit: "inf", count: 3 },
      ],
      count: 5,
      sum: 9,
    };
    const summary = { quantiles: [{ quantile: 0.5, value: 3 }], count: 6, sum: 8 };
    const samples = [
      { value: 10, rate: 1 },
      { value: 2, rate: 2 },
      { value: 10, rate: 1 },
    ];
    const { points, histograms, rejected } = decode(
      "vector-json",
      json(
        { metric: { ...base, kind: "incremental", aggregated_histogram: histogram } },
        { ...base, name: "d", kind: "absolute", distribution: { samples, statistic: "summary" } },
        { metric: { ...base, kind: "absolute", aggregated_summary: summary } },
        { metric: { ...base, name: "s", kind: "incremental", set: { values: ["a", "b", "a"] } } },
      ),
    );
    expect(rejected).toEqual([]);
    const row = { timeMs: S * 1000, startMs: 0 };
    expect(histograms).toEqual([
      {
        ...row,
        series: "host:h deltaHistogram host_cpu{mode=idle} ",
        count: 5,
        sum: 9,
        upper: [1, Infinity],
        counts: [2, 3],
      },
      {
        ...row,
        series: "host:h histogram host_d{mode=idle} ",
        count: 4,
        sum: 24,
        upper: [2, 10, Infinity],
        counts: [2, 2, 0],
      },
    ]);
    expect(points).toEqual([
      ["host:h counter host_cpu.count{mode=idle} 1", S * 1000, 0, 6],
      ["host:h counter host_cpu.sum{mode=idle} ", S * 1000, 0, 8],
      ["host:h gauge host_cpu{mode=idle,quantile=0.5} ", S * 1000, 0, 3],
      ["host:h gauge host_s{mode=idle} ", S * 1000, 0, 2],
    ]);
  });
  it("rejects what it does not read, by name", () => {
    const bad = [
      { metric: { ...base, kind: "absolute" } },
      { metric: { ...base, kind: "absolute", sketch: { sketch: { AgentDDSketch: { count: 1 } } } } },
      { metric: { ...base, kind: "incremental", gauge: { value: 1 } } },
      { metric: { ...base, kind: "incremental", aggregated_summary: { quantiles: [], count: 1, sum: 1 } } },
      { metric: { ...base, kind: "absolute", distribution: { samples: [{ value: "x", rate: 1 }] } } },
      { metric: { ...base, kind: "absolute", aggregated_histogram: { buckets: [{ upper_limit: 1 }], count: 1 } } },
      { log: { host: "h" } },
      { trace: {} },
    ];
    const { rejected } = decode("vector-json", json(...bad));
    expect(rejected.map((r) => r.detail)).toEqual([
      "none of counter, gauge, set, distribution, aggregated_histogram, aggregated_summary, sketch",
      "a sketch",
      "an incremental gauge",
      "an incremental aggregated summary",
      "sample is not a number",
      "count is not a number",
      "none of message, msg, log, body",
      "a trace",
    ]);
  });
});
