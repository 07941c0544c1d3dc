import { describe, expect, it } from "vitest";
import { randomOf } from "../../../models/neural/random.ts";
import { levelAlarm } from "../../../models/stream/level-alarm.ts";

/** Alarm rows of log energies. */
const alarmsOf = (log: readonly number[], judge = levelAlarm()): number[] =>
  log.flatMap((v, i) => (judge.step(v) >= 0.5 ? [i] : []));
const wild = (n: number, seed = 1) => {
  const random = randomOf(seed);
  return Array.from({ length: n }, () => 0.9 * random());
};

describe("alarm at a level", () => {
  it("is raised once where energy rises, and again only after it was well below", () => {
    const log = [...wild(2000), 1.2, 1.4, 1.3, 0.9, 1.5, ...wild(10).map((v) => v / 3), 1.9, 2];
    expect(alarmsOf(log)).toEqual([2000, 2015]);
  });

  it("needs more of what alarms often, and less again after a while", () => {
    const nervous = [...wild(2000), ...Array.from({ length: 50 }, () => [0, 1.5]).flat()];
    const judge = levelAlarm();
    expect(alarmsOf(nervous, judge).length).toBeLessThan(4);
    expect(judge.step(1.5)).toBe(0);
    for (const v of wild(10_000)) judge.step(v);
    judge.step(0);
    expect(judge.step(1.5)).toBeGreaterThanOrEqual(0.5);
  });

  it("is raised at less where a system has long been calm, and never at what is usual", () => {
    const calm = wild(3000).map((v) => v / 3 - 0.5);
    expect(alarmsOf([...calm, 0.6])).toEqual([3000]);
    expect(alarmsOf([...calm.slice(0, 500), 0.6])).toEqual([]);
    expect(alarmsOf([...wild(3000).map((v) => v / 3 - 3), -0.5])).toEqual([]);
  });

  it("raises none while all is new, goes on after a restart, and refuses a state that is none", () => {
    expect(alarmsOf([5, 0, 5, 0, 5])).toEqual([]);
    const log = [...wild(1500), 2, 2, 0, 3];
    const [whole, first] = [levelAlarm(), levelAlarm()];
    const expected = log.map((v) => whole.step(v));
    for (const v of log.slice(0, 1501)) first.step(v);
    const second = levelAlarm();
    second.load(JSON.parse(JSON.stringify(first.save())));
    expect(log.slice(1501).map((v) => second.step(v))).toEqual(expected.slice(1501));
    expect(() => second.load([1, 2])).toThrow(RangeError);
  });

  it("tells the share of energies as high", () => {
    const judge = levelAlarm();
    for (const v of wild(10_000)) judge.learn(v);
    expect(judge.tail(0.45)).toBeCloseTo(0.5, 1);
    expect(judge.tail(4)).toBeLessThan(1e-4);
    expect(judge.tail(-1)).toBeCloseTo(1, 3);
  });
});
