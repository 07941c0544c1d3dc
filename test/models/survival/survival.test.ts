import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gammaP, gammaQuantile, lnGamma } from "../../../models/survival/gamma.ts";
import { poissonInterval, wilsonInterval } from "../../../models/survival/intervals.ts";
import { type Duration, kaplanMeier, restrictedMean, survivalQuantile } from "../../../models/survival/kaplan-meier.ts";
import { normalQuantile } from "../../../models/survival/normal.ts";
import { fitWeibull } from "../../../models/survival/weibull.ts";

const durations = (ended: readonly number[], open: readonly number[] = []): Duration[] => [
  ...ended.map((time) => ({ time, ended: true })),
  ...open.map((time) => ({ time, ended: false })),
];

describe("distributions", () => {
  it.each([
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.001, -3.090232306167813],
    [1e-10, -6.361340902404056],
  ])("normal quantile at %d", (p, z) => expect(normalQuantile(p)).toBeCloseTo(z, 7));
  it.each([
    [1, 0],
    [5, Math.log(24)],
    [0.5, Math.log(Math.PI) / 2],
    [171, 706.5730622457874],
  ])("ln Γ(%d)", (x, v) => expect(lnGamma(x)).toBeCloseTo(v, 9));
  it.each([
    [1, 2, 1 - Math.exp(-2)],
    [0.5, 1.920729410347062, 0.95], // chi-square 3.841 with one degree of freedom
    [10, 10, 0.5420702855281477],
    [1000, 1000, 0.5042052441802155],
  ])("P(%d, %d)", (a, x, p) => expect(gammaP(a, x)).toBeCloseTo(p, 9));
  it("the gamma quantile is the inverse", () =>
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 500, noNaN: true }),
        fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }),
        (a, p) => {
          expect(gammaP(a, gammaQuantile(a, p))).toBeCloseTo(p, 9);
        },
      ),
    ));
});

describe("intervals", () => {
  // Garwood 1936, as printed in Ulm 1990, Am. J. Epidemiol. 131, table 1.
  it.each([
    [0, 0, 3.689],
    [1, 0.0253, 5.572],
    [3, 0.619, 8.767],
    [10, 4.795, 18.39],
    [100, 81.36, 121.63],
  ])("exact Poisson for %d", (n, low, high) => {
    const i = poissonInterval(n);
    expect(i.low).toBeCloseTo(low, n === 1 ? 4 : 2);
    expect(i.high).toBeCloseTo(high, 2);
  });
  // Newcombe 1998, Statistics in Medicine 17, table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("Wilson for %d of %d", (hits, n, low, high) => {
    const i = wilsonInterval(hits, n);
    expect(i.low).toBeCloseTo(low, 4);
    expect(i.high).toBeCloseTo(high, 4);
  });
  it("of nothing are everything", () => expect(wilsonInterval(0, 0)).toMatchObject({ low: 0, high: 1 }));
  it("of what is no count are refused", () => {
    expect(() => poissonInterval(-1)).toThrow(RangeError);
    expect(() => wilsonInterval(3, 2)).toThrow(RangeError);
  });
});

describe("Kaplan-Meier", () => {
  // Freireich et al. 1963, 6-mercaptopurine; the curve as printed in Kalbfleisch & Prentice 1980 and Collett 2003.
  const remission = durations([6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
  it("gives the printed curve of the remission times", () => {
    const steps = kaplanMeier(remission);
    expect(steps.map((s) => [s.time, s.atRisk, s.events, Number(s.survival.toFixed(4))])).toEqual([
      [6, 21, 3, 0.8571],
      [7, 17, 1, 0.8067],
      [10, 15, 1, 0.7529],
      [13, 12, 1, 0.6902],
      [16, 11, 1, 0.6275],
      [22, 7, 1, 0.5378],
      [23, 6, 1, 0.4482],
    ]);
    expect(survivalQuantile(steps, 0.5)).toBe(23);
    expect(survivalQuantile(steps, 0.9)).toBeUndefined();
  });
  it("is the share that is left where all are over, and its area the mean", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 40 }), (times) => {
        const steps = kaplanMeier(durations(times));
        for (const s of steps)
          expect(s.survival).toBeCloseTo(times.filter((t) => t > s.time).length / times.length, 10);
        expect(restrictedMean(steps, Math.max(...times))).toBeCloseTo(
          times.reduce((a, b) => a + b, 0) / times.length,
          9,
        );
      }),
    ));
  it("never shortens when one is not over yet", () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 20 }),
        fc.nat(19),
        (times, at) => {
          const open = durations(times).map((d, i) => (i === at % times.length ? { ...d, ended: false } : d));
          const median = (d: Duration[]) => survivalQuantile(kaplanMeier(d), 0.5) ?? Number.POSITIVE_INFINITY;
          expect(median(open)).toBeGreaterThanOrEqual(median(durations(times)));
        },
      ),
    ));
  it("of nothing is no curve; of nonsense an error", () => {
    expect(kaplanMeier([])).toEqual([]);
    expect(() => kaplanMeier([{ time: Number.NaN, ended: true }])).toThrow(RangeError);
  });
});

