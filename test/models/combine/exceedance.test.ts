import { describe, expect, it } from "vitest";
import { exceedance } from "../../../models/combine/exceedance.ts";
import { normal, uniform } from "../noise.ts";

/** One peak a unit of exposure. */
function taught(draw: () => number, n: number, options = {}) {
  const model = exceedance(options);
  for (let i = 0; i < n; i++) {
    model.learn(draw());
    model.pass(1);
  }
  return model;
}
const inOrders = (rate: number, truth: number) => Math.abs(Math.log10(rate / truth));

describe("exceedance", () => {
  it("has no opinion before 10 peaks", () => {
    const model = taught(() => 1, 9);
    expect(model.rate(0)).toBeNaN();
    model.learn(1);
    expect(model.rate(0)).toBeGreaterThan(0);
  });

  it.each([1, 2, 3, 4, 5, 6])("reaches beyond what it saw of an exponential tail, seed %i", (seed) => {
    const u = uniform(seed);
    const model = taught(() => -Math.log10(u()), 1000);
    for (const level of [0.5, 1, 2, 2.5]) expect(inOrders(model.rate(level), 10 ** -level)).toBeLessThan(0.25);
    // a hundred times rarer than anything in the sample
    expect(inOrders(model.rate(5), 1e-5)).toBeLessThan(1);
  });

  it("falls faster for a light tail than for a heavy one", () => {
    const z = normal(3);
    const u = uniform(3);
    const light = taught(() => Math.abs(z()), 2000);
    const heavy = taught(() => u() ** -0.3, 2000);
    const drop = (m: ReturnType<typeof exceedance>, quantile: number) => {
      let level = 0;
      while (m.rate(level) > quantile) level += 0.1;
      return m.rate(2 * level) / quantile;
    };
    expect(drop(light, 0.01)).toBeLessThan(drop(heavy, 0.01) / 10);
  });

  it("counts by exposure and not by peaks", () => {
    const model = exceedance();
    for (let i = 0; i < 100; i++) {
      model.learn(2);
      model.pass(50);
    }
    expect(model.rate(1)).toBeCloseTo(1 / 50, 9);
  });

  it("forgets: a calmer time shows, and memory stays bounded", () => {
    const model = exceedance({ memory: 300 });
    for (let i = 0; i < 1000; i++) {
      model.learn(5);
      model.pass(1);
    }
    for (let i = 0; i < 2000; i++) {
      model.learn(1);
      model.pass(1);
    }
    expect(model.peaks).toBeLessThanOrEqual(304);
    expect(model.rate(4)).toBeLessThan(0.05);
  });

  it("forgets with time as it is told to, but never all", () => {
    const model = taught(() => 5, 1000, { memory: 5000 });
    for (let i = 0; i < 700; i++) model.pass(1, 0.999);
    expect(model.peaks).toBeGreaterThan(450);
    expect(model.peaks).toBeLessThan(550);
    const before = model.rate(1);
    for (let i = 0; i < 1e5; i++) model.pass(0, 0.999);
    expect(model.peaks).toBeGreaterThan(19);
    expect(model.rate(1)).toBeCloseTo(before, 6);
  });

  it("never rises with the level, and survives what is no peak", () => {
    const u = uniform(9);
    const model = taught(() => 3 - 2 * Math.log10(u()), 400);
    for (const odd of [Number.NaN, -5, Number.POSITIVE_INFINITY, 1e300]) model.learn(odd);
    let before = Number.POSITIVE_INFINITY;
    for (let level = 0; level < 45; level += 0.1) {
      const rate = model.rate(level);
      expect(rate).toBeLessThanOrEqual(before * (1 + 1e-9));
      expect(rate).toBeGreaterThanOrEqual(0);
      before = rate;
    }
  });

  it("is the same after it was saved and loaded", () => {
    const u = uniform(5);
    const model = taught(() => -Math.log10(u()), 500);
    for (let i = 0; i < 5; i++) model.pass(1, 0.999);
    const other = exceedance();
    other.load(JSON.parse(JSON.stringify(model.save())));
    for (const m of [model, other]) {
      m.learn(3);
      m.pass(7, 0.994);
    }
    for (const level of [0, 1, 4]) expect(other.rate(level)).toBe(model.rate(level));
  });

  it("refuses a memory that is too short to fit a tail", () => {
    expect(() => exceedance({ memory: 100 })).toThrow(RangeError);
  });
});
