import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { univariateScorer } from "../../../models/stream/univariate.ts";
import { lcg } from "./lcg.ts";

const START = 1_600_000_000_000;
const STEP = 300_000;
const timesFor = (n: number) => Float64Array.from({ length: n }, (_, i) => START + i * STEP);
const outFor = (n: number) => ({
  score: new Float64Array(n),
  alarm: new Float64Array(n),
  expected: new Float64Array(n),
  scale: new Float64Array(n),
  tail: new Float64Array(n),
});

/** Scores of one series, in calls of `chunk` rows. */
function run(values: ArrayLike<number>, { chunk = values.length || 1, times = timesFor(values.length) } = {}) {
  const bank = univariateScorer();
  bank.resize(1);
  const all = outFor(values.length);
  const rows = Float64Array.from(values);
  for (let from = 0; from < rows.length; from += chunk) {
    const to = Math.min(rows.length, from + chunk);
    const part = Object.fromEntries(Object.entries(all).map(([k, v]) => [k, v.subarray(from, to)])) as typeof all;
    bank.observe(new Uint32Array(to - from), times.subarray(from, to), rows.subarray(from, to), part);
  }
  return { ...all, bank };
}
const alarmRows = (alarm: Float64Array) => [...alarm.keys()].filter((i) => (alarm[i] as number) > 0);
const usual = (n: number, seed = 7) => {
  const u = lcg(n, seed);
  return u.map((v, i) => 10 + 3 * Math.sin(i * 0.7) + 2 * v);
};
const value = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: -1e3, max: 1e3, noNaN: true }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, Number.NaN, Infinity, -Infinity, 1e300, -1e300, 5e-324, Number.MAX_VALUE),
  },
);
const series = fc.array(value, { minLength: 0, maxLength: 700, size: "max" });

