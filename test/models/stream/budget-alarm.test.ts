import { describe, expect, it } from "vitest";
import { budgetAlarm } from "../../../models/stream/budget-alarm.ts";
import { univariateModel } from "../../../models/stream/univariate-model.ts";
import { noise } from "../noise.ts";

const STEP = 300_000;
const WEEK = 2016;

/** Alarms a week after the first `learn` weeks, over series of the scorer's own scores. */
function perWeek(budget: number, kind: "white" | "ar1", series: number, weeks: number, learn: number): number {
  let alarms = 0;
  for (let s = 0; s < series; s++) {
    const draw = noise(kind, 100 + s);
    const n = (weeks + learn) * WEEK;
    const model = univariateModel();
    const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
    const times = Float64Array.from({ length: n }, (_, i) => Date.UTC(2026, 0, 5) + i * STEP);
    model.observe(times, Float64Array.from({ length: n }, draw), out);
    const alarm = budgetAlarm({ perWeek: budget });
    for (let i = 0; i < n; i++) if (alarm.step(times[i]!, out.score[i]!) > 0 && i >= learn * WEEK) alarms += 1;
  }
  return alarms / weeks / series;
}

describe("budgetAlarm", () => {
  it.each([
    ["white", 2],
    ["ar1", 2],
    ["white", 0.5],
  ] as const)("keeps to its budget on %s noise: %d a week", (kind, budget) => {
    const rate = perWeek(budget, kind, 10, 6, 4);
    // 10 series of 6 weeks: 120 or 30 alarms expected
    expect(rate).toBeGreaterThan(budget / 2);
    expect(rate).toBeLessThan(budget * 2);
  });

  it("raises a jump, with a value that ranks it", () => {
    const draw = noise("white", 5);
    const n = 3 * WEEK;
    const model = univariateModel();
    const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
    const times = Float64Array.from({ length: n }, (_, i) => i * STEP);
    const at = 2.5 * WEEK;
    model.observe(
      times,
      Float64Array.from({ length: n }, (_, i) => draw() + (i >= at && i < at + 20 ? 12 : 0)),
      out,
    );
    const alarm = budgetAlarm({ perWeek: 0.2 });
    const raised = [...out.score].flatMap((s, i) => {
      const v = alarm.step(times[i]!, s);
      return v > 0 ? [{ i, v }] : [];
    });
    const hit = raised.filter((r) => r.i >= at && r.i < at + 20);
    expect(hit).toHaveLength(1);
    expect(hit[0]!.v).toBe(Math.max(...raised.map((r) => r.v)));
    for (const { v } of raised) expect(v).toBeGreaterThanOrEqual(0.5);
  });

  it("raises nothing without times, and bears what is no score", () => {
    const alarm = budgetAlarm({ perWeek: 1 });
    for (let i = 0; i < 1000; i++) expect(alarm.step(Number.NaN, 0.9)).toBe(0);
    for (const odd of [Number.NaN, 0, 1, -1, Number.POSITIVE_INFINITY]) expect(alarm.step(1, odd)).toBe(0);
    expect(() => budgetAlarm({ perWeek: 0 })).toThrow(RangeError);
  });
});
