/** Weights of the rankers with each system left out in turn: what a system that nobody has seen can expect. */
import type { Analysis } from "../../../pipelines/diagnose/analyse.ts";
import { readCaseFolder } from "../../../pipelines/ingest/case/case-folder.ts";
import { analyseFolder } from "../../../pipelines/run/diagnose/diagnose-case.ts";
import { minedTemplates } from "../../../pipelines/run/diagnose/log-template.ts";
import type { Recorded } from "./cases.ts";
import { figures, grouped } from "./measure.ts";

const RANKERS = ["metric-shift", "edge-gap", "self-time", "span-structure", "log-rate"] as const;
const SETTINGS = 999;

interface Case {
  readonly system: string;
  readonly entities: readonly { readonly right: boolean; readonly parts: readonly number[] }[];
}

function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ranked = (c: Case, factors: readonly number[]): number | null => {
  const scores = c.entities.map((e) => e.parts.reduce((p, v, k) => p + v * (factors[k] as number), 0));
  const right = c.entities.findIndex((e) => e.right);
  if (right < 0) return null;
  return 1 + scores.filter((s, i) => s > (scores[right] as number) || (s === scores[right] && i < right)).length;
};

/** Macro Avg@5 for ours, for the best of 999 random settings (each weight 0.25 to 4 times ours) on the others, and their spread. */
export async function leaveOneOut(cases: readonly Recorded[], given: boolean): Promise<string> {
  const all: Case[] = [];
  for (const { truth, dir } of cases) {
    const folder = await readCaseFolder(dir, { templates: minedTemplates() });
    const a: Analysis = analyseFolder(folder, given ? { onsetMs: truth.inject_time * 1000 } : { ignoreOnset: true });
    all.push({
      system: truth.system,
      entities: a.entities.map((e) => ({
        right: e.name === truth.root_cause_service,
        parts: RANKERS.map((r) => e.parts[r] ?? 0),
      })),
    });
  }
  const rnd = random(7);
  const settings = [RANKERS.map(() => 1)];
  while (settings.length <= SETTINGS) settings.push(RANKERS.map(() => 4 ** (2 * rnd() - 1)));
  const systems = [...grouped(all, (c) => c.system)];
  const table = settings.map((s) => systems.map(([, list]) => figures(list.map((c) => ranked(c, s))).avg5));
  const mean = (list: readonly number[]) => list.reduce((p, v) => p + v, 0) / list.length;
  const left = systems.map((_, out) => {
    const others = table.map((row) => mean(row.filter((_, i) => i !== out)));
    return table[others.indexOf(Math.max(...others))]?.[out] as number;
  });
  const macros = table.map(mean).sort((a, b) => a - b);
  const f3 = (v: number) => v.toFixed(3);
  const each = systems.map(([name], i) => `${name} ${f3(left[i] as number)}`).join(", ");
  return `onset ${given ? "given" : "unknown"}: ours ${f3(mean(table[0] as number[]))}; chosen on the other systems ${f3(mean(left))} (${each}); the ${SETTINGS} settings: worst ${f3(macros[0] as number)}, mean ${f3(mean(macros))}, best ${f3(macros.at(-1) as number)}`;
}
