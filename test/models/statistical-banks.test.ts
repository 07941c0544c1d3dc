import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DetectorBank } from "../../models/bank.ts";
import { harmonicMean } from "../../models/combine/harmonic.ts";
import { changePoint, ewma, meanSigma, robustZ, statisticalBanks, tailBank } from "../../models/statistical/index.ts";
import { median } from "../../models/statistical/select.ts";
import { checkBank } from "../conformance/detector-bank.ts";
import { noise, normal } from "./noise.ts";

for (const make of Object.values(statisticalBanks)) checkBank(make);

const ZERO = Uint32Array.of(0);
const off = { relFloor: 0, absFloor: 0 };

function one(bank: DetectorBank, values: readonly number[]) {
  bank.resize(1);
  for (const v of values) bank.learn(ZERO, Float64Array.of(v));
  return (v: number) => {
    const out = new Float64Array(1);
    bank.score(ZERO, Float64Array.of(v), out);
    return out[0]!;
  };
}

const sortedMedian = (xs: readonly number[]) => {
  const s = [...xs].sort((a, b) => a - b);
  return (s[(s.length - 1) >> 1]! + s[s.length >> 1]!) / 2;
};

describe("known numbers", () => {
  it("mean-sigma is the sample mean and standard deviation", () => {
    const bank = meanSigma({ warmup: 8 });
    const score = one(bank, [2, 4, 4, 4, 5, 5, 7, 9]);
    const sd = Math.sqrt(32 / 7);
    expect(bank.expected(0)!.expected).toBeCloseTo(5, 12);
    expect(bank.expected(0)!.scale).toBeCloseTo(sd, 12);
    expect(score(5 - 3 * sd)).toBeCloseTo(3, 12);
  });

  it("mean-sigma forgets beyond its memory", () => {
    const bank = meanSigma({ memory: 50, clip: Infinity });
    one(bank, [...Array(500).fill(0), ...Array(500).fill(10)]);
    expect(bank.expected(0)!.expected).toBeCloseTo(10 * (1 - (1 - 1 / 50) ** 500), 9);
  });

  it("ewma is the explicit weighted mean and variance", () => {
    const z = normal(1);
    const xs = Array.from({ length: 300 }, () => 5 + z());
    const alpha = 1 - 0.5 ** (1 / 20);
    const bank = ewma({ halfLife: 20, clip: Infinity, ...off });
    one(bank, xs);
    const a = xs.map((_, i) => Math.max(alpha, 1 / (i + 1)));
    const w = a.map((ai, i) => a.slice(i + 1).reduce((p, aj) => p * (1 - aj), ai));
    const mean = xs.reduce((s, x, i) => s + w[i]! * x, 0);
    const variance = xs.reduce((s, x, i) => s + w[i]! * (x - mean) ** 2, 0);
    expect(w.reduce((s, x) => s + x)).toBeCloseTo(1, 12);
    expect(bank.expected(0)!.expected).toBeCloseTo(mean, 10);
    expect(bank.expected(0)!.scale).toBeCloseTo(Math.sqrt(variance / (1 - alpha)), 10);
  });

  it("robust-z is median and MAD of the window, by brute force", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 64, maxLength: 200, size: "max" }), (xs) => {
        const bank = robustZ({ refresh: 1, ...off });
        one(bank, xs);
        const last = xs.slice(-64);
        const middle = sortedMedian(last);
        const mad = sortedMedian(last.map((x) => Math.abs(x - middle)));
        expect(bank.expected(0)!.expected).toBe(middle);
        if (mad > 0) expect(bank.expected(0)!.scale).toBeCloseTo(1.4826022185 * mad, 6);
      }),
    ));

  it("median equals the sorted middle", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1 }), (xs) => {
        expect(median(Float64Array.from(xs), xs.length)).toBeCloseTo(sortedMedian(xs), 12);
      }),
    ));

  it.each([
    { window: 7, refresh: 3, warmup: 3 },
    { window: 64, refresh: 8, warmup: 30 },
    { window: 65, refresh: 65, warmup: 2 },
    { window: 256, refresh: 50, warmup: 256 },
  ])("robust-z of $window samples, refreshed each $refresh, follows brute force through its whole life", (options) => {
    const { window, refresh, warmup } = options;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2 * window, maxLength: 700 }), (xs) => {
        const bank = robustZ({ ...options, ...off });
        bank.resize(1);
        for (const [i, x] of xs.entries()) {
          bank.learn(ZERO, Float64Array.of(x));
          const n = i + 1;
          if (n < warmup || (n - warmup) % refresh !== 0) continue;
          const last = xs.slice(Math.max(0, n - window), n);
          const middle = sortedMedian(last);
          const far = last.map((v) => Math.abs(v - middle));
          const mad = sortedMedian(far);
          const scale =
            mad > 0 ? 1.482602218505602 * mad : (1.2533141373155001 * far.reduce((a, b) => a + b)) / far.length;
          expect(bank.expected(0)!.expected).toBe(middle);
          expect(bank.expected(0)!.scale).toBeCloseTo(scale, 9);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("change-point is Page's CUSUM, by hand", () => {
    // level 0, mean |residual| so that the deviation is 1, no memory to speak of, 100 samples, no correlation
    const bank = changePoint({ memory: 1e12, ...off });
    bank.loadBlock(0, 1, Float64Array.of(1e12, 0, 1 / 1.2533141373155001, 0, 0, 0, 0, 1));
    const score = one(bank, [1, 2, -1, 9]); // up: .5, 2, .5, 3 (9 clipped to 3); down: 0, 0, .5, 0
    const [, , , up, down] = bank.saveBlock(0, 1);
    expect(up).toBeCloseTo(3, 6);
    expect(down).toBeCloseTo(0, 6);
    expect(score(1.5)).toBeCloseTo(4, 5);
  });
});

