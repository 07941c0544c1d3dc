/** Anomalies to incidents: few, stable, and opened only on evidence that an engineer would accept. */
import type { Anomaly, ChangeEvent, Incident } from "../core/records.ts";
import { isSelf } from "../core/self.ts";
import { fromChunk, scoped, scopedChunks, toChunk } from "../core/stage.ts";
import { alertBudget } from "./alert-budget.ts";
import { callGraph } from "./call-graph.ts";
import { commonMode } from "./common-mode.ts";
import {
  alarmEvidence,
  benign,
  byStart,
  byStrength,
  confirmed,
  distinctByFamily,
  opens,
  totalWeight,
  weightOf,
} from "./evidence.ts";
import { groups } from "./groups.ts";
import * as life from "./incident-state.ts";
import type { Correlator, CorrelatorOptions, IncidentEvent } from "./types.ts";

export type { Correlator, CorrelatorOptions, IncidentEvent } from "./types.ts";

interface Held {
  incident: Incident;
  /** Those that opened it hold it open, however weak they get. */
  openers: string[];
  lastActiveMs: number;
  /** Evidence of its strongest sign as it opened. */
  evidence?: number;
}

const CHANGES = 100;
const CHANGE_MS = 600_000;
/** Share of the evidence that the old incident must have shown too. */
const SAME_AGAIN = 0.6;
/** A stall of the whole machine is no incident of a service, until it has stayed so many times as long as others must. */
const STALL_FACTOR = 3;
const RANK = { updated: 0, resolved: 1, reopened: 2, opened: 3 } as const;

