import { describe, expect, it } from "vitest";
import { energyJudge } from "../../../models/learned/energy-judge.ts";
import { levelJudge } from "../../../models/learned/level-judge.ts";
import { probabilityJudge } from "../../../models/learned/probability-judge.ts";
import { normal } from "../noise.ts";

const usual = (seed: number, n: number) => {
  const z = normal(seed);
  return Float64Array.from({ length: n }, () => -1 + 0.5 * z());
};
/** Steps through log energies; rows with an alarm. */
function alarms(judge: ReturnType<typeof energyJudge>, values: Float64Array): number[] {
  const out = { score: new Float64Array(1), alarm: new Float64Array(1), tail: new Float64Array(1) };
  return [...values.keys()].filter((i) => {
    judge.step(Number.NaN, values[i]!, out, 0);
    expect(out.score[0]! >= 0 && out.score[0]! <= 1 && out.alarm[0]! <= 1).toBe(true);
    expect(out.alarm[0] === 0 || out.alarm[0]! >= 0.5).toBe(true);
    return out.alarm[0]! > 0;
  });
}
/** The same excursion of ten rows, twelve times. */
const recurring = (seed: number) =>
  usual(seed, 2600).map((v, i) => (i % 200 >= 100 && i % 200 < 110 && i < 2400 ? 4 : v));

describe("alarms of learned models", () => {
  it("tell what comes again each time, which novelty alone does not", () => {
    const starts = Array.from({ length: 12 }, (_, k) => 100 + 200 * k);
    const found = (judge: ReturnType<typeof energyJudge>) => {
      judge.teach(usual(1, 3000));
      const rows = alarms(judge, recurring(2));
      return starts.filter((from) => rows.some((r) => r >= from && r < from + 10)).length;
    };
    expect(found(levelJudge())).toBe(12);
    expect(found(energyJudge())).toBeLessThan(12);
  });

  it("ring about once in 10,000 usual rows by their level", () => {
    const [level, novelty] = [levelJudge(), energyJudge()];
    for (const judge of [level, novelty]) judge.teach(usual(3, 5000));
    const rows = usual(4, 20_000);
    // a normal tail is lighter than an exponential one
    expect(alarms(level, rows).length - alarms(novelty, rows).length).toBeLessThanOrEqual(4);
  });

  it("of a probability come where it first reaches a half, and again after it was low", () => {
    const p = [0.1, 0.3, 0.6, 0.9, 0.4, 0.7, 0.2, 0.5, 0.49, Number.NaN, 1];
    expect(alarms(probabilityJudge(), Float64Array.from(p))).toEqual([2, 7]);
  });

  it.each([
    ["energy", energyJudge],
    ["level", levelJudge],
    ["probability", probabilityJudge],
  ])("%s go on from a saved state as if nothing had been", (name, make) => {
    const scale = (v: number) => (name === "probability" ? 1 / (1 + Math.exp(-v)) : v);
    for (const taught of [50, 1000]) {
      const judge = make();
      judge.teach(usual(5, taught).map(scale));
      alarms(judge, recurring(6).subarray(0, 700).map(scale));
      const copy = make();
      copy.load(JSON.parse(JSON.stringify(judge.save())));
      expect(copy.save()).toEqual(judge.save());
      const rest = recurring(6).subarray(700).map(scale);
      expect(alarms(copy, rest)).toEqual(alarms(judge, rest));
    }
  });
});
