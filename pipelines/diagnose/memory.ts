/** What earlier incidents looked like, and what fixed them: recognised when they come again. */
import type { Diagnosis, Incident, Similar } from "../core/records.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import { type PastIncident, type Signature, similarTo } from "./signature.ts";

const LIMIT = 300;
const LEAST = 0.5;
const REPAIRED = "repair done: ";

export interface IncidentMemory extends Stateful {
  /** What an open incident looks like by its latest diagnosis; gives earlier ones that looked alike, the most similar first. */
  see(incidentId: string, diagnosis: Diagnosis, signature: Signature | undefined): Similar[];
  /** It is over, or somebody said what it was. Only what had a clear cause is kept, and nothing that was called noise. */
  over(incident: Incident): void;
}

/** Memory: the newest 300. */
export function incidentMemory(): IncidentMemory {
  const past = new Map<string, PastIncident & { readonly seq: number }>();
  let seq = 0;
  const open = new Map<string, Signature>();
  const dirty = new Set<string>();
  const drop = (id: string) => {
    if (past.delete(id)) dirty.add(id);
  };
  return {
    see(id, diagnosis, signature) {
      if (!signature || diagnosis.inconclusive || Object.keys(signature).length === 0) {
        open.delete(id);
        return [];
      }
      open.set(id, signature);
      const others = [...past.values()].filter((p) => p.id !== id);
      return similarTo(signature, others, { least: LEAST }).map(({ label, ...rest }) => ({ ...rest, headline: label }));
    },
    over(incident) {
      const { id, verdict, diagnosis, times } = incident;
      const signature = open.get(id) ?? past.get(id)?.signature;
      if (incident.state === "resolved") open.delete(id);
      drop(id);
      const cause = diagnosis?.suspects[0]?.name;
      if (!signature || cause === undefined || verdict?.label === "noise" || incident.mergedInto !== undefined) return;
      const done = incident.timeline.findLast((t) => t.kind === "action" && t.text.startsWith(REPAIRED));
      const repair = times.verifiedMs !== null && done ? done.text.slice(REPAIRED.length) : null;
      const said = verdict && verdict.note !== "" ? verdict.note : diagnosis?.headline;
      past.set(id, { id, label: said ?? "", cause, repair, signature, seq: seq++ });
      dirty.add(id);
      const [oldest] = past.keys();
      if (past.size > LIMIT) drop(oldest as string);
    },
    snapshot(put, full) {
      if (full) for (const id of past.keys()) dirty.add(id);
      for (const id of dirty) {
        const known = past.get(id);
        put(`past/${id}`, known && toChunk(known));
      }
      dirty.clear();
      put("open", toChunk([...open]));
    },
    restore(chunks) {
      const found: (PastIncident & { readonly seq: number })[] = [];
      for (const [key, bytes] of chunks) {
        if (key === "open") for (const [id, s] of fromChunk<[string, Signature][]>(bytes)) open.set(id, s);
        else found.push(fromChunk(bytes));
      }
      for (const p of found.sort((x, y) => x.seq - y.seq)) past.set(p.id, p);
      seq = (found.at(-1)?.seq ?? -1) + 1;
    },
  };
}
