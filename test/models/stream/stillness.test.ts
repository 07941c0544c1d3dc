import { describe, expect, it } from "vitest";
import { univariateScorer } from "../../../models/stream/univariate.ts";
import { lcg } from "./lcg.ts";

const noise = (n: number, seed = 3) => lcg(n, seed).map((u) => 20 + 4 * u);

function alarmRows(values: ArrayLike<number>, stillness?: number): number[] {
  const bank = univariateScorer({ stillness });
  bank.resize(1);
  const n = values.length;
  const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
  bank.observe(new Uint32Array(n), new Float64Array(n).fill(Number.NaN), Float64Array.from(values), out);
  return [...out.alarm.keys()].filter((i) => (out.alarm[i] as number) > 0);
}

describe("a series that keeps still", () => {
  const stuck = noise(2000).map((v, i) => (i >= 1500 && i < 1800 ? 22 : v));

  it("alarms once, after a few rows, though its value is the most usual one", () => {
    const rows = alarmRows(stuck);
    expect(rows.filter((i) => i >= 1500 && i < 1800)).toHaveLength(1);
    expect(rows.find((i) => i >= 1500)).toBeLessThan(1540);
    expect(alarmRows(stuck, Number.POSITIVE_INFINITY).filter((i) => i >= 1500 && i < 1800)).toEqual([]);
  });

  it("alarms where noise is lost but not all of it", () => {
    const quiet = noise(2000).map((v, i) => (i >= 1500 && i < 1800 ? 22 + 0.03 * (v - 22) : v));
    expect(alarmRows(quiet).filter((i) => i >= 1500 && i < 1800)).toHaveLength(1);
  });

  it("alarms no more once stillness of that length is usual for the series", () => {
    const nights = noise(6000).map((v, i) => (i % 300 >= 200 ? 0 : v));
    expect(alarmRows(nights)).toEqual(alarmRows(nights, Number.POSITIVE_INFINITY));
    const longer = nights.map((v, i) => (i >= 5200 && i < 5900 ? 0 : v));
    const inLonger = (i: number) => i >= 5300 && i < 5900;
    expect(alarmRows(longer).filter(inLonger)).toHaveLength(1);
    expect(alarmRows(longer, Number.POSITIVE_INFINITY).filter(inLonger)).toEqual([]);
  });

  it.each([
    ["noise", noise(60_000)],
    ["a cycle with noise", lcg(60_000, 7).map((u, i) => 10 + 3 * Math.sin(i * 0.7) + 2 * u)],
  ])("raises hardly an alarm on %s for its own stillness, however long the series", (_, values) => {
    expect(alarmRows(values).length).toBeLessThanOrEqual(alarmRows(values, Number.POSITIVE_INFINITY).length + 2);
  });

  it("has no opinion on a constant, on a first run, or on one change", () => {
    expect(alarmRows(new Float64Array(3000).fill(5))).toEqual([]);
    expect(alarmRows(noise(3000).map((v, i) => (i >= 200 ? 7 : v))).filter((i) => i > 400)).toEqual([]);
  });

  it("refuses a threshold that is none", () => {
    expect(() => univariateScorer({ stillness: 0 })).toThrow("stillness");
  });
});
