import { describe, expect, it } from "vitest";
import { familyOf } from "../../pipelines/core/metric-family.ts";
import { caseViewOf } from "../../pipelines/run/diagnose/case-view-of.ts";
import { grownBy } from "../../pipelines/run/diagnose/counters.ts";

const timesMs = Float64Array.from({ length: 12 }, (_, i) => i * 15_000);
const of = (...values: number[]) => Float64Array.from(values);
const grown = of(0, 150, 300, 450, 600, 750, 900, 1050, 1200, 1350, 1500, 1650);
const ten = [Number.NaN, ...Array(11).fill(10)];

describe("cumulative counters of a recording", () => {
  it("are read as what they grow by a second", () => {
    expect([...grownBy("http_requests_total", grown, timesMs)]).toEqual(ten);
  });

  it("begin anew after a restart, and bridge gaps", () => {
    const restarted = grown.map((v, i) => (i < 6 ? v : v - 750));
    expect([...grownBy("cpu_seconds_total", restarted, timesMs)]).toEqual(ten);
    const gap = grown.map((v, i) => (i === 4 || i === 5 ? Number.NaN : v));
    const across = ten.map((v, i) => (i === 4 || i === 5 ? Number.NaN : v));
    expect([...grownBy("cpu_seconds_total", gap, timesMs)]).toEqual(across);
  });

  it.each([
    ["a rate that bears a counter's name", "requests_sum", grown.map((v, i) => (i % 3 ? 800 : v))],
    ["a gauge that grows", "memory_bytes", grown],
    ["a series that hardly moves", "restarts_total", grown.map((_, i) => (i < 9 ? 0 : 1))],
    ["too few samples", "http_requests_total", grown.slice(0, 8)],
  ])("leave %s alone", (_, metric, values) => {
    expect(grownBy(metric, values, timesMs)).toBe(values);
  });

  it("keep their names and families in a case", () => {
    const columns = [{ name: "cart_http_requests_total", values: grown }];
    const view = caseViewOf({
      name: "case",
      metrics: { timesMs, columns, rejected: 0, merged: 1 },
      spans: null,
      lines: null,
      edges: [],
      onsetMs: null,
      notes: [],
    });
    expect(view.series[0]).toMatchObject({ entity: "cart", metric: "http_requests_total" });
    expect(view.series[0]?.family).toBe(familyOf("http_requests_total"));
    expect([...view.series[0]!.values]).toEqual(ten);
  });
});
