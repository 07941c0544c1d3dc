/** Alert storms of a file, each ranked against all the others of it. */
import type { AlertCase } from "../../core/alert-case.ts";
import { alertHistory, type RankedNode, rankAlerts } from "../../diagnose/alerts.ts";
import { readAlerts } from "../../ingest/case/alerts-file.ts";

export interface AlertAnswer {
  readonly services: readonly RankedNode[];
}

/** By id. Rarity is learned from the other incidents of the file and from those of `past`, never from the one at hand. */
export async function diagnoseAlerts(path: string, past: readonly string[] = []): Promise<Record<string, AlertAnswer>> {
  const cases = await readAlerts(path);
  const earlier: AlertCase[] = [];
  for (const p of past) earlier.push(...(await readAlerts(p)));
  const history = alertHistory([...cases, ...earlier]);
  const round = (v: number) => Math.round(v * 1e4) / 1e4;
  return Object.fromEntries(
    cases.map((c) => [
      c.id,
      {
        services: rankAlerts(c, history, { among: true }).map((n) => ({
          name: n.name,
          score: round(n.score),
          evidence: n.evidence.map((e) => ({ ...e, score: round(e.score) })),
        })),
      },
    ]),
  );
}
