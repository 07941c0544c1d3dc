import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { analyseFaultTree } from "../../../pipelines/measure/fault-tree/analyse.ts";
import { readFaultTreeFiles } from "../../../pipelines/run/fault-tree-files.ts";

const dir = join(process.env.FAULTWRIGHT_DATA ?? resolve(import.meta.dirname, "../../../../shared/data"), "faulttree");
const isThere = existsSync(join(dir, "expected.json"));

interface Expected {
  readonly files: readonly string[];
  readonly scram: {
    readonly pBdd: number;
    readonly pRare: number;
    readonly tol?: number;
    readonly mcs: number;
    readonly byOrder?: readonly number[];
    readonly sets?: readonly (readonly string[])[];
    readonly mean?: number;
    readonly meanTol?: number;
    readonly sigma?: number;
    readonly sigmaTol?: number;
  };
  readonly ownBdd?: { readonly top: string; readonly cutSetsByOrder: Readonly<Record<string, number>> };
}

describe("the models with known answers", () => {
  it("are there, or this is said", () => {
    if (!isThere) console.warn(`skipped: no ${dir}; set FAULTWRIGHT_DATA`);
    expect(isThere || process.env.CI !== "true").toBe(true);
  });

  const cases: [string, Expected][] = isThere
    ? Object.entries(JSON.parse(readFileSync(join(dir, "expected.json"), "utf8")).cases)
    : [];
  it.skipIf(!isThere).each(cases)("agree: %s", async (_, { files, scram, ownBdd }) => {
    const model = await readFaultTreeFiles(files.map((f) => join(dir, f)));
    const a = analyseFaultTree(model, { trials: scram.mean === undefined ? 0 : 10_000 });
    const tolerance = scram.tol ?? 1e-9;
    expect(Math.abs(a.probability! - scram.pBdd)).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(a.rareEvent! - scram.pRare)).toBeLessThanOrEqual(tolerance);
    expect(a.minimalCutSets).toBe(scram.mcs);
    if (scram.byOrder)
      expect(a.cutSetsByOrder).toEqual(Object.fromEntries(scram.byOrder.map((n, i) => [String(i + 1), n])));
    if (ownBdd) expect(a).toMatchObject({ top: ownBdd.top, cutSetsByOrder: ownBdd.cutSetsByOrder });
    if (scram.sets)
      expect(a.cutSets.map((c) => [...c.events].sort()).sort()).toEqual(scram.sets.map((s) => [...s].sort()).sort());
    if (scram.mean !== undefined) {
      expect(Math.abs(a.uncertainty!.mean - scram.mean)).toBeLessThanOrEqual(scram.meanTol!);
      expect(Math.abs(a.uncertainty!.sigma - scram.sigma!)).toBeLessThanOrEqual(scram.sigmaTol!);
    }
  });
});
