/** Anomalies to incidents: few, stable, and opened only on evidence that an engineer would accept. */

import type { LabelRecord } from "../core/incident-decisions.ts";
import type { Anomaly, ChangeEvent, Incident } from "../core/records.ts";
import { isSelf, SELF_LABEL } from "../core/self.ts";
import { fromChunk, scoped, scopedChunks, toChunk } from "../core/stage.ts";
import { callGraph } from "./call-graph.ts";
import { chance } from "./chance.ts";
import { coOccurrence } from "./co-occurrence.ts";
import { commonMode } from "./common-mode.ts";
import * as by from "./decisions.ts";
import { alarmEvidence, benign, byStart, byStrength, totalWeight, weightOf } from "./evidence.ts";
import { floodGate } from "./flood.ts";
import { groups } from "./groups.ts";
import * as life from "./incident-state.ts";
import { rarity } from "./rarity.ts";
import { silences } from "./silences.ts";
import type { Correlator, CorrelatorOptions, Cover, IncidentEvent } from "./types.ts";

export type { Correlator, CorrelatorOptions, Cover, IncidentEvent } from "./types.ts";

interface Held {
  incident: Incident;
  /** Those that opened it hold it open, however weak they get. */
  openers: string[];
  lastActiveMs: number;
  /** Evidence of its strongest sign as it opened. */
  evidence?: number;
  /** Touched by a person after it was over: kept until then. */
  keepUntilMs?: number;
  /** Reopened by a person: open until new evidence comes, or a person ends it. */
  byHand?: true;
  /** Split by a person: never joined again by itself. */
  apart?: string[];
  /** Of its anomalies, those that ended and were counted as chance. */
  learned?: number;
}

const CHANGES = 100;
const CHANGE_MS = 600_000;
/** Share of the evidence that the old incident must have shown too. */
const SAME_AGAIN = 0.6;
/** A stall of the whole machine is no incident of a service, until it has stayed so many times as long as others must. */
const STALL_FACTOR = 3;
const RANK = { updated: 0, resolved: 1, reopened: 2, opened: 3 } as const;

/** Entities, of those that opened it, that are remembered as breaking together. */
const TOGETHER = 3;
const MOST_OPENERS = 200;
/** With more open ones nobody looks for pairs: then the digest is at work. */
const MERGE_MOST = 50;