describe("the Weibull fit", () => {
  it("gives the handbook's numbers: ten failures, ten units that ran 500 hours", () => {
    // NIST/SEMATECH e-Handbook of Statistical Methods, 8.4.1.3: scale 606.5280, shape 1.7208.
    const fit = fitWeibull(durations([54, 187, 216, 240, 244, 335, 361, 373, 375, 386], Array(10).fill(500)))!;
    expect(fit.shape).toBeCloseTo(1.7208, 4);
    expect(fit.scale).toBeCloseTo(606.528, 2);
    expect(fit.logLikelihood).toBeCloseTo(-75.1346, 3);
    expect(fit.exponential.scale).toBeCloseTo((2771 + 5000) / 10, 9);
  });
  it("gives Abernethy's: five failures, two suspensions", () => {
    // Abernethy, The New Weibull Handbook, appendix C: shape 2.257, scale 4900.1.
    const fit = fitWeibull(durations([1500, 2250, 4000, 4300, 7000], [1750, 5000]))!;
    expect([fit.shape, fit.scale].map((v) => Number(v.toPrecision(4)))).toEqual([2.257, 4900]);
  });
  it("has the curvature of its likelihood as covariance", () => {
    const data = durations([54, 187, 216, 240, 244, 335, 361, 373, 375, 386], Array(10).fill(500));
    const ll = (a: number, b: number) =>
      data.reduce((s, { time, ended }) => {
        const [k, scale] = [Math.exp(a), Math.exp(b)];
        return s - (time / scale) ** k + (ended ? Math.log(k / scale) + (k - 1) * Math.log(time / scale) : 0);
      }, 0);
    const fit = fitWeibull(data)!;
    const [a, b, d] = [Math.log(fit.shape), Math.log(fit.scale), 1e-4];
    const aa = (ll(a + d, b) - 2 * ll(a, b) + ll(a - d, b)) / d ** 2;
    const bb = (ll(a, b + d) - 2 * ll(a, b) + ll(a, b - d)) / d ** 2;
    const ab = (ll(a + d, b + d) - ll(a + d, b - d) - ll(a - d, b + d) + ll(a - d, b - d)) / (4 * d * d);
    const det = aa * bb - ab * ab;
    expect(ll(a, b)).toBeCloseTo(fit.logLikelihood, 8);
    for (const [i, v] of [-bb / det, -aa / det, ab / det].entries()) expect(fit.covariance[i]).toBeCloseTo(v, 5);
  });
  it("scales with its unit and finds the law that made the data", () => {
    const u = Array.from({ length: 2000 }, (_, i) => (i + 0.5) / 2000);
    const made = u.map((p) => 300 * (-Math.log(1 - p)) ** (1 / 0.7));
    const data = made.map((t) => (t > 400 ? { time: 400, ended: false } : { time: t, ended: true }));
    const fit = fitWeibull(data)!;
    expect(fit.shape).toBeCloseTo(0.7, 1);
    expect(fit.scale / 300).toBeCloseTo(1, 1);
    const inSeconds = fitWeibull(data.map((d) => ({ ...d, time: d.time * 3600 })))!;
    expect(inSeconds.shape).toBeCloseTo(fit.shape, 9);
    expect(inSeconds.scale / 3600).toBeCloseTo(fit.scale, 6);
  });
  it.each([
    ["nothing", durations([])],
    ["one failure", durations([5], [7, 9])],
    ["failures all at one time", durations([5, 5, 5])],
    ["nothing but zeros", durations([0, 0])],
  ])("of %s is undefined", (_, data) => expect(fitWeibull(data)).toBeUndefined());
  it("takes zeros and huge times without overflow", () => {
    const fit = fitWeibull(durations([0, 1e-3, 1e9, 1e12], [1e15]))!;
    expect([fit.shape, fit.scale, ...fit.covariance].every(Number.isFinite)).toBe(true);
  });
});
