/** Decides what of an incident's and a repair's life is worth telling people. Pure: part of the act stage. */
import type { Notification, NotificationKind } from "../../core/notifications.ts";
import type { Action, Incident } from "../../core/records.ts";
import { fromChunk, type PutChunk, toChunk } from "../../core/stage.ts";
import { summaryOf } from "./summary.ts";

/** Of a later version of the incident: silenced ones page nobody, merged ones live on in another. */
type Seen = Incident & { readonly muted?: unknown; readonly mergedInto?: string };

interface Told {
  number: number;
  version: number;
  /** Worst that was told. */
  rank: number;
  state: Incident["state"];
  suspect: string;
  diagnoses: number;
  /** Plan id and what was told of it. */
  plans: string[];
  resolvedMs: number | null;
  /** Newest version, small: what an action's notification is about. */
  last: Omit<Notification, "id" | "number" | "kind" | "timeMs" | "summary" | "detail">;
}

const RANK: Readonly<Record<Incident["severity"], number>> = { minor: 0, major: 1, critical: 2 };
/** A diagnosis that changes its mind all the time is told this often. */
const DIAGNOSES = 3;
const KEEP_MS = 86_400_000;
const MAX_ENTITIES = 20;
const MAX_TEXT = 500;
const MAX_NAME = 200;

const cut = (text: string, limit = MAX_TEXT) => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);

export interface Notifier {
  onIncident(incident: Incident): Notification[];
  /** `asks`: its plan waits for a human. */
  onAction(action: Action, asks: boolean): Notification[];
  /** Forgets what was resolved a day ago. */
  advance(watermarkMs: number): void;
  snapshot(put: PutChunk, full?: boolean): void;
  restore(chunks: ReadonlyMap<string, Uint8Array>): void;
}

/** Memory: one small record for each incident that is open or was resolved within a day. */
export function notifier(): Notifier {
  const told = new Map<string, Told>();
  const dirty = new Set<string>();

  const tell = (t: Told, kind: NotificationKind, timeMs: number, detail: string): Notification => {
    t.number += 1;
    const about = { ...t.last, kind, timeMs, detail: cut(detail) };
    return { id: `${t.last.incidentId}/${t.number}`, number: t.number, ...about, summary: cut(summaryOf(about)) };
  };

  return {
    onIncident(incident) {
      const { id, state, times, severity, diagnosis, muted, mergedInto } = incident as Seen;
      let t = told.get(id);
      if (t && incident.version <= t.version) return [];
      const first = diagnosis && !diagnosis.inconclusive ? diagnosis.suspects[0] : undefined;
      const suspects = (diagnosis && !diagnosis.inconclusive ? diagnosis.suspects : []).slice(0, 3);
      const last: Told["last"] = {
        incidentId: id,
        system: incident.system,
        severity,
        state,
        entities: incident.entities.slice(0, MAX_ENTITIES).map((e) => cut(e, MAX_NAME)),
        suspects: suspects.map(({ name, kind, confidence }) => ({ name: cut(name, MAX_NAME), kind, confidence })),
        faultStartMs: times.faultStartMs,
        detectedMs: times.detectedMs,
        resolvedMs: times.resolvedMs,
        labels: incident.labels,
      };
      const out: Notification[] = [];
      const headline = diagnosis?.headline ?? incident.anomalies[0]?.why ?? "";
      const nowMs = incident.timeline.reduce((ms, e) => Math.max(ms, e.timeMs), times.detectedMs);
      if (!t) {
        // Nobody is told of what is silenced; once the silence ends and it is open still, it is news.
        if (muted !== undefined || mergedInto !== undefined) return [];
        const suspect = first?.name ?? "";
        t = {
          number: 0,
          version: 0,
          rank: -1,
          state: "open",
          suspect,
          diagnoses: 0,
          plans: [],
          resolvedMs: null,
          last,
        };
        told.set(id, t);
        t.rank = RANK[severity];
        out.push(tell(t, "opened", times.detectedMs, headline));
      } else {
        t.last = last;
        const before = t.state;
        if (muted !== undefined && state !== "resolved") {
          Object.assign(t, { state, version: incident.version });
          dirty.add(id);
          return [];
        }
        const again = state !== "resolved" && before === "resolved";
        if (again) {
          t.rank = RANK[severity];
          out.push(tell(t, "reopened", nowMs, headline));
        } else if (state !== "resolved" && RANK[severity] > t.rank) {
          t.rank = RANK[severity];
          out.push(tell(t, "escalated", nowMs, headline));
        }
        if (state === "acknowledged" && before === "open")
          out.push(tell(t, "acknowledged", times.acknowledgedMs ?? nowMs, ""));
      }
      if (first && first.name !== t.suspect && state !== "resolved" && t.diagnoses < DIAGNOSES) {
        t.diagnoses += 1;
        out.push(tell(t, "diagnosed", nowMs, headline));
      }
      if (first) t.suspect = first.name;
      if (state === "resolved" && t.state !== "resolved") {
        const into = mergedInto === undefined ? "" : `part of ${mergedInto} now`;
        out.push(tell(t, "resolved", times.resolvedMs ?? times.detectedMs, into));
      }
      t.state = state;
      t.resolvedMs = state === "resolved" ? (times.resolvedMs ?? times.detectedMs) : null;
      t.version = incident.version;
      dirty.add(id);
      return out;
    },
    onAction({ plan, state, history, needsHuman }, asks) {
      const t = told.get(plan.incidentId);
      const latest = history.at(-1);
      if (!t || t.state === "resolved" || !latest) return [];
      const once = (what: string) => {
        const key = `${plan.id} ${what}`;
        if (t.plans.includes(key)) return false;
        t.plans.push(key);
        dirty.add(plan.incidentId);
        return true;
      };
      if (state === "proposed" && asks && once("approval"))
        return [
          tell(
            t,
            "approval",
            plan.createdMs,
            `${plan.action} of ${plan.target} (risk ${plan.risk}) waits for approval: faultwright recover approve ${plan.id}`,
          ),
        ];
      // The last plan of all may be one that was never carried out: its dry run said no.
      const failed = (state === "failed" || state === "unverified") && needsHuman === undefined;
      if (failed ? once(latest.detail) : needsHuman !== undefined && once("human"))
        return [tell(t, "repair-failed", latest.timeMs, `${plan.action} of ${plan.target} ${state}: ${latest.detail}`)];
      return [];
    },
    advance(watermarkMs) {
      for (const [id, t] of told)
        if (t.resolvedMs !== null && watermarkMs - t.resolvedMs > KEEP_MS) {
          told.delete(id);
          dirty.add(id);
        }
    },
    snapshot(put, full = false) {
      for (const id of (full ? new Set([...dirty, ...told.keys()]) : dirty).values()) {
        const t = told.get(id);
        put(id, t && toChunk(t));
      }
      dirty.clear();
    },
    restore(chunks) {
      for (const [id, bytes] of chunks) told.set(id, fromChunk<Told>(bytes));
    },
  };
}
