/** Incidents of a store that fall into a range, a page at a time: whole records are never in memory together. */
import { plural } from "../../core/format.ts";
import type { Action, Incident } from "../../core/records.ts";
import type { OutageRecord } from "../../core/reliability.ts";
import type { FoundIncident } from "../../core/schemas/postmortem.ts";
import { SELF_LABEL } from "../../core/self.ts";
import type { Store } from "../../core/store.ts";
import { fromIncident } from "../../measure/reliability/from-incident.ts";
import { isOutage } from "../reliability.ts";

const PAGE = 50;

export interface FoundRow {
  readonly incident: FoundIncident;
  readonly outage: OutageRecord;
}

/** Every record of a topic as it stands, oldest first. */
export async function* allLatest<T>(store: Store, topic: "incidents" | "actions"): AsyncGenerator<T> {
  for (let afterSeq = 0; ; ) {
    const page = await store.latest(topic, { limit: PAGE, afterSeq, oldestFirst: true });
    for (const r of page) yield JSON.parse(r.value) as T;
    const last = page.at(-1);
    if (!last) return;
    afterSeq = last.seq;
  }
}

/** Versions of one incident as they come by, cut where it came back. */
class Occurrences {
  readonly rows: FoundRow[] = [];
  #reopened = -1;

  take(i: Incident, actions: readonly Action[]): void {
    const again = i.reopened > Math.max(0, this.#reopened);
    if (this.#reopened < 0 || again) this.rows.push(rowOf(i, actions, again ? cameBackAt(i) : i.times));
    else {
      const { startMs, detectedMs } = this.rows.at(-1)!.incident;
      this.rows[this.rows.length - 1] = rowOf(i, actions, { faultStartMs: startMs, detectedMs });
    }
    this.#reopened = i.reopened;
  }
}

/** Start and detection of an incident's return: of the anomalies that are open, and of the version itself. */
function cameBackAt(i: Incident): Pick<Incident["times"], "faultStartMs" | "detectedMs"> {
  const detectedMs =
    i.timeline.findLast((t) => t.kind === "state" && t.text.startsWith("reopened"))?.timeMs ?? i.times.detectedMs;
  const before = i.timeline.findLast((t) => t.kind === "state" && t.text.startsWith("resolved"))?.timeMs ?? 0;
  const fresh = i.anomalies.filter((a) => a.endMs === null && a.startMs >= before).map((a) => a.startMs);
  return { faultStartMs: Math.min(detectedMs, ...fresh), detectedMs };
}

function rowOf(
  i: Incident,
  actions: readonly Action[],
  { faultStartMs, detectedMs }: Pick<Incident["times"], "faultStartMs" | "detectedMs">,
): FoundRow {
  const { resolvedMs } = i.times;
  const first = i.diagnosis?.suspects[0];
  const id = i.reopened === 0 ? i.id : `${i.id}#${i.reopened + 1}`;
  const startMs = Math.min(faultStartMs, detectedMs);
  return {
    outage: { ...fromIncident(i, actions), id, startMs, detectedMs },
    incident: {
      id,
      incidentId: i.id,
      severity: i.severity,
      state: i.state,
      startMs,
      detectedMs,
      resolvedMs,
      occurrence: i.reopened + 1,
      entities: [...i.entities],
      headline: i.diagnosis?.headline ?? `${i.entities.slice(0, 3).join(", ")}: no cause was found`,
      cause:
        i.diagnosis && first
          ? {
              name: first.name,
              confidence: first.confidence,
              inconclusive: i.diagnosis.inconclusive,
              why: first.for[0]?.text ?? "",
            }
          : null,
      suspects: (i.diagnosis?.suspects ?? []).map((s) => s.name),
      anomalies: i.anomalies.length,
      labels: [...i.labels],
      report: null,
      verdict: "unlisted",
      knownId: null,
    },
  };
}

/**
 * In order of their starts, each time that an incident came back on its own: what lay between was not down. The
 * pipeline's own incidents are left out and counted (`own`); left out too are those that were merged into others.
 */
export async function foundIncidents(
  store: Store,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Promise<{ readonly rows: FoundRow[]; readonly own: number }> {
  const actions = new Map<string, Action[]>();
  for await (const a of allLatest<Action>(store, "actions"))
    actions.set(a.plan.incidentId, [...(actions.get(a.plan.incidentId) ?? []), a]);
  const found = new Map<string, Occurrences>();
  const self = new Set<string>();
  for (let afterSeq = 0; ; ) {
    const page = await store.records("incidents", { afterSeq, limit: PAGE });
    const last = page.at(-1);
    if (!last) break;
    afterSeq = last.seq;
    for (const r of page) {
      const incident = JSON.parse(r.value) as Incident;
      if (!isOutage(incident)) {
        found.delete(incident.id);
        continue;
      }
      if (incident.times.faultStartMs >= toMs) continue;
      if (incident.labels.includes(SELF_LABEL)) {
        if ((incident.times.resolvedMs ?? Number.POSITIVE_INFINITY) >= fromMs) self.add(incident.id);
        continue;
      }
      const own = found.get(incident.id) ?? new Occurrences();
      found.set(incident.id, own);
      own.take(incident, actions.get(incident.id) ?? []);
    }
  }
  const within = (row: FoundRow) =>
    row.incident.startMs < toMs && (row.incident.resolvedMs ?? Number.POSITIVE_INFINITY) >= fromMs;
  const rows = [...found.values()]
    .flatMap((o) => o.rows)
    .filter(within)
    .sort((a, b) => a.incident.startMs - b.incident.startMs || (a.incident.id < b.incident.id ? -1 : 1));
  return { rows, own: self.size };
}

/** What a reader must know of the pipeline's own incidents, which are in no figure. */
export const ownWarning = (own: number): string[] =>
  own === 0
    ? []
    : [
        `${plural(own, "incident")} of the pipeline itself (faultwright) left out: what it saw at these times may be late or incomplete`,
      ];
