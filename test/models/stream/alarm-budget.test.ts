import { describe, expect, it } from "vitest";
import { alarmBudget } from "../../../models/stream/alarm-budget.ts";
import { rowEvidence } from "../../../models/stream/row-evidence.ts";
import { seeded } from "../../../pipelines/learn/train/inject.ts";

const exponential = (seed: number, n: number) => {
  const random = seeded(seed);
  return Float64Array.from({ length: n }, () => -Math.log(1 - random()) / 2);
};

describe("alarm budget", () => {
  it.each([0.05, 0.01, 1e-3, 1e-4, 1e-5])(
    "exceeds the level in a share of %s of an exponential (median of 9 seeds)",
    (share) => {
      // the true level is -ln(share) / 2: how often the estimate is exceeded, against what was asked
      const ratios = Array.from({ length: 9 }, (_, seed) => {
        const model = alarmBudget();
        for (let k = 0; k < 20; k++) model.learn(exponential(100 * seed + k, 1000));
        return Math.exp(-2 * model.level(share)) / share;
      }).sort((a, b) => a - b);
      const ratio = ratios[4]!;
      expect(ratio).toBeGreaterThan(1 / 1.5);
      expect(ratio).toBeLessThan(1.5);
    },
  );
  it("falls with the share, and is infinite while little is known", () => {
    const model = alarmBudget();
    expect(model.level(0.1)).toBe(Number.POSITIVE_INFINITY);
    model.learn(exponential(1, 5000));
    const levels = [0.5, 0.1, 0.01, 1e-3, 1e-6].map((s) => model.level(s));
    expect([...levels].sort((a, b) => a - b)).toEqual(levels);
  });
  it.each([
    ["gaps", new Float64Array(1000).fill(Number.NaN)],
    ["a constant", new Float64Array(1000).fill(0)],
    ["huge values", new Float64Array(1000).fill(1e300)],
  ])("gives no NaN on %s", (_, maxima) => {
    const model = alarmBudget();
    model.learn(maxima);
    expect(Number.isNaN(model.level(0.01))).toBe(false);
  });
});

describe("row evidence", () => {
  it("is the same however rows are cut into calls", () => {
    const n = 300;
    const random = seeded(4);
    const column = () => Float64Array.from({ length: n }, () => random());
    const slots = Uint32Array.from({ length: n }, (_, i) => (i * 7) % 3);
    const [values, score, expected] = [column(), column(), column()];
    const scale = new Float64Array(n).fill(0.5);
    const run = (cuts: readonly number[]) => {
      const bank = rowEvidence();
      bank.resize(3);
      const out = new Float64Array(n);
      cuts.forEach((from, k) => {
        const to = cuts[k + 1] ?? n;
        const part = (a: Float64Array) => a.subarray(from, to);
        bank.observe(
          slots.subarray(from, to),
          part(values),
          { score: part(score), expected: part(expected), scale: part(scale) },
          part(out),
        );
      });
      return out;
    };
    expect(run([0, 1, 50, 51])).toEqual(run([0]));
    expect(run([0]).every((v) => v >= 0)).toBe(true);
  });
});
