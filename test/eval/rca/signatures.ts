/** Is the most similar past incident of the same kind? Each incident left out; the past knows true causes, the new one only its first suspect. */
import { type PastIncident, signatureOf, similarTo } from "../../../pipelines/diagnose/signature.ts";
import { readCaseFolder } from "../../../pipelines/ingest/case/case-folder.ts";
import { analyseFolder } from "../../../pipelines/run/diagnose/diagnose-case.ts";
import { minedTemplates } from "../../../pipelines/run/diagnose/log-template.ts";
import type { Recorded } from "./cases.ts";
import type { Truth } from "./measure.ts";

export async function nearestSignature(cases: readonly Recorded[]): Promise<string> {
  const all: { truth: Truth; past: PastIncident; now: PastIncident["signature"] }[] = [];
  for (const { truth, dir } of cases) {
    const analysis = analyseFolder(await readCaseFolder(dir, { templates: minedTemplates() }), { ignoreOnset: true });
    const { id, fault_type: label, root_cause_service: cause } = truth;
    const past = { id, label, cause, repair: null, signature: signatureOf(analysis, cause) };
    all.push({ truth, past, now: signatureOf(analysis, analysis.entities[0]?.name ?? "") });
  }
  const kind = (label: string) => label.replace(/^node-|-code$/, "");
  const accuracy = (usable: (of: Truth, other: Truth) => boolean) => {
    let right = 0;
    for (const { truth, now } of all) {
      const past = all.filter((o) => o.truth.id !== truth.id && usable(truth, o.truth)).map((o) => o.past);
      const best = similarTo(now, past, { limit: 1, least: 0 })[0];
      if (best && kind(best.label) === kind(truth.fault_type)) right += 1;
    }
    return (right / all.length).toFixed(3);
  };
  const counts = new Map<string, number>();
  for (const { truth } of all) counts.set(kind(truth.fault_type), (counts.get(kind(truth.fault_type)) ?? 0) + 1);
  const common = (Math.max(...counts.values()) / all.length).toFixed(3);
  return `Fault signatures, each incident left out, onset unknown: nearest has the same kind of fault ${accuracy(() => true)} (other systems only ${accuracy((a, b) => a.system !== b.system)}; always the commonest kind ${common}; ${counts.size} kinds)`;
}
