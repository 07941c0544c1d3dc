import { describe, expect, it } from "vitest";
import { generate } from "../../data/series/generate.ts";
import { STYLES, type StyleName } from "../../data/series/styles.ts";
import { univariateScorer } from "../../models/stream/univariate.ts";
import { nabScore, probation } from "../../pipelines/learn/measures/nab.ts";
import { aucPr, bestF1, rangeF1, vusPr } from "../../pipelines/learn/measures/row-measures.ts";
import { lcg } from "../models/stream/lcg.ts";
import { hasData, nabSeries } from "./metrics/data.ts";
import { peersOf } from "./metrics/peers.ts";

const rounded = (n: number, seed: number) => lcg(n, seed).map((v) => Math.round(v * 1000) / 1000);
const labels = Uint8Array.from({ length: 300 }, (_, i) => ((i >= 60 && i < 80) || (i >= 200 && i < 206) ? 1 : 0));
const score = rounded(300, 3).map((v, i) => v + 0.4 * labels[i]!);

describe("measures, as eval_metrics.py gives them (numpy 2.4)", () => {
  it.each([
    ["AUC-PR", aucPr(labels, score), 0.44372912946549914],
    ["best F1", bestF1(labels, score).f1, 0.42424242424242425],
    ["its threshold", bestF1(labels, score).threshold, 1.02],
    ["range F1", rangeF1(labels, score), 0.3333333333333333],
    ["VUS-PR, window 20", vusPr(labels, score, 20), 0.4921880685685358],
    ["VUS-PR, window 100", vusPr(labels, score, 100), 0.648166681356204],
  ])("%s", (_, got, expected) => expect(got).toBeCloseTo(expected, 9));

  it.each([
    ["standard", 28.409232297788776],
    ["lowFalsePositives", -9.576353598339667],
    ["lowFalseNegatives", 41.16171042074802],
  ] as const)("NAB score, %s", (profile, expected) => {
    const files = [
      {
        score,
        windows: [
          [60, 80],
          [200, 230],
        ] as const,
      },
      { score: rounded(200, 5), windows: [[100, 120]] as const },
      { score: rounded(100, 9), windows: [] },
    ];
    const got = nabScore(files, 0.95, profile);
    expect(got.score).toBeCloseTo(expected, 9);
    expect([got.windowsHit, got.windows, got.falseRows]).toEqual([2, 3, 21]);
    expect(got.falseRowsPer1000).toBeCloseTo(48.05491990846682, 9);
  });

  it("reads the peers' table", () => {
    const [peer] = peersOf(
      "# x\n\n## NAB\n\n| peer | vus_pr | f1 |\n|---|---|---|\n| a | 0.4 | 0.5 |\n\n## SMD\n",
      "NAB",
    );
    expect(peer).toEqual({ name: "a", values: { vus_pr: "0.4", f1: "0.5" } });
  });
});

describe("generated series", () => {
  it.each(Object.keys(STYLES) as StyleName[])("%s: the same seed gives the same, finite values", (style) => {
    const a = generate({ seed: 5, style, rows: 800 });
    expect(generate({ seed: 5, style, rows: 800 })).toEqual(a);
    expect(generate({ seed: 6, style, rows: 800 }).values).not.toEqual(a.values);
    expect(a.values.every(Number.isFinite)).toBe(true);
    expect(a.windows.length).toBe(2);
    for (const [i, [from, to]] of a.windows.entries()) {
      const start = a.faults[i]?.from as number;
      expect(from <= start && start <= to && to < 800).toBe(true);
    }
  });

  it("is missing faults where none are asked for", () => {
    expect(generate({ seed: 1, style: "noise", rows: 300, faults: 0 })).toMatchObject({ faults: [], windows: [] });
  });
});

describe("NAB development data", () => {
  it.skipIf(!hasData() && process.env.CI !== "true")("is scored as docs/scoring.md says", () => {
    const series = nabSeries();
    const vus: number[] = [];
    const files = series.map((s) => {
      const n = s.labels.length;
      const bank = univariateScorer();
      bank.resize(1);
      const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
      const times = Float64Array.from(s.timestamps, (t) => Date.parse(`${t.replace(" ", "T")}Z`));
      bank.observe(new Uint32Array(n), times, s.values, out);
      const from = probation(n);
      if (s.labels.subarray(from).includes(1)) vus.push(aucPr(s.labels.subarray(from), out.score.subarray(from)));
      return { score: out.alarm, windows: s.windows };
    });
    // below the figures, as one setting is noise of two points
    expect(vus.reduce((a, b) => a + b, 0) / vus.length).toBeGreaterThan(0.41);
    expect(nabScore(files, 0.5).score).toBeGreaterThan(72);
  });
});
