/** The same incidents, worse recorded: does the ranking hold, or say that it can't? */
import type { CaseFolder } from "../../../pipelines/ingest/case/case-folder.ts";
import { readCaseFolder } from "../../../pipelines/ingest/case/case-folder.ts";
import { analyseFolder, answerOf } from "../../../pipelines/run/diagnose/diagnose-case.ts";
import { minedTemplates } from "../../../pipelines/run/diagnose/log-template.ts";
import type { Recorded } from "./cases.ts";
import { type Disturbance, disturb, rows } from "./disturb.ts";
import { figures, type Ranks, ranksOf } from "./measure.ts";

const f3 = (v: number) => v.toFixed(3);

export async function robustness(cases: readonly Recorded[]): Promise<string> {
  const out = ["| disturbance | service given | unknown | inconclusive given | unknown |", "|---|---|---|---|---|"];
  const folders: CaseFolder[] = [];
  for (const { dir } of cases) folders.push(await readCaseFolder(dir, { templates: minedTemplates() }));
  for (const name of Object.keys(disturb) as Disturbance[]) {
    const cells: string[] = [];
    const doubts: string[] = [];
    for (const given of [true, false]) {
      const ranks: Ranks[] = [];
      let doubted = 0;
      for (const [i, { truth }] of cases.entries()) {
        const d = disturb[name](folders[i] as CaseFolder, truth);
        const how = given ? { onsetMs: d.onsetMs } : { ignoreOnset: true };
        const answer = answerOf(d.folder, analyseFolder(d.folder, how));
        if (answer.inconclusive) doubted += 1;
        ranks.push(
          ranksOf(
            { ...truth, root_cause_service: d.cause },
            answer.services.map((s) => s.name),
            [],
          ),
        );
      }
      cells.push(f3(figures(ranks.map((r) => r.service)).avg5));
      doubts.push(`${Math.round((100 * doubted) / cases.length)} %`);
    }
    out.push(`| ${[name, ...cells, ...doubts].join(" | ")} |`);
  }
  return out.join("\n");
}

/** Largest likelihood that anything happened at all: with the fault, and in the rows before it. */
export async function faultOrNone(cases: readonly Recorded[]): Promise<string> {
  const [yes, no]: [number[], number[]] = [[], []];
  for (const { truth, dir } of cases) {
    const folder = await readCaseFolder(dir, { templates: minedTemplates() });
    const quiet = rows(folder, (_, t) => t < truth.inject_time * 1000);
    yes.push(analyseFolder({ ...folder, spans: null, lines: null }, { ignoreOnset: true }).strength);
    no.push(analyseFolder({ ...quiet, spans: null, lines: null }, { ignoreOnset: true }).strength);
  }
  let wins = 0;
  for (const y of yes) for (const n of no) wins += y > n ? 1 : y === n ? 0.5 : 0;
  const at = (list: number[], q: number) =>
    [...list].sort((a, b) => a - b)[Math.floor(q * (list.length - 1))]!.toFixed(1);
  const told = (list: number[]) => [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => at(list, q)).join(" ");
  return `Fault or none, by strength: AUC ${f3(wins / yes.length / no.length)}; with fault (5, 25, 50, 75, 95 %) ${told(yes)}; without ${told(no)}`;
}