/** Memory: pending anomalies, incidents until `reopenMs` after they resolve, the call graph; all bounded. */
export function correlator(options: CorrelatorOptions): Correlator {
  const { system, windowMs, minEvidence = 1.5, quietMs = 60_000, reopenMs = 600_000, maxPending = 5000 } = options;
  const { sustainMs = 8 * windowMs, confirmMs = 4 * windowMs, joinMs = 20 * windowMs } = options;
  const rule = { minEvidence, sustainMs, confirmMs };
  const { falseIncidentsPerWeek } = options;
  const budget = falseIncidentsPerWeek === undefined ? undefined : alertBudget({ falseIncidentsPerWeek, joinMs });
  let rows = 0;
  const graph = callGraph();
  const pending = new Map<string, Anomaly>();
  const held = new Map<string, Held>();
  const owner = new Map<string, string>();
  const updates = new Map<string, Anomaly[]>();
  let changes: ChangeEvent[] = [];
  let nowMs = 0;
  let events = new Map<string, IncidentEvent["kind"]>();
  const dirty = new Set<string>();
  const isEntry = (entity: string) => graph.size === 0 || !graph.called(entity);

  const change = (id: string, next: Incident, kind: IncidentEvent["kind"] = "updated") => {
    const h = held.get(id) as Held;
    if (next === h.incident) return;
    h.incident = next;
    dirty.add(id);
    const known = events.get(id);
    if (known === undefined || RANK[kind] > RANK[known]) events.set(id, kind);
  };
  const own = (h: Held, before: readonly Anomaly[] = []) => {
    for (const a of before) owner.delete(a.id);
    for (const a of h.incident.anomalies) owner.set(a.id, h.incident.id);
  };
  const near = (a: string, b: string) =>
    isSelf(a) === isSelf(b) && (a === b || !graph.has(a) || !graph.has(b) || graph.near(a).has(b));
  const ordered = () =>
    [...held.values()].sort(
      (a, b) => a.incident.times.detectedMs - b.incident.times.detectedMs || (a.incident.id < b.incident.id ? -1 : 1),
    );
  const active = (h: Held) => h.incident.anomalies.filter((a) => a.endMs === null);

  function join() {
    const open = ordered().filter((h) => h.incident.state !== "resolved");
    const joined = new Map<string, Anomaly[]>();
    for (const a of [...pending.values()].sort(byStart)) {
      const h = open.find(
        (o) =>
          a.detectedMs >= o.incident.times.faultStartMs - joinMs && o.incident.entities.some((e) => near(e, a.entity)),
      );
      if (!h) continue;
      joined.set(h.incident.id, [...(joined.get(h.incident.id) ?? []), a]);
      pending.delete(a.id);
    }
    for (const [id, list] of updates) joined.set(id, [...list, ...(joined.get(id) ?? [])]);
    updates.clear();
    for (const id of [...joined.keys()].sort()) {
      const h = held.get(id);
      if (!h) continue;
      const before = h.incident.anomalies;
      const next = life.absorb(h.incident, joined.get(id) as Anomaly[], isEntry);
      if (h.incident.state === "resolved") {
        h.incident = next;
        dirty.add(id);
      } else change(id, next);
      own(h, before);
    }
  }

  function openGroups() {
    const alive = [...pending.values()].filter((a) => a.endMs === null);
    const fresh = alive.filter((a) => nowMs - a.detectedMs <= Math.max(joinMs, sustainMs + windowMs));
    for (const group of groups(graph, fresh.sort(byStart))) {
      const now = group.filter((a) => pending.has(a.id));
      if (now.length === 0) continue;
      const ended = [...pending.values()].filter((a) => a.endMs !== null && nowMs - a.startMs <= joinMs);
      const patience = { ids: commonMode(graph, [...now, ...ended], 3 * windowMs), factor: STALL_FACTOR };
      if (!admits(now, patience)) continue;
      const entities = new Set(now.map((a) => a.entity));
      const context = [...pending.values()].filter(
        (a) => a.endMs !== null && [...entities].some((e) => near(e, a.entity)),
      );
      const all = [...now, ...context];
      const again = ordered().findLast((h) => h.incident.state === "resolved" && sameAgain(h, now));
      const signs = now.filter((a) => !benign(a));
      const ours = signs.filter((a) => a.entityKind !== "host");
      const openers = (ours.length > 0 ? ours : signs).map((a) => a.id);
      if (again) {
        const before = again.incident.anomalies;
        const reopened = life.absorb(life.reopen(again.incident, nowMs), all, isEntry);
        change(again.incident.id, reopened, "reopened");
        Object.assign(again, { openers, lastActiveMs: nowMs });
        own(again, before);
      } else {
        const fault = all.filter((a) => !benign(a) && weightOf(a) >= 0.1);
        const incident = life.openIncident(system, fault.length > 0 ? fault : all, nowMs, isEntry);
        const before = changes.filter(
          (c) => c.timeMs >= incident.times.faultStartMs - CHANGE_MS && touches(incident, c),
        );
        const evidence = Math.max(0, ...now.filter((a) => !benign(a)).map(alarmEvidence));
        const h: Held = { incident, openers, lastActiveMs: nowMs, evidence };
        held.set(incident.id, h);
        change(incident.id, life.withTimeline({ ...incident }, before.map(life.changeEntry)), "opened");
        own(h);
      }
      for (const a of all) pending.delete(a.id);
    }
  }
  /** By how often chance brings such a group, once that is known; by the rule until then. */
  function admits(group: readonly Anomaly[], patience: Parameters<typeof opens>[2]["patience"]): boolean {
    const signs = group.filter((a) => !benign(a) && confirmed(a, nowMs, { confirmMs, patience }));
    const chance = budget?.chancePerWeek(distinctByFamily(signs));
    if (budget && chance !== undefined) return chance <= budget.budget;
    return opens(group, nowMs, { ...rule, patience });
  }
  /** What ended without an incident, or with one that nobody took up, was chance. */
  function learn(a: Anomaly) {
    if (!benign(a) && confirmed(a, nowMs, rule)) budget?.learn(alarmEvidence(a));
  }
  const taken = (i: Incident) =>
    i.times.acknowledgedMs !== null || i.times.mitigatedMs !== null || i.times.verifiedMs !== null;
  const touches = (incident: Incident, c: ChangeEvent) => incident.entities.some((e) => near(e, c.entity));
  function sameAgain(h: Held, group: readonly Anomaly[]): boolean {
    if (nowMs - (h.incident.times.resolvedMs ?? 0) > reopenMs) return false;
    const known = new Set(h.incident.anomalies.map((a) => `${a.entity}/${a.series}`));
    const again = group.filter((a) => known.has(`${a.entity}/${a.series}`));
    return totalWeight(again) >= SAME_AGAIN * totalWeight(group);
  }

  function settle() {
    for (const h of ordered()) {
      const { id, state, times } = h.incident;
      if (state === "resolved") {
        if (nowMs - (times.resolvedMs ?? 0) <= reopenMs) continue;
        for (const a of h.incident.anomalies) if (owner.get(a.id) === id) owner.delete(a.id);
        held.delete(id);
        dirty.add(id);
        continue;
      }
      const now = active(h);
      const before = h.lastActiveMs;
      for (const a of h.incident.anomalies)
        if (h.openers.includes(a.id)) h.lastActiveMs = Math.max(h.lastActiveMs, Math.min(nowMs, a.endMs ?? nowMs));
      if (now.some((a) => h.openers.includes(a.id)) || totalWeight(now) >= minEvidence / 2) {
        h.lastActiveMs = nowMs;
      } else if (nowMs - h.lastActiveMs >= quietMs) {
        change(id, life.resolve(h.incident, h.lastActiveMs, 2 * windowMs), "resolved");
        if (budget && h.evidence !== undefined && !taken(h.incident)) {
          budget.spent();
          budget.learn(h.evidence);
        }
        delete h.evidence; // once, however often it is reopened
      }
      if (h.lastActiveMs !== before) dirty.add(id);
    }
    for (const a of pending.values()) if (a.endMs !== null && nowMs - a.endMs > joinMs) pending.delete(a.id);
    if (pending.size > maxPending)
      for (const a of [...pending.values()].sort(byStrength).slice(maxPending)) pending.delete(a.id);
    changes = changes.filter((c) => nowMs - c.timeMs <= CHANGE_MS).slice(-CHANGES);
    graph.forget(nowMs);
  }

  function drain(): IncidentEvent[] {
    const out: IncidentEvent[] = [];
    for (const [id, kind] of [...events].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const h = held.get(id);
      if (!h) continue;
      if (kind !== "opened") h.incident = { ...h.incident, version: h.incident.version + 1 };
      out.push({ kind, incident: h.incident });
    }
    events = new Map();
    return out;
  }

  return {
    onAnomaly(a) {
      const id = owner.get(a.id);
      if (id !== undefined) updates.set(id, [...(updates.get(id) ?? []), a]);
      else if (a.endMs === null || pending.has(a.id)) {
        if (a.endMs !== null) learn(a);
        pending.set(a.id, a);
      }
    },
    onWindow(more) {
      rows += more;
    },
    onEdges: (edges, endMs) => graph.add(edges, endMs),
    onChange(c) {
      changes.push(c);
      for (const h of ordered())
        if (h.incident.state !== "resolved" && touches(h.incident, c))
          change(h.incident.id, life.withTimeline(h.incident, [life.changeEntry(c)]));
    },
    onControl(c) {
      if (c.kind !== "acknowledge") return;
      const h = held.get(c.incidentId);
      if (h) change(c.incidentId, life.acknowledge(h.incident, c.timeMs, c.by));
    },
    markMitigated(id, timeMs) {
      const h = held.get(id);
      if (h) change(id, life.mitigate(h.incident, timeMs));
    },
    setDiagnosis(id, diagnosis, timeMs) {
      const h = held.get(id);
      if (h) change(id, life.diagnosed(h.incident, diagnosis, timeMs));
    },
    addNote(id, entry) {
      const h = held.get(id);
      if (h) change(id, life.withTimeline(h.incident, [entry]));
    },
    advance(watermarkMs) {
      nowMs = Math.max(nowMs, watermarkMs);
      budget?.pass(nowMs, rows, graph.size > 0 || [...held.values()].every((h) => h.incident.state === "resolved"));
      rows = 0;
      join();
      openGroups();
      settle();
      return drain();
    },
    drain,
    get: (id) => held.get(id)?.incident,
    openIncidents: () =>
      ordered()
        .map((h) => h.incident)
        .filter((i) => i.state !== "resolved"),
    snapshot(put, full) {
      if (full) for (const id of held.keys()) dirty.add(id);
      for (const id of [...dirty].sort()) put(`incident/${id}`, held.has(id) ? toChunk(held.get(id)) : undefined);
      dirty.clear();
      put(
        "waiting",
        toChunk({ nowMs, rows, pending: [...pending.values()], updates: [...updates], changes, events: [...events] }),
      );
      graph.snapshot(scoped(put, "graph"), full);
      budget?.snapshot(scoped(put, "budget"));
    },
    restore(chunks) {
      for (const bytes of scopedChunks(chunks, "incident").values()) {
        const h = fromChunk<Held>(bytes);
        held.set(h.incident.id, h);
        own(h);
      }
      graph.restore(scopedChunks(chunks, "graph"));
      budget?.restore(scopedChunks(chunks, "budget"));
      const bytes = chunks.get("waiting");
      if (!bytes) return;
      type Waiting = {
        nowMs: number;
        rows?: number;
        pending: Anomaly[];
        updates: [string, Anomaly[]][];
        changes: ChangeEvent[];
      };
      const w = fromChunk<Waiting & { events: [string, IncidentEvent["kind"]][] }>(bytes);
      nowMs = w.nowMs;
      rows = w.rows ?? 0;
      changes = w.changes;
      for (const a of w.pending) pending.set(a.id, a);
      for (const [id, list] of w.updates) updates.set(id, list);
      events = new Map(w.events);
    },
  };
}
