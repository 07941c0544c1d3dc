import { describe, expect, it } from "vitest";
import { stepGains } from "../../models/statistical/step-gain.ts";
import { familyOf } from "../../pipelines/core/metric-family.ts";
import { analyse } from "../../pipelines/diagnose/analyse.ts";
import type { CaseSeries, CaseView } from "../../pipelines/diagnose/case-view.ts";
import { failingFactors } from "../../pipelines/diagnose/failing.ts";

const LENGTH = 52;
const ONSET = 48;
const series = (entity: string, metric: string, at: (i: number) => number): CaseSeries => ({
  entity,
  name: metric,
  metric,
  unit: "",
  family: familyOf(metric),
  peer: null,
  values: Float64Array.from({ length: LENGTH }, (_, i) => at(i)),
});
function view(list: readonly CaseSeries[]): CaseView {
  return {
    startMs: 1_700_000_000_000,
    stepMs: 300_000,
    length: LENGTH,
    entities: [...new Set(list.map((s) => s.entity))].map((name) => ({ name, kind: "service" })),
    series: list,
    edges: [],
    logs: [],
    changes: [],
    anomalies: [],
    onsetHintsMs: [],
  };
}
const served = (entity: string, requests: number, failing: number) => [
  series(entity, "requests_sum", (i) => requests + (i % 3)),
  series(entity, "availability_avg", (i) => (i < ONSET + 1 ? 100 : 100 - failing)),
];

describe("failing requests", () => {
  it("count more than their ratio: a service behind a rarely used address is to blame", () => {
    // 6 % of 800 requests fail at the service; 12 % of 30 at an address that some of its callers use.
    const list = [...served("address", 30, 12), ...served("service", 800, 6), ...served("other", 500, 0)];
    const factors = failingFactors(view(list), ONSET);
    expect(factors.get("service")).toBe(1);
    expect(factors.get("address")).toBeCloseTo(0.3 + (0.7 * 31 * 12) / (801 * 6), 2);
    expect(factors.get("other")).toBeCloseTo(0.3);
    for (const givenOnsetMs of [1_700_000_000_000 + ONSET * 300_000, null])
      expect(analyse({ ...view(list), givenOnsetMs }).entities[0]?.name).toBe("service");
  });

  it("leave entities out of which the number of requests is not known, and are none where nothing fails", () => {
    const list = [series("a", "availability_avg", () => 99), ...served("b", 100, 0)];
    expect([...failingFactors(view(list), ONSET)]).toEqual([["b", 1]]);
  });

  it("are read from ratios of failures, in percent or not, across gaps", () => {
    const ratio = (whole: number) => [
      series("a", "error_ratio", (i) => (i === ONSET ? Number.NaN : (i > ONSET ? 0.2 : 0.1) * whole)),
      series("a", "request_rate", () => 50),
      ...served("b", 50, 20),
    ];
    for (const whole of [1, 100]) expect(failingFactors(view(ratio(whole)), ONSET).get("a")).toBeCloseTo(0.65, 1);
  });
});

describe("step gain", () => {
  it("sees a dip of a few percent in a share of good requests", () => {
    const x = Float64Array.from({ length: LENGTH }, (_, i) => (i < ONSET ? 100 : 97));
    const sorted = x.slice().sort();
    const [from0] = stepGains(x, sorted, [ONSET]);
    const [from100] = stepGains(x, sorted, [ONSET], 100);
    expect(from100).toBeGreaterThan(2 * (from0 as number));
  });
});
