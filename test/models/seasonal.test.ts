/** What the hour of the day and of the week lets expect. The laws of banks are kept in `statistical-banks.test.ts`. */
import { describe, expect, it } from "vitest";
import { seasonal } from "../../models/statistical/index.ts";
import type { SeasonalOptions } from "../../models/statistical/seasonal.ts";
import { normal } from "./noise.ts";

const HOUR = 3_600_000;
const ZERO = Uint32Array.of(0);
/** A Monday. */
const START = Date.UTC(2026, 0, 5);

function bankOf(options?: SeasonalOptions) {
  const bank = seasonal(options);
  bank.resize(1);
  const at = (timeMs: number, value: number): number => {
    const out = new Float64Array(1);
    bank.score(ZERO, Float64Array.of(value), out, timeMs);
    return out[0]!;
  };
  return {
    score: at,
    expected: (timeMs: number) => bank.expected(0, timeMs),
    off: (timeMs: number, value: number) => bank.offSeason!(0, value, timeMs),
    /** Score of each before it is learned. */
    follow(values: (timeMs: number) => number, fromMs: number, untilMs: number, stepMs = HOUR / 12): number[] {
      const scores: number[] = [];
      for (let t = fromMs; t < untilMs; t += stepMs) {
        scores.push(at(t, values(t)));
        bank.learn(ZERO, Float64Array.of(values(t)), t);
      }
      return scores;
    },
  };
}
const day = (n: number) => START + n * 24 * HOUR;
const hourOf = (timeMs: number) => new Date(timeMs).getUTCHours();
const isWeekend = (timeMs: number) => [0, 6].includes(new Date(timeMs).getUTCDay());

describe("the seasonal bank", () => {
  it("finds a value that is usual by day strange by night, and not before it has seen two nights", () => {
    const z = normal(3);
    const daily = (t: number) => (hourOf(t) >= 8 && hourOf(t) < 18 ? 100 : 20) + z();
    const bank = bankOf();
    const first = bank.follow(daily, day(0), day(2));
    expect(first.every(Number.isNaN)).toBe(true);
    bank.follow(daily, day(2), day(6));
    expect(bank.score(day(6) + 3 * HOUR, 100)).toBeGreaterThan(30);
    expect(bank.score(day(6) + 12 * HOUR, 100)).toBeLessThan(3);
    expect(bank.expected(day(6) + 3 * HOUR)?.expected).toBeCloseTo(20, 0);
    expect(bank.expected(day(6) + 12 * HOUR)?.expected).toBeCloseTo(100, 0);
  });

  it("expects of an hour of the week what that hour was, once it has been seen in two weeks", () => {
    const z = normal(4);
    const weekly = (t: number) => (isWeekend(t) ? 10 : 50) + z();
    const bank = bankOf();
    bank.follow(weekly, day(0), day(12));
    expect(bank.expected(day(12) + 9 * HOUR)).toMatchObject({ periodMs: 24 * HOUR });
    bank.follow(weekly, day(12), day(19));
    const saturday = bank.expected(day(19) + 9 * HOUR);
    expect(saturday).toMatchObject({ periodMs: 7 * 24 * HOUR });
    expect(saturday?.expected).toBeCloseTo(10, 0);
    const each = bankOf({ weekly: false });
    each.follow(weekly, day(0), day(19));
    expect(each.expected(day(19) + 9 * HOUR)?.periodMs).toBe(24 * HOUR);
    expect(Math.abs(each.expected(day(19) + 9 * HOUR)!.expected - 10)).toBeGreaterThan(15);
  });

  it("follows a line between hours where that is nearer, a step where that is", () => {
    const [z, y] = [normal(5), normal(6)];
    const wave = bankOf();
    const smooth = (t: number) => 100 * Math.sin((2 * Math.PI * t) / (24 * HOUR));
    wave.follow((t) => smooth(t) + z(), day(0), day(8));
    for (const minutes of [3, 27, 55]) {
      const t = day(8) + 30 * HOUR + minutes * 60_000;
      expect(Math.abs(wave.expected(t)!.expected - smooth(t))).toBeLessThan(4);
    }
    expect(wave.expected(day(8))?.scale).toBeLessThan(5);
    const batch = bankOf();
    const step = (t: number) => (hourOf(t) === 2 ? 80 : 0);
    batch.follow((t) => step(t) + y(), day(0), day(8));
    expect(batch.expected(day(8) + 2 * HOUR + 60_000)?.expected).toBeCloseTo(80, -1);
    expect(batch.expected(day(8) + 1.98 * HOUR)?.expected).toBeCloseTo(0, -1);
    expect(batch.expected(day(8))?.scale).toBeLessThan(2);
  });

  it("takes most of a shift of all hours into what it expects within a week, and little within hours", () => {
    const z = normal(7);
    const bank = bankOf();
    const daily = (t: number) => 10 * Math.sin((2 * Math.PI * t) / (24 * HOUR)) + z();
    const shifted = (t: number) => 30 + daily(t);
    bank.follow(daily, day(0), day(15));
    const t = 6 * HOUR;
    const before = bank.expected(day(15) + t)!.expected;
    bank.follow(shifted, day(15), day(15) + 5 * HOUR);
    expect(Math.abs(bank.expected(day(15) + t)!.expected - before)).toBeLessThan(4);
    bank.follow(shifted, day(15) + 5 * HOUR, day(22));
    expect(Math.abs(bank.expected(day(22) + t)!.expected - before - 30)).toBeLessThan(12);
  });

  it("says how far a value is from this hour and its neighbours, once it explains most of the series", () => {
    const z = normal(8);
    const daily = (t: number) => (hourOf(t) >= 8 && hourOf(t) < 18 ? 100 : 20) + z();
    const bank = bankOf();
    bank.follow(daily, day(0), day(6));
    const near = (hour: number, value: number) => bank.off(day(6) + hour * HOUR, value) < 2;
    expect([near(12, 101), near(12, 20), near(3, 20), near(3, 100)]).toEqual([true, false, true, false]);
    expect([near(7.5, 100), near(8.5, 20), near(6.5, 100)]).toEqual([true, true, false]);
    const noise = bankOf();
    noise.follow(() => z(), day(0), day(6));
    expect(noise.off(day(6), 0)).toBeNaN();
    expect(bankOf().off(day(0), 0)).toBeNaN();
  });

  it("has no opinion and learns nothing without a time, or with one that is none", () => {
    const bank = seasonal();
    bank.resize(1);
    const before = Array.from(bank.saveBlock(0, 1));
    for (const timeMs of [undefined, Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300]) {
      bank.learn(ZERO, Float64Array.of(5), timeMs);
      const out = new Float64Array(1);
      bank.score(ZERO, Float64Array.of(5), out, timeMs);
      expect(out[0]).toBeNaN();
      expect(bank.expected(0, timeMs)).toBeUndefined();
    }
    expect(Array.from(bank.saveBlock(0, 1))).toEqual(before);
  });

  it.each([{ levelWeight: 1.1 }, { days: 0 }, { weeks: 101 }, { memory: 1 }, { warmup: Number.NaN }, { clip: 0.5 }])(
    "refuses %o",
    (options) => {
      expect(() => seasonal(options)).toThrow(RangeError);
    },
  );
});