describe("univariate scorer", () => {
  it("gives the scores of the research prototype (research/metrics/run.py, numpy 2.4) on its 400 rows", () => {
    const values = lcg(400, 7).map((u, i) => 10 + 6 * u + (i >= 300 && i < 320 ? 9 : 0));
    const { score } = run(values, {
      times: Float64Array.from({ length: 400 }, (_, i) => 86_400_000 * 18_000 + i * STEP),
    });
    const expected = {
      50: 0.3828928690894787,
      150: 0.45749448303897833,
      299: 0.45179038234325275,
      305: 0.644418684673015,
    };
    for (const [i, s] of Object.entries(expected)) expect(score[Number(i)]).toBeCloseTo(s, 6);
    expect(score[399]).toBeCloseTo(0.5559033512289943, 6);
  });

  it("is causal: the scores of a prefix are the prefix of the scores, however the rows are cut into calls", () =>
    fc.assert(
      fc.property(series, fc.nat(700), fc.integer({ min: 1, max: 200 }), (values, cut, chunk) => {
        const whole = run(values);
        const prefix = run(values.slice(0, cut), { chunk });
        for (const key of ["score", "alarm", "expected", "scale", "tail"] as const)
          expect(Array.from(prefix[key])).toEqual(Array.from(whole[key].subarray(0, Math.min(cut, values.length))));
      }),
      { numRuns: 30 },
    ));

  it("stays within its bounds whatever comes", () =>
    fc.assert(
      fc.property(series, (values) => {
        const { score, alarm, tail, bank } = run(values);
        expect(score.every((s) => s >= 0 && s <= 1)).toBe(true);
        expect(alarm.every((a) => a === 0 || (a >= 0.5 && a <= 1))).toBe(true);
        expect(tail.every((p, i) => (Number.isFinite(values[i]) ? p > 0 && p <= 1 : Number.isNaN(p)))).toBe(true);
        expect(bank.saveBlock(0, 1).every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 50 },
    ));

  it("keeps slots apart, and goes on from a saved state that went through JSON", () => {
    const [a, b] = [usual(900, 1), usual(900, 2)];
    const both = univariateScorer();
    both.resize(2);
    const slots = Uint32Array.from({ length: 1800 }, (_, i) => i % 2);
    const mixed = Float64Array.from(slots, (s, i) => (s === 0 ? a : b)[i >> 1] as number);
    const times = Float64Array.from(slots, (_, i) => START + (i >> 1) * STEP);
    const first = outFor(1000);
    both.observe(slots.subarray(0, 1000), times.subarray(0, 1000), mixed.subarray(0, 1000), first);
    const saved = JSON.parse(JSON.stringify(Array.from(both.saveBlock(0, 2)))) as number[];
    expect([...both.saveBlock(0, 1), ...both.saveBlock(1, 2)]).toEqual(saved);
    const copy = univariateScorer();
    copy.loadBlock(0, 2, Float64Array.from(saved));
    const second = outFor(800);
    copy.observe(slots.subarray(1000), times.subarray(1000), mixed.subarray(1000), second);
    for (const [slot, values] of [a, b].entries()) {
      const alone = run(values);
      const seen = [...first.score, ...second.score].filter((_, i) => i % 2 === slot);
      expect(seen).toEqual(Array.from(alone.score));
    }
  });

  it("scores purely: nothing is learned, and the answer is that of observing the row next", () => {
    const { bank } = run(usual(300));
    const before = bank.saveBlock(0, 1);
    const [asked, next] = [outFor(1), outFor(1)];
    const row = [new Uint32Array(1), Float64Array.of(START + 300 * STEP), Float64Array.of(40)] as const;
    bank.score(...row, asked);
    expect(bank.saveBlock(0, 1)).toEqual(before);
    bank.observe(...row, next);
    expect(next).toEqual(asked);
    expect(bank.saveBlock(0, 1)).not.toEqual(before);
  });

  it.each([
    ["a spike", 1500, (v: number, i: number) => (i === 1500 ? v + 40 : v)],
    ["a level shift", 1500, (v: number, i: number) => (i >= 1500 ? v + 12 : v)],
    ["a change of unit", 1500, (v: number, i: number) => (i >= 1500 ? 1000 * v : v)],
    ["a counter that was reset", 1500, (_: number, i: number) => (i < 1500 ? 50_000 + 7 * i : 7 * (i - 1500))],
    ["1e300", 1500, (v: number, i: number) => (i === 1500 ? 1e300 : v)],
    ["a constant that moves", 1500, (_: number, i: number) => (i >= 1500 ? 43 : 42)],
    ["zeros, then a one", 1500, (_: number, i: number) => (i >= 1500 ? 1 : 0)],
  ])("raises an alarm at %s, and few others", (_, at, change) => {
    const values = usual(2000).map(change);
    const rows = alarmRows(run(values).alarm);
    expect(rows.some((i) => i >= at && i < at + 12)).toBe(true);
    expect(rows.filter((i) => i < at).length).toBeLessThanOrEqual(2);
  });

  it.each([
    ["a constant", () => 42],
    ["zero", () => 0],
    ["a large constant with rounding noise", (i: number) => 1e9 + (i % 2) * 1e-7],
  ])("never calls %s strange", (_, of) => {
    const { score, alarm } = run(Float64Array.from({ length: 2000 }, (_, i) => of(i)));
    expect(alarmRows(alarm)).toEqual([]);
    expect(Math.max(...score)).toBeLessThan(0.6);
  });

  it("takes 1e300 for one wild row: it does not blind to what comes later", () => {
    const values = usual(3000);
    values[1000] = 1e300;
    for (let i = 2500; i < 2510; i++) values[i]! += 60;
    expect(alarmRows(run(values).alarm).some((i) => i >= 2500 && i < 2510)).toBe(true);
  });

  it("keeps the last score over a gap, which teaches nothing", () => {
    const values = usual(500);
    const gaps = values.slice();
    gaps.fill(Number.NaN, 300, 310);
    const { score, alarm, expected } = run(gaps);
    expect(score.slice(300, 310).every((s) => s === score[299])).toBe(true);
    expect(alarm.slice(300, 310).every((a) => a === 0)).toBe(true);
    expect(expected.slice(300, 310).every(Number.isNaN)).toBe(true);
    const timed = timesFor(500);
    const keep = [...values.keys()].filter((i) => i < 300 || i >= 310);
    const without = run(
      keep.map((i) => values[i] as number),
      { times: Float64Array.from(keep, (i) => timed[i] as number) },
    );
    expect(score[499]).toBe(without.score[489]);
  });

  it.each([
    ["the day, where times are known", timesFor(3000), 288],
    ["a period that is no day, without any times", new Float64Array(3000).fill(Number.NaN), 130],
  ])("expects what %s brings", (_, times, period) => {
    const noise = lcg(3000, 5);
    const values = noise.map((u, i) => 100 + 40 * Math.sin((2 * Math.PI * i) / period) + 4 * u);
    const { expected, scale } = run(values, { times });
    let miss = 0;
    for (let i = 2500; i < 3000; i++) miss += Math.abs(values[i]! - expected[i]!) / 500;
    expect(miss).toBeLessThan(8); // the wave alone has 25
    expect(scale[2999]).toBeLessThan(20);
  });

  it("says how rare a score is in the series' own past", () => {
    const { tail } = run(usual(6000));
    const rare = (p: number) => tail.slice(2000).filter((t) => t <= p).length / 4000;
    expect(rare(0.1)).toBeGreaterThan(0.1 / 3);
    expect(rare(0.1)).toBeLessThan(0.1 * 3);
    expect(rare(0.01)).toBeLessThan(0.05);
  });

  it("takes the same memory for ever", () => {
    const { bank } = run(usual(50));
    const size = bank.saveBlock(0, 1).length;
    const long = univariateScorer();
    long.resize(1);
    const n = 130_000; // more than a count holds
    const values = usual(n);
    const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
    long.observe(new Uint32Array(n), timesFor(n), values, out);
    expect(long.saveBlock(0, 1).length).toBe(size);
    expect(long.saveBlock(0, 1).every(Number.isFinite)).toBe(true);
    expect(alarmRows(out.alarm).length).toBeLessThan(n / 4000);
  });

  it("refuses slots out of range, ragged columns, states of the wrong size and bad options", () => {
    const { bank } = run(usual(20));
    const out = outFor(1);
    expect(() => bank.observe(Uint32Array.of(1), Float64Array.of(1), Float64Array.of(1), out)).toThrow(RangeError);
    expect(() => bank.observe(Uint32Array.of(0), Float64Array.of(1), new Float64Array(2), out)).toThrow(RangeError);
    expect(() => bank.saveBlock(0, 2)).toThrow(RangeError);
    expect(() => bank.loadBlock(0, 1, new Float64Array(3))).toThrow(RangeError);
    for (const bad of [{ smoothing: 0 }, { memory: 1 }, { clip: 1 }, { threshold: 0 }, { habituation: -1 }])
      expect(() => univariateScorer(bad)).toThrow(RangeError);
  });
});
