import { describe, expect, it } from "vitest";
import { CountWindows } from "../../../models/logs/count-windows.ts";
import { type SessionModelName, sessionModels } from "../../../models/logs/sessions/index.ts";
import { quantileThreshold } from "../../../models/logs/sessions/quantile-threshold.ts";
import { randomOf } from "../../../models/neural/random.ts";
import { dataDir, sessionSet } from "../../eval/logs/data.ts";
import { rank } from "../../eval/logs/score-sessions.ts";
import { streamFigures } from "../../eval/logs/streams.ts";

/** Open, some work, close; a broken one stops early and says so. */
function sessions(n: number, broken: number) {
  const random = randomOf(4);
  const list: string[][] = [];
  const labels: number[] = [];
  for (let i = 0; i < n; i++) {
    const bad = i < broken;
    const work = Array.from({ length: 1 + Math.floor(random() * 3) }, () => (random() < 0.7 ? "read" : "write"));
    list.push(bad ? ["open", ...work, "error"] : ["open", ...work, "close"]);
    labels.push(bad ? 1 : 0);
  }
  return { list, labels };
}

describe.each(Object.keys(sessionModels) as SessionModelName[])("session model %s", (name) => {
  const { list, labels } = sessions(300, 20);
  const odd = ["open", "read", "error", "error"];
  const usual = ["open", "read", "read", "close"];

  it("finds the odd session and not the usual one, is pure, and comes back from its state", async () => {
    const learned = name === "nearest-counts" || name === "next-event" ? list.slice(20) : list;
    const model = await sessionModels[name].fit(learned, learned === list ? labels : undefined, { seed: 2 });
    const before = JSON.stringify(model.save());
    expect(model.score(odd)).toBeGreaterThan(model.threshold);
    expect(model.score(usual)).toBeLessThanOrEqual(model.threshold);
    expect(model.score(odd)).toBe(model.score(odd));
    expect(model.score([])).toBeGreaterThanOrEqual(0);
    expect(JSON.stringify(model.save())).toBe(before);
    const again = await sessionModels[name].load(JSON.parse(before));
    expect(again.score(odd)).toBeCloseTo(model.score(odd), 9);
    expect(again.threshold).toBe(model.threshold);
  });

  it("refuses what it can't learn from", async () => {
    await expect(sessionModels[name].fit(list.slice(0, 5), labels.slice(0, 5))).rejects.toThrow(RangeError);
    await expect(sessionModels[name].fit(list, labels, { falseAlarms: 0.9 })).rejects.toThrow(RangeError);
    await expect(sessionModels[name].load({ kind: "other", version: 1, values: {} })).rejects.toThrow(RangeError);
  });
});

describe("quantileThreshold", () => {
  it.each([
    {
      what: "the quantile where the tail ends there",
      scores: [...Array(990).fill(1), ...Array(10).fill(9)],
      at: 0.01,
      is: 1,
    },
    {
      what: "the end of the tail",
      scores: [...Array(990).fill(1), 1.1, 1.2, 1.3, 9, 9, 9, 9, 9, 9, 9],
      at: 0.01,
      is: 1.3,
    },
    { what: "no guess from fewer than five", scores: Array.from({ length: 100 }, (_, i) => i), at: 0.001, is: 99 },
  ])("is $what", ({ scores, at, is }) => {
    expect(quantileThreshold(scores, at)).toBe(is);
  });
});

describe("CountWindows", () => {
  const window = (random: () => number, factor = 1) =>
    new Map([1, 2, 3].map((id) => [id, Math.round(factor * (20 * id + 10 * (random() - 0.5)))]));

  it("has no opinion while cold, finds a stopped, a doubled and a new template, and comes back from its state", () => {
    const random = randomOf(9);
    const model = new CountWindows();
    expect(model.score(window(random))).toBeUndefined();
    for (let i = 0; i < 300; i++) model.learn(window(random));
    const p = (counts: Map<number, number>) => model.score(counts)?.p as number;
    expect(p(window(random))).toBeGreaterThan(0.01);
    expect(p(new Map([...window(random)].filter(([id]) => id !== 2)))).toBeLessThan(0.001);
    expect(p(window(random, 2))).toBeLessThan(0.001);
    expect(p(new Map([...window(random), [9, 1]]))).toBeLessThan(0.01);
    const again = CountWindows.load(JSON.parse(JSON.stringify(model.save())));
    expect(again.score(window(randomOf(1)))).toEqual(model.score(window(randomOf(1))));
  });
});

describe("HDFS sessions (needs ../shared/data)", () => {
  const dir = dataDir();
  it.skipIf(!dir && process.env.CI !== "true")("reach the figures", async () => {
    expect(dir).toBeDefined();
    const { train, test } = await sessionSet(dir as string, "HDFS");
    const figures = async (name: SessionModelName, from: typeof train, labelled: boolean) => {
      const model = await sessionModels[name].fit(
        from.map((s) => s.events),
        labelled ? from.map((s) => s.label) : undefined,
      );
      return rank(
        test.map((s) => s.label),
        test.map((s) => model.score(s.events)),
        model.threshold,
      );
    };
    const normal = await figures(
      "nearest-counts",
      train.filter((s) => s.label === 0),
      false,
    );
    expect(normal.F1).toBeGreaterThanOrEqual(0.985);
    expect(normal.aucPr).toBeGreaterThanOrEqual(0.99);
    expect((await figures("nearest-counts", train, false)).aucPr).toBeGreaterThanOrEqual(0.9);
    expect((await figures("decision-tree", train, true)).F1).toBeGreaterThanOrEqual(0.99);
    const [quiet, one, three, ten] = streamFigures([...train, ...test], 20, [0, 1, 3, 10], { windows: 2000 });
    expect(quiet).toBeLessThanOrEqual(0.01);
    expect(one).toBeGreaterThanOrEqual(0.3);
    expect(three).toBeGreaterThanOrEqual(0.78);
    expect(ten).toBeGreaterThanOrEqual(0.98);
  });
});
