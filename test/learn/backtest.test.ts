import { describe, expect, it } from "vitest";
import { nabParts } from "../../pipelines/learn/backtest/bootstrap.ts";
import { blocksOf, type Replayed } from "../../pipelines/learn/backtest/events.ts";
import { judge } from "../../pipelines/learn/backtest/judge.ts";
import { nabScore } from "../../pipelines/learn/measures/nab.ts";
import { segments } from "../../pipelines/learn/measures/row-measures.ts";
import { seeded } from "../../pipelines/learn/train/inject.ts";
import { backtestHtml, backtestText } from "../../pipelines/report/backtest.ts";

const WEEK = 7 * 86_400_000;
const replayed = (labels: number[], alarmRows: number[], entity = "a"): Replayed => {
  const n = labels.length;
  const random = seeded(n);
  return {
    entity,
    axis: "time",
    at: Float64Array.from({ length: n }, (_, i) => i * 60_000),
    labels: Uint8Array.from(labels),
    score: Float64Array.from(labels, (l) => 0.5 * l + 0.5 * random()),
    alarm: Float64Array.from({ length: n }, (_, i) => (alarmRows.includes(i) ? 0.7 : 0)),
  };
};
const labels = (n: number, runs: [number, number][]) =>
  Array.from({ length: n }, (_, i) => (runs.some(([a, b]) => i >= a && i <= b) ? 1 : 0));
const options = { mergeOf: () => 180_000, unitMs: () => 1, seed: 1 };
const runOf = (label: string, r: Replayed[]) => ({ label, chosen: label, replayed: r, drift: r.map(() => null) });

describe("events", () => {
  it("counts found incidents, delays, and false alarms that are far enough apart", () => {
    const r = replayed(
      labels(100, [
        [20, 29],
        [60, 69],
      ]),
      [5, 7, 12, 23, 25, 30, 90],
    );
    const blocks = blocksOf(r, { merge: 180_000 });
    expect(blocks.map((b) => [b.from, b.to, b.found, b.delay, b.falseIncidents])).toEqual([
      [0, 20, false, Number.NaN, 2],
      [20, 60, true, 180_000, 1],
      [60, 100, false, Number.NaN, 1],
    ]);
    expect(blocks.map((b) => b.quiet / 60_000)).toEqual([20, 30, 29]);
  });
  it.each([
    ["no rows", []],
    ["one row", [0]],
    ["one labelled row", [1]],
  ])("takes %s", (_, l) => expect(blocksOf(replayed(l, []), { merge: 1 }).length).toBe(Math.min(1, l.length)));
});

describe("judge", () => {
  const truth = labels(2000, [
    [200, 219],
    [500, 519],
    [800, 819],
    [1100, 1119],
    [1400, 1419],
    [1700, 1719],
  ]);
  const good = [205, 505, 805, 1105, 1405, 1705];
  const bad = [205, 700, 950, 1250, 1600];
  it("gives the figures of the definitions", () => {
    const { models } = judge([runOf("m", [replayed(truth, [...good.slice(0, 4), 50])])], options);
    const m = models[0]!;
    expect([m.incidents, m.found, m.falseIncidents]).toEqual([6, 4, 1]);
    expect(m.measures.recall.value).toBeCloseTo(4 / 6, 12);
    expect(m.measures.precision.value).toBeCloseTo(4 / 5, 12);
    expect(m.measures.f1.value).toBeCloseTo(8 / 11, 12);
    expect(m.measures.timeToDetectMs.value).toBe(300_000);
    expect(m.measures.falsePerWeek.value).toBeCloseTo(WEEK / ((1999 - 120) * 60_000), 6);
  });
  it("gives each entity its own figures", () => {
    const [m] = judge(
      [runOf("m", [replayed(truth, good), replayed(truth, bad, "b"), replayed(truth, [], "c")])],
      options,
    ).models;
    const [a, b, c] = m!.entities;
    expect([a!.recall, a!.precision, a!.f1, a!.falsePerWeek]).toEqual([1, 1, 1, 0]);
    expect([b!.recall, b!.precision, b!.f1]).toEqual([1 / 6, 1 / 5, 2 / 11]);
    expect(b!.falsePerWeek).toBeCloseTo((4 * WEEK) / ((1999 - 120) * 60_000), 6);
    expect([c!.recall, c!.precision, c!.nab]).toEqual([0, null, 0]);
    expect(a!.nab).toBeGreaterThan(80);
  });
  it("finds its figures within their own intervals", () => {
    const runs = [runOf("m", [replayed(truth, [...good.slice(0, 4), 50, 900]), replayed(truth, bad, "b")])];
    const { measures } = judge(runs, options).models[0]!;
    for (const name of ["recall", "precision", "f1", "falsePerWeek", "timeToDetectMs", "nab", "pooledAucPr"] as const) {
      const { value, interval } = measures[name];
      expect(interval!.low, name).toBeLessThanOrEqual(value! + 1e-9);
      expect(interval!.high, name).toBeGreaterThanOrEqual(value! - 1e-9);
    }
  });
  it("resamples the NAB score without a change where every incident is drawn once", () => {
    const r = replayed(truth, [...good.slice(0, 4), 50, 215, 900]);
    const blocks = blocksOf(r, { merge: 180_000 });
    const whole = nabScore([{ score: r.alarm, windows: segments(r.labels), from: 0 }], 0.5);
    const sum = nabParts(r, blocks).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(whole.sum, 12);
    expect((100 * (sum + 6)) / 12).toBeCloseTo(whole.score, 12);
  });
  it("tells a real difference from none", () => {
    const runs = [
      runOf("bad", [replayed(truth, bad)]),
      runOf("good", [replayed(truth, good)]),
      runOf("same", [replayed(truth, bad)]),
    ];
    const { differences } = judge(runs, options);
    const of = (model: string, measure: string) => differences.find((d) => d.model === model && d.measure === measure)!;
    expect(of("good", "f1").withinNoise).toBe(false);
    expect(of("good", "f1").difference).toBeGreaterThan(0);
    expect(of("good", "nab").withinNoise).toBe(false);
    expect(of("same", "nab")).toMatchObject({ difference: 0, withinNoise: true });
    expect(of("same", "timeToDetectMs")).toMatchObject({ difference: 0, withinNoise: true });
    expect(of("same", "f1")).toMatchObject({ difference: 0, withinNoise: true });
    expect(judge(runs, options).differences).toEqual(differences);
  });
  it.each([
    ["no incidents", labels(300, [])],
    ["incidents alone", labels(300, [[0, 299]])],
  ])("survives %s", (_, l) => {
    const { models } = judge([runOf("m", [replayed(l, [3])])], options);
    const report = {
      rows: 300,
      weeks: 1,
      incidents: 0,
      replicates: 0,
      models,
      differences: [],
      timelines: [],
      notes: [],
    };
    expect(backtestText(report)).toContain("Recall");
    expect(backtestHtml(report)).not.toContain("NaN");
  });
  it("never lets a name be markup", () => {
    const { models } = judge([runOf("<script>x", [replayed(truth, good, "<img src=x>")])], options);
    const page = backtestHtml({
      rows: 1,
      weeks: null,
      incidents: 6,
      replicates: 0,
      models,
      differences: [],
      timelines: [],
      notes: ["<b>"],
    });
    expect(page).not.toMatch(/<script|<img|<b>/);
  });
});
