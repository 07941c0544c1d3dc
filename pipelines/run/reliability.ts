/** Where the figures' outages come from: a pipeline's store, or files. */
import { extname } from "node:path";
import { PipelineError } from "../core/errors.ts";
import type { Action, Incident } from "../core/records.ts";
import type { OutageRecord } from "../core/reliability.ts";
import { fromIncident } from "../measure/reliability/from-incident.ts";
import { type OutagesRead, readOutages } from "../measure/reliability/read-outages.ts";
import { type ReplicaSample, readReplicas } from "../measure/reliability/replicas.ts";
import { readText } from "./read-text.ts";

/**
 * Outages of incidents as they come, a page at a time, with the repairs that belong to each: charts and logs are let go,
 * and so is what was merged into another incident or called noise.
 */
export async function storedOutages(
  actions: AsyncIterable<readonly Action[]>,
  incidents: AsyncIterable<readonly Incident[]>,
): Promise<OutageRecord[]> {
  const byIncident = new Map<string, Action[]>();
  for await (const page of actions)
    for (const a of page) {
      const known = byIncident.get(a.plan.incidentId);
      if (known) known.push(a);
      else byIncident.set(a.plan.incidentId, [a]);
    }
  const outages: OutageRecord[] = [];
  for await (const page of incidents)
    for (const i of page) if (isOutage(i)) outages.push(fromIncident(i, byIncident.get(i.id) ?? []));
  return outages;
}

/** Part of another incident, or noise as somebody said: nothing failed. */
export const isOutage = (i: Incident): boolean => i.mergedInto === undefined && i.verdict?.label !== "noise";

/** All files together; ids of several files may meet: the last counts. @throws PipelineError INPUT_INVALID */
export async function fileOutages(paths: readonly string[]): Promise<OutagesRead> {
  const outages = new Map<string, OutageRecord>();
  const warnings: string[] = [];
  let skipped = 0;
  for (const path of paths) {
    const read = readOutages(await readText(path, { code: "INPUT_INVALID" }), path);
    // Ids that a file does not give are line numbers: they must not meet those of another file.
    for (const o of read.outages) outages.set(/^(line|row) \d+$/.test(o.id) ? `${path} ${o.id}` : o.id, o);
    warnings.push(...read.warnings);
    skipped += read.skipped;
  }
  return { outages: [...outages.values()], skipped, warnings };
}

/** @throws PipelineError INPUT_INVALID */
export const fileReplicas = async (path: string): Promise<ReplicaSample[]> =>
  readReplicas(await readText(path, { code: "INPUT_INVALID" }), path);

/** `name,load` lines, with or without a header, or loads alone. @throws PipelineError INPUT_INVALID */
export async function fileLoads(path: string): Promise<number[]> {
  const text = (await readText(path, { code: "INPUT_INVALID" })).replace(/^\u{feff}/u, "");
  const loads: number[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const last = line
      .split(/[,;\t]/)
      .at(-1)!
      .trim()
      .replaceAll('"', "");
    const load = Number(last);
    if (last !== "" && Number.isFinite(load) && load >= 0) loads.push(load);
    else if (i > 0)
      throw new PipelineError("INPUT_INVALID", `${path}:${i + 1}`, {
        detail: `${JSON.stringify(last.slice(0, 40))} is no load`,
      });
  }
  if (loads.length === 0)
    throw new PipelineError("INPUT_INVALID", path, {
      detail: `it holds no load${extname(path) === ".json" ? "; write name,load lines" : ""}`,
    });
  return loads;
}
