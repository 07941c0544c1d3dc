/** Every registered kind of vector model from rows to a registered version, back, and through a backtest. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { loadLearned } from "../../models/learned/learned-model.ts";
import { type VectorModelName, vectorModels } from "../../models/vector-model.ts";
import { slice } from "../../pipelines/core/history.ts";
import { candidatesFor, type VectorCandidate } from "../../pipelines/learn/train/candidate.ts";
import { fitCandidate } from "../../pipelines/learn/train/fit.ts";
import { backtest } from "../../pipelines/run/learn/backtest.ts";
import { openVersion } from "../../pipelines/run/learn/registered-model.ts";
import { trainFiles } from "../../pipelines/run/learn/train.ts";
import { csvOf, history } from "./data.ts";

const names = Object.keys(vectorModels) as VectorModelName[];
const DIMS = 3;
/** Networks get one fold, the others three. */
const DATA = {
  quick: { rows: 620, dims: DIMS, at: [100, 160, 220, 280, 340, 400, 460, 520, 580] },
  slow: { rows: 270, dims: DIMS, at: [30, 130, 200, 220, 245] },
} as const;
let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-kinds-"));
  for (const [name, data] of Object.entries(DATA))
    writeFileSync(join(dir, `${name}.csv`), csvOf(history({ ...data, entity: name }), true));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.each(names)("%s", (name) => {
  it("is trained, stored, loaded, scored with and judged; the same seed gives the same bytes", async () => {
    const size = (await vectorModels[name].tuning()).cost === "slow" ? "slow" : "quick";
    const input = join(dir, `${size}.csv`);
    const trained = (dataDir: string) =>
      trainFiles({
        input,
        labelColumn: "label",
        until: "0.7",
        kinds: [name],
        mostTrials: 2,
        name: "m",
        dataDir: join(dir, name, dataDir),
        seed: 3,
        budgetMs: 1e9,
        now: () => 0,
        say: (note) => expect(note).toMatch(/^the search ended/),
      });
    const [one, two] = [await trained("a"), await trained("b")];
    expect(one.manifest.chosen.id).toMatch(new RegExp(`^${name}\\(`));
    expect(one.manifest.trials.find((t) => t.id === one.manifest.chosen.id)?.units).toBeGreaterThan(0);
    for (const file of ["manifest.json", "state.json", "state.bin"])
      expect(readFileSync(join(one.dir, file)).equals(readFileSync(join(two.dir, file)))).toBe(true);

    const opened = await openVersion("m", { dataDir: join(dir, name, "a"), now: () => 0 });
    const h = history(DATA[size]);
    const late = slice(h, Math.floor(0.7 * h.at.length), h.at.length);
    const column = () => new Float64Array(late.at.length);
    const scores = async () => {
      const model = await loadLearned(opened.states[size]!);
      const out = { score: column(), alarm: column(), tail: column() };
      model.observe(late.timesMs, late.values, out);
      expect(JSON.stringify((await loadLearned(model.save())).save())).toBe(JSON.stringify(model.save()));
      return out;
    };
    const out = await scores();
    expect(await scores()).toEqual(out);
    expect(out.score.every((s) => s >= 0 && s <= 1)).toBe(true);
    expect(new Set(out.score).size).toBeGreaterThan(1);

    const report = await backtest({
      input,
      labelColumn: "label",
      models: ["m", "statistics"],
      mergeMs: 60_000,
      dataDir: join(dir, name, "a"),
      seed: 1,
      now: () => 0,
      say: () => {},
    });
    expect(report.incidents).toBe(3);
    // two columns follow the third in quiet times: a level of four deviations is plain to all
    expect(report.models[0]!.measures.pooledAucPr.value).toBeGreaterThan(0.3);
  }, 120_000);

  it("takes every entry of its own grid", async () => {
    const { cost, grid } = await vectorModels[name].tuning();
    expect(["quick", "moderate", "slow"]).toContain(cost);
    const h = history({ rows: cost === "slow" ? 80 : 200, dims: 2, at: [20, 60, 100, 140] });
    for (const options of grid as readonly VectorCandidate["options"][]) {
      expect(Object.keys(options)).not.toContain("seed");
      expect(Object.values(options).every((v) => typeof v === "string" || Number.isFinite(v))).toBe(true);
      const candidate: VectorCandidate = { kind: "vector", id: "x", model: name, options, lags: 1, smoothing: 1 };
      const tried = JSON.stringify((await fitCandidate(candidate, h, 1)).save());
      // an option that the kind does not know changes nothing; the others' make a difference on more rows only
      if (name === "k-means" || name === "svc" || name === "one-class-svm")
        expect(tried).not.toBe(JSON.stringify((await fitCandidate({ ...candidate, options: {} }, h, 1)).save()));
    }
  }, 60_000);
});

describe("candidates", () => {
  it("are all kinds, each with its defaults and its grid, under names of their own", async () => {
    const all = await candidatesFor(3, true);
    expect(new Set(all.map((c) => c.id)).size).toBe(all.length);
    const vectors = all.filter((c) => c.kind === "vector");
    for (const name of names) {
      const { grid } = await vectorModels[name].tuning();
      expect(vectors.filter((c) => c.model === name).length).toBe(4 * (1 + grid.length));
    }
    // a user who gives a minute sees every quick kind before any kind's second choice
    const firsts = names.map((name) => vectors.findIndex((c) => c.model === name));
    expect(Math.max(...firsts)).toBeLessThan(vectors.length - 1);
    expect((await candidatesFor(3, false)).some((c) => c.kind === "vector" && c.model === "svc")).toBe(false);
  });

  it("can't name a kind that there is not", () => {
    expectTypeOf<VectorCandidate["model"]>().toEqualTypeOf<VectorModelName>();
    // @ts-expect-error a kind that no registry holds
    const wrong: VectorCandidate["model"] = "randomForest";
    expect(names).not.toContain(wrong);
  });
});