describe("power", () => {
  it.each(["meanSigma", "ewma", "robustZ"] as const)("%s: 10 deviations after 60 samples have p < 1e-3", (name) => {
    let worst = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const next = noise("white", seed * 31);
      const { p } = follow(statisticalBanks[name](), [...Array.from({ length: 60 }, next), 20]);
      worst = Math.max(worst, p.at(-1)!);
      expect(p.at(-1)).toBeGreaterThan(1e-7); // 60 samples do not support more
    }
    expect(worst).toBeLessThan(1e-3);
  });

  it.each([
    { past: 150, quiet: 0.01 }, // few scores: the caller must not teach those of an incident
    { past: 400, quiet: 0 },
    { past: 1000, quiet: 0 },
  ])("change-point finds a ramp of 3 % of level a step after $past samples", ({ past, quiet }) => {
    for (let seed = 1; seed <= 100; seed++) {
      const z = normal(seed * 17);
      const xs = Array.from({ length: past + 12 }, (_, t) => 100 * (1 + 0.03 * Math.max(0, t - past + 1)) + 2 * z());
      const { p } = follow(changePoint(), xs, quiet);
      expect(p.slice(past).some((x) => x < 1e-3)).toBe(true);
    }
  });

  it("change-point finds a leak the adapting detectors follow", () => {
    const z = normal(5);
    const xs = Array.from({ length: 1000 }, (_, t) => 100 + 5 * z() + 0.3 * Math.max(0, t - 800)); // .06 deviations a step
    const least = (bank: DetectorBank) => Math.min(...follow(bank, xs).p.slice(800).filter(Number.isFinite));
    expect(least(changePoint())).toBeLessThan(1e-3);
    expect(least(ewma())).toBeGreaterThan(1e-3);
    expect(least(robustZ())).toBeGreaterThan(1e-3);
  });
});