/** Memory: pending anomalies, incidents until `reopenMs` after they resolve, the call graph; all bounded. */
export function correlator(options: CorrelatorOptions): Correlator {
  const { system, windowMs, minEvidence = 1.5, quietMs = 60_000, reopenMs = 600_000, maxPending = 5000 } = options;
  const { sustainMs = 8 * windowMs, confirmMs = 4 * windowMs, joinMs = 20 * windowMs } = options;
  const { confirmErrorsMs = 6 * windowMs, topology = [], flood: floodLimits = {}, falseIncidentsPerWeek } = options;
  const parts = {
    graph: callGraph(topology),
    rare: rarity(joinMs),
    together: coOccurrence(),
    quiet: silences(),
    flood: floodGate(floodLimits),
  };
  const { graph, rare, together, quiet, flood } = parts;
  const weigh = (a: Anomaly) => weightOf(a) * rare.of(a, nowMs);
  const rule = { minEvidence, sustainMs, confirmMs, confirmErrorsMs, weigh };
  const luck = chance({ falseIncidentsPerWeek, joinMs, rule, nowMs: () => nowMs });
  let rows = 0;
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
  const linked = (a: string, b: string) => !together.empty && together.linked(a, b, nowMs);
  const close = (a: string, b: string) => a === b || graph.near(a).has(b) || linked(a, b);
  const near = (a: string, b: string) => isSelf(a) === isSelf(b) && (!graph.has(a) || !graph.has(b) || close(a, b));
  /** Known to hang together, not just not known to be apart. */
  const related = (a: string, b: string) => a === b || linked(a, b) || (graph.has(a) && graph.near(a).has(b));
  /** Once the rate of chance is known, what nobody knows to be related joins an incident only as it begins. */
  const inTime = (h: Held, a: Anomaly) => !luck.known() || a.detectedMs <= h.incident.times.detectedMs + joinMs;
  const takeIn = (h: Held, anomalies: readonly Anomaly[], kind: IncidentEvent["kind"] = "updated") => {
    const before = h.incident.anomalies;
    change(h.incident.id, life.absorb(h.incident, anomalies, isEntry), kind);
    own(h, before);
  };
  const ordered = () =>
    [...held.values()].sort(
      (a, b) => a.incident.times.detectedMs - b.incident.times.detectedMs || (a.incident.id < b.incident.id ? -1 : 1),
    );
  const active = (h: Held) => h.incident.anomalies.filter((a) => a.endMs === null);

  function join() {
    const open = ordered().filter((h) => h.incident.state !== "resolved" && !h.incident.digest);
    const joined = new Map<string, Anomaly[]>();
    for (const a of [...pending.values()].sort(byStart)) {
      const h = open.find(
        (o) =>
          a.detectedMs >= o.incident.times.faultStartMs - joinMs &&
          o.incident.entities.some((e) => near(e, a.entity) && (inTime(o, a) || related(e, a.entity))),
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
      if (h.incident.state !== "resolved") {
        takeIn(h, joined.get(id) as Anomaly[]);
        delete h.byHand;
        continue;
      }
      const before = h.incident.anomalies;
      h.incident = life.absorb(h.incident, joined.get(id) as Anomaly[], isEntry);
      dirty.add(id);
      own(h, before);
    }
  }

  function openGroups() {
    const alive = [...pending.values()].filter((a) => a.endMs === null);
    const fresh = alive.filter((a) => nowMs - a.detectedMs <= Math.max(joinMs, sustainMs + windowMs));
    for (const group of groups(graph, fresh.sort(byStart), together.empty ? undefined : linked)) {
      const now = group.filter((a) => pending.has(a.id));
      if (now.length === 0) continue;
      const ended = [...pending.values()].filter((a) => a.endMs !== null && nowMs - a.startMs <= joinMs);
      const patience = { ids: commonMode(graph, [...now, ...ended], 3 * windowMs), factor: STALL_FACTOR };
      if (!luck.admits(now, patience)) continue;
      const entities = new Set(now.map((a) => a.entity));
      const context = [...pending.values()].filter(
        (a) => a.endMs !== null && [...entities].some((e) => near(e, a.entity)),
      );
      const all = [...now, ...context];
      const again = ordered().findLast((h) => h.incident.state === "resolved" && sameAgain(h, now));
      const signs = now.filter((a) => !benign(a));
      const ours = signs.filter((a) => a.entityKind !== "host");
      const openers = luck.telling(ours.length > 0 ? ours : signs).map((a) => a.id);
      const digest = again ? undefined : ordered().find((h) => h.incident.digest && h.incident.state !== "resolved");
      if (again) {
        const before = again.incident.anomalies;
        const reopened = life.absorb(life.reopen(again.incident, nowMs, "reopened"), all, isEntry);
        change(again.incident.id, reopened, "reopened");
        Object.assign(again, { openers, lastActiveMs: nowMs });
        own(again, before);
      } else if (digest && flood.full(nowMs)) {
        takeIn(digest, all);
        change(digest.incident.id, by.counted(digest.incident, nowMs));
        Object.assign(digest, { openers: [...digest.openers, ...openers].slice(-MOST_OPENERS), lastActiveMs: nowMs });
      } else {
        const fault = all.filter((a) => !benign(a) && weightOf(a) >= 0.1);
        const incident = life.openIncident(system, fault.length > 0 ? fault : all, nowMs, isEntry);
        const before = changes.filter(
          (c) => c.timeMs >= incident.times.faultStartMs - CHANGE_MS && touches(incident, c),
        );
        const evidence = Math.max(0, ...now.filter((a) => !benign(a)).map(alarmEvidence));
        const h: Held = { incident, openers, lastActiveMs: nowMs, evidence };
        held.set(incident.id, h);
        const full = flood.full(nowMs) && !incident.labels.includes(SELF_LABEL);
        const opened = full ? by.asDigest(incident, flood.limits, nowMs) : { ...incident };
        change(incident.id, life.withTimeline(opened, before.map(life.changeEntry)), "opened");
        own(h);
        flood.opened(nowMs);
        if (!full) learnTogether(h, now);
      }
      for (const a of all) pending.delete(a.id);
    }
  }
  /** What broke here, and what broke elsewhere at about the same time. */
  function learnTogether(h: Held, now: readonly Anomaly[]) {
    const main = (list: readonly Anomaly[]) =>
      [...new Set([...list].sort(byStrength).map((a) => a.entity))].slice(0, TOGETHER);
    const others = ordered().filter((o) => o !== h && nowMs - o.incident.times.detectedMs <= joinMs);
    const entities = [...main(now), ...others.flatMap((o) => main(o.incident.anomalies))];
    together.together(
      entities.filter((e) => !isSelf(e)),
      nowMs,
    );
  }
  /** Two that turn out to be one: what is learned after they opened links them. The younger goes into the older. */
  function mergeConnected() {
    const open = ordered().filter((h) => h.incident.state !== "resolved" && !h.incident.digest);
    if (open.length < 2 || open.length > MERGE_MOST) return;
    for (const [i, young] of open.entries()) {
      const entities = [
        ...new Set(
          active(young)
            .filter((a) => !benign(a))
            .map((a) => a.entity),
        ),
      ];
      const old = open
        .slice(0, i)
        .find(
          (o) =>
            o.incident.state !== "resolved" &&
            !o.apart?.includes(young.incident.id) &&
            young.incident.times.detectedMs - o.incident.times.detectedMs <= joinMs &&
            active(o).some(
              (a) => !benign(a) && entities.some((e) => isSelf(e) === isSelf(a.entity) && close(a.entity, e)),
            ),
        );
      if (old) merge(young, old, nowMs, "");
    }
  }
  function merge(from: Held, into: Held, timeMs: number, who: string) {
    const moved = from.incident.anomalies;
    const over = from.incident.state === "resolved";
    change(
      from.incident.id,
      by.mergedInto(from.incident, into.incident.id, timeMs, who),
      over ? "updated" : "resolved",
    );
    for (const a of moved) owner.delete(a.id);
    const before = into.incident.anomalies;
    change(into.incident.id, by.takingIn(life.absorb(into.incident, moved, isEntry), from.incident, timeMs, who));
    own(into, before);
    into.openers = [...new Set([...into.openers, ...from.openers])].slice(-MOST_OPENERS);
    if (into.incident.state !== "resolved") into.lastActiveMs = Math.max(into.lastActiveMs, from.lastActiveMs);
  }
  /** Takes the anomalies of some entities out of an incident, to one of their own. */
  function split(h: Held, entities: readonly string[], timeMs: number, who: string) {
    const out = h.incident.anomalies.filter((a) => entities.includes(a.entity));
    if (out.length === 0 || out.length === h.incident.anomalies.length) return;
    const fresh = life.openIncident(system, out, Math.max(nowMs, h.incident.times.detectedMs), isEntry);
    if (held.has(fresh.id)) return;
    for (const a of out) owner.delete(a.id);
    change(h.incident.id, by.without(h.incident, out, fresh.id, timeMs, who));
    const ids = new Set(out.map((a) => a.id));
    const part: Held = { incident: fresh, openers: h.openers.filter((id) => ids.has(id)), lastActiveMs: nowMs };
    h.openers = h.openers.filter((id) => !ids.has(id));
    h.apart = [...(h.apart ?? []), fresh.id];
    part.apart = [h.incident.id];
    held.set(fresh.id, part);
    change(fresh.id, by.splitOff(fresh, h.incident.id, timeMs, who), "opened");
    own(part);
  }
  /** A silence, a calendar or a suppression. */
  function coverOf(a: Anomaly): Cover | undefined {
    const silence = quiet.covering(a, nowMs, "mute");
    if (!silence) return options.covered?.(a, nowMs);
    return { id: silence.id, untilMs: silence.endsMs, text: by.said("silenced", silence.by, silence.comment) };
  }
  /** Incidents of which all that tells is covered page nobody, for as long as it is. */
  function mute() {
    for (const h of ordered()) {
      if (h.incident.state === "resolved" || (quiet.size === 0 && !options.covered && !h.incident.muted)) continue;
      const telling = active(h).filter((a) => !benign(a));
      let shortest: Cover | undefined;
      for (const a of telling.length > 0 ? telling : h.incident.anomalies) {
        const cover = coverOf(a);
        if (!cover) {
          shortest = undefined;
          break;
        }
        if (!shortest || cover.untilMs < shortest.untilMs) shortest = cover;
      }
      change(h.incident.id, by.muted(h.incident, shortest, nowMs));
    }
  }
  /** The last word on what it was: whether it counts against the budget. */
  function label(h: Held, record: LabelRecord) {
    const before = h.incident;
    change(before.id, by.labelled(before, record));
    if (h.incident.state === "resolved") luck.judged(before, h.incident);
  }
  const touches = (incident: Incident, c: ChangeEvent) => incident.entities.some((e) => near(e, c.entity));
  function sameAgain(h: Held, group: readonly Anomaly[]): boolean {
    if (nowMs - (h.incident.times.resolvedMs ?? 0) > reopenMs) return false;
    const known = new Set(h.incident.anomalies.map((a) => `${a.entity}/${a.series}`));
    if (h.incident.mergedInto !== undefined) return false;
    const again = group.filter((a) => known.has(`${a.entity}/${a.series}`));
    return totalWeight(again, weigh) >= SAME_AGAIN * totalWeight(group, weigh);
  }

  function settle() {
    for (const h of ordered()) {
      const { id, state, times } = h.incident;
      if (state === "resolved") {
        if (nowMs <= Math.max((times.resolvedMs ?? 0) + reopenMs, h.keepUntilMs ?? 0)) continue;
        for (const a of h.incident.anomalies) if (owner.get(a.id) === id) owner.delete(a.id);
        held.delete(id);
        dirty.add(id);
        continue;
      }
      const now = active(h);
      const before = h.lastActiveMs;
      for (const a of h.incident.anomalies)
        if (h.openers.includes(a.id)) h.lastActiveMs = Math.max(h.lastActiveMs, Math.min(nowMs, a.endMs ?? nowMs));
      const weighty = totalWeight(now, weigh) >= minEvidence / 2 && !luck.explains(now);
      if (weighty || now.some((a) => h.openers.includes(a.id))) {
        h.lastActiveMs = nowMs;
      } else if (nowMs - h.lastActiveMs >= quietMs && !h.byHand) {
        change(id, life.resolve(h.incident, h.lastActiveMs, 2 * windowMs), "resolved");
        if (h.evidence !== undefined) luck.over(h.incident, h.evidence);
        delete h.evidence; // once, however often it is reopened
      }
      if (h.lastActiveMs !== before) dirty.add(id);
    }
    for (const a of pending.values())
      if (a.endMs !== null && nowMs - a.endMs > joinMs) {
        pending.delete(a.id);
        rare.cameToNothing(a, nowMs);
      }
    quiet.forget(nowMs);
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
      if (a.endMs !== null && id !== undefined) luck.learn(a, held.get(id));
      if (id !== undefined) {
        const list = updates.get(id);
        if (list) list.push(a);
        else updates.set(id, [a]);
      } else if (quiet.size > 0 && quiet.covering(a, Math.max(nowMs, a.detectedMs), "ignore")) pending.delete(a.id);
      else if (a.endMs === null || pending.has(a.id)) {
        if (a.endMs !== null) luck.learn(a);
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
      if (c.kind === "silence") return quiet.put(c.silence) ? c.silence : undefined;
      if (c.kind === "unsilence") return quiet.end(c.silenceId, c.timeMs, c.by);
      const about = "incidentId" in c ? c.incidentId : c.kind === "label" ? c.record.incidentId : undefined;
      if (about === undefined) return undefined;
      // What is long over comes with the decision, and stays a while for the next one.
      if (!held.has(about) && "incident" in c && c.incident?.id === about && c.incident.system === system)
        held.set(about, { incident: c.incident, openers: [], lastActiveMs: c.incident.times.resolvedMs ?? c.timeMs });
      const h = held.get(about);
      if (!h) return undefined;
      if (h.incident.state === "resolved") h.keepUntilMs = Math.max(nowMs, c.timeMs) + reopenMs;
      dirty.add(about);
      if (c.kind === "acknowledge") change(about, life.acknowledge(h.incident, c.timeMs, c.by));
      else if (c.kind === "resolve") {
        delete h.byHand;
        change(about, by.resolved(h.incident, c.timeMs, c.by, c.note), "resolved");
      } else if (c.kind === "reopen" && h.incident.state === "resolved" && h.incident.mergedInto === undefined) {
        Object.assign(h, { byHand: true, lastActiveMs: Math.max(nowMs, c.timeMs) });
        change(about, life.reopen(h.incident, c.timeMs, by.said("reopened", c.by, c.note)), "reopened");
        own(h);
      } else if (c.kind === "label") label(h, c.record);
      else if (c.kind === "merge") {
        const into = held.get(c.into);
        if (into && into !== h && h.incident.mergedInto === undefined && into.incident.mergedInto === undefined)
          merge(h, into, c.timeMs, c.by);
      } else if (c.kind === "split" && h.incident.state !== "resolved") split(h, c.entities, c.timeMs, c.by);
      return undefined;
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
      luck.pass(nowMs, rows);
      rows = 0;
      join();
      openGroups();
      mergeConnected();
      settle();
      mute();
      return drain();
    },
    drain,
    budget: luck.budget,
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
      for (const [name, part] of Object.entries(parts)) part.snapshot(scoped(put, name), full);
      luck.snapshot(scoped(put, "budget"));
    },
    restore(chunks) {
      for (const bytes of scopedChunks(chunks, "incident").values()) {
        const h = fromChunk<Held>(bytes);
        held.set(h.incident.id, h);
        own(h);
      }
      for (const [name, part] of Object.entries(parts)) part.restore(scopedChunks(chunks, name));
      luck.restore(scopedChunks(chunks, "budget"));
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