describe("tail", () => {
  const cold = (raw: number) => {
    const bank = tailBank();
    bank.resize(1);
    const out = new Float64Array(1);
    bank.score(ZERO, Float64Array.of(raw), out);
    return out[0]!;
  };

  it("falls from 1 at zero and never to silly values while cold", () => {
    expect(cold(0)).toBe(1);
    expect(cold(1.6)).toBeCloseTo(0.1, 12); // the threshold, at the prior rate
    expect(cold(8)).toBeCloseTo(0.1 * (1 + (0.25 * 8) / 0.375) ** -4, 12);
    expect(cold(Number.NaN)).toBeNaN();
    expect(cold(1e6)).toBeGreaterThan(1e-9);
    const ps = [0, 0.5, 1, 1.59, 1.61, 3, 10, 50].map(cold);
    expect(ps).toEqual([...ps].sort((a, b) => b - a));
  });

  it.each([0.25, 0.1])("bounds 1 / p from above, closely, and to the digit beyond the threshold (shape %d)", (xi) => {
    const next = normal(9);
    for (const past of [0, 5, 300, 5000]) {
      const bank = tailBank({ xi });
      bank.resize(1);
      for (let i = 0; i < past; i++) bank.learn(ZERO, Float64Array.of(Math.abs(next())));
      for (const raw of [0, 1e-9, 0.1, 0.5, 1, 1.5, 1.59, 1.7, 2, 3, 10, 1e6]) {
        const [p, sum] = [new Float64Array(1), Float64Array.of(5)];
        bank.score(ZERO, Float64Array.of(raw), p);
        bank.addInverse(ZERO, Float64Array.of(raw), 7, sum);
        const bound = sum[0]! - 5 + 7;
        expect(bound).toBeGreaterThanOrEqual((1 / p[0]!) * (1 - 1e-12));
        expect(bound).toBeLessThan(raw >= 2 ? (1 / p[0]!) * (1 + 1e-9) : 3 / p[0]!);
      }
    }
    const [bank, sum] = [tailBank(), Float64Array.of(5)];
    bank.resize(1);
    bank.addInverse(ZERO, Float64Array.of(Number.NaN), 7, sum);
    expect(sum[0]).toBe(5);
  });

  it("survives a glitch, round-trips its state and ignores gaps", () => {
    const bank = tailBank();
    bank.resize(2);
    const next = normal(3);
    for (let i = 0; i < 3000; i++) bank.learn(Uint32Array.of(1), Float64Array.of(Math.abs(next())));
    const before = bank.saveBlock(0, 2);
    bank.learn(Uint32Array.of(1, 1, 1), Float64Array.of(Number.NaN, Infinity, -1));
    expect(bank.saveBlock(0, 2)).toEqual(before);
    bank.learn(Uint32Array.of(1), Float64Array.of(1e6));
    const p = new Float64Array(2);
    bank.score(Uint32Array.of(1, 1), Float64Array.of(10, 1), p);
    expect(p[0]).toBeLessThan(1e-3);
    const copy = tailBank();
    copy.loadBlock(0, 2, bank.saveBlock(0, 2));
    expect(copy.saveBlock(0, 2)).toEqual(bank.saveBlock(0, 2));
  });
});

describe("harmonic mean", () => {
  it.each([
    { ps: [0.02, 0.02], p: 0.02 },
    { ps: [0.01, 1], p: 2 / 101 },
    { ps: [0.01, Number.NaN], p: 0.01 },
    { ps: [Number.NaN, Number.NaN], p: Number.NaN },
  ])("of $ps is $p", ({ ps, p }) => {
    const out = new Float64Array(1);
    harmonicMean(
      ps.map((x) => Float64Array.of(x)),
      out,
    );
    if (Number.isNaN(p)) expect(out[0]).toBeNaN();
    else expect(out[0]).toBeCloseTo(p, 12);
  });
});

/** p of each sample before it is learned; scores with p < `quiet` do not teach the tail. */
function follow(bank: DetectorBank, xs: readonly number[], quiet = 0) {
  const tail = tailBank();
  bank.resize(1);
  tail.resize(1);
  const [v, raw, p] = [new Float64Array(1), new Float64Array(1), new Float64Array(1)];
  return {
    p: xs.map((x) => {
      v[0] = x;
      bank.score(ZERO, v, raw);
      tail.score(ZERO, raw, p);
      if (!(p[0]! < quiet)) tail.learn(ZERO, raw);
      bank.learn(ZERO, v);
      return p[0]!;
    }),
  };
}
