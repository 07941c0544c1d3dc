/** Anomalies to incidents: few, stable, and opened only on evidence that an engineer would accept. */
import type { Anomaly, ChangeEvent, Incident } from "../core/records.ts";
import { isSelf, SELF_LABEL } from "../core/self.ts";
import { fromChunk, scoped, scopedChunks, toChunk } from "../core/stage.ts";
import { callGraph } from "./call-graph.ts";
import { chance } from "./chance.ts";
import { coOccurrence } from "./co-occurrence.ts";
import { commonMode } from "./common-mode.ts";
import { control } from "./control.ts";
import { asDigest, counted } from "./decisions.ts";
import { benign, byStart, byStrength, isGrave, totalWeight, weightOf } from "./evidence.ts";
import { floodGate } from "./flood.ts";
import { groups } from "./groups.ts";
import { habits } from "./habits.ts";
import { active, type Held, incidentBook, MOST_OPENERS } from "./incident-book.ts";
import * as life from "./incident-state.ts";
import { mergeSplit } from "./merge-split.ts";
import { muteCovered } from "./muting.ts";
import { rarity } from "./rarity.ts";
import { silences } from "./silences.ts";
import type { Correlator, CorrelatorOptions, IncidentEvent } from "./types.ts";

export type { Correlator, CorrelatorOptions, Cover, IncidentEvent } from "./types.ts";

const CHANGES = 100;
const CHANGE_MS = 600_000;
/** Share of the evidence that the old incident must have shown too. */
const SAME_AGAIN = 0.6;
/** A stall of the whole machine is no incident of a service, until it has stayed so many times as long as others must. */
const STALL_FACTOR = 3;
/** Entities, of those that opened it, that are remembered as breaking together. */
const TOGETHER = 3;

/** Memory: pending anomalies, incidents until `reopenMs` after they resolve, the call graph; all bounded. */
export function correlator(options: CorrelatorOptions): Correlator {
  const { system, windowMs, minEvidence = 1.5, quietMs = 60_000, reopenMs = 600_000, maxPending = 5000 } = options;
  const { sustainMs = 8 * windowMs, confirmMs = 4 * windowMs, joinMs = 20 * windowMs } = options;
  const { confirmErrorsMs = 6 * windowMs, topology = [], flood: floodLimits = {}, falseIncidentsPerWeek } = options;
  const parts = {
    graph: callGraph(topology),
    rare: rarity(joinMs),
    habit: habits(),
    together: coOccurrence(),
    quiet: silences(),
    flood: floodGate(floodLimits),
  };
  const { graph, rare, habit, together, quiet, flood } = parts;
  const weigh = (a: Anomaly) => weightOf(a) * rare.of(a, nowMs);
  const rule = { minEvidence, sustainMs, confirmMs, confirmErrorsMs, weigh };
  const luck = chance({ falseIncidentsPerWeek, joinMs, windowMs, rare, habit, rule, nowMs: () => nowMs });
  let rows = 0;
  const pending = new Map<string, Anomaly>();
  /** When those of them that a habit covers last were. */
  const covered = new Map<string, number>();
  const updates = new Map<string, Anomaly[]>();
  let changes: ChangeEvent[] = [];
  let nowMs = 0;
  const isEntry = (entity: string) => graph.size === 0 || !graph.called(entity);
  const book = incidentBook(isEntry);
  const { change, ordered } = book;

  const linked = (a: string, b: string) => !together.empty && together.linked(a, b, nowMs);
  const close = (a: string, b: string) => a === b || graph.near(a).has(b) || linked(a, b);
  const near = (a: string, b: string) => isSelf(a) === isSelf(b) && (!graph.has(a) || !graph.has(b) || close(a, b));
  const joint = mergeSplit({
    book,
    system,
    joinMs,
    nowMs: () => nowMs,
    isEntry,
    close,
    strange: (a, b) => !near(a, b),
    admits: (group) => luck.admits(group, patienceFor(group)),
    apartMs: sustainMs,
  });
  function patienceFor(group: readonly Anomaly[]) {
    return { ids: commonMode(graph, group, 3 * windowMs), factor: STALL_FACTOR };
  }
  const decisions = { book, joint, quiet, system, reopenMs, judged: luck.judged };
  const covers = { book, quiet, covered: options.covered };
  /** Known to hang together, not just not known to be apart. */
  const related = (a: string, b: string) => a === b || linked(a, b) || (graph.has(a) && graph.near(a).has(b));
  /** Where it broke: what joined by its time alone takes nothing in after it, or an incident amid much noise never ends. */
  const coreOf = (h: Held) => [
    ...new Set(h.incident.anomalies.filter((a) => h.openers.includes(a.id)).map((a) => a.entity)),
  ];
  /** Once the rate of chance is known, what nobody knows to be related joins an incident only as it begins. */
  const inTime = (h: Held, a: Anomaly) => !luck.known() || a.detectedMs <= h.incident.times.detectedMs + joinMs;

  function join() {
    const open = book.open();
    const joined = new Map<string, Anomaly[]>();
    for (const a of [...pending.values()].sort(byStart)) {
      const h = open.find(
        (o) =>
          a.detectedMs >= o.incident.times.faultStartMs - joinMs &&
          (inTime(o, a)
            ? o.incident.entities.some((e) => near(e, a.entity))
            : coreOf(o).some((e) => near(e, a.entity) && related(e, a.entity))),
      );
      if (!h) continue;
      joined.set(h.incident.id, [...(joined.get(h.incident.id) ?? []), a]);
      pending.delete(a.id);
    }
    for (const [id, list] of updates) joined.set(id, [...list, ...(joined.get(id) ?? [])]);
    updates.clear();
    for (const id of [...joined.keys()].sort()) {
      const h = book.get(id);
      if (!h) continue;
      const list = joined.get(id) as Anomaly[];
      if (h.incident.state === "resolved") book.takeInSilently(h, list);
      else {
        book.takeIn(h, list);
        delete h.byHand;
      }
    }
  }

  function openGroups() {
    const alive = [...pending.values()].filter((a) => a.endMs === null);
    // What fails gravely is told however often it does.
    for (const a of alive) if (!isGrave(a) && habit.has(a, nowMs)) covered.set(a.id, nowMs);
    const sinceMs = nowMs - Math.max(joinMs, sustainMs + windowMs);
    const fresh = alive.filter((a) => {
      const coveredMs = covered.get(a.id) ?? 0;
      return coveredMs !== nowMs && Math.max(a.detectedMs, coveredMs) >= sinceMs;
    });
    for (const group of groups(graph, fresh.sort(byStart), together.empty ? undefined : linked)) {
      const now = group.filter((a) => pending.has(a.id));
      if (now.length === 0) continue;
      const ended = [...pending.values()].filter((a) => a.endMs !== null && nowMs - a.startMs <= joinMs);
      if (!luck.admits(now, patienceFor([...now, ...ended]))) continue;
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
        book.own(again, before);
      } else if (digest && flood.full(nowMs)) {
        book.takeIn(digest, all);
        change(digest.incident.id, counted(digest.incident, nowMs));
        Object.assign(digest, { openers: [...digest.openers, ...openers].slice(-MOST_OPENERS), lastActiveMs: nowMs });
      } else {
        const fault = all.filter((a) => !benign(a) && weightOf(a) >= 0.1);
        const incident = life.openIncident(system, fault.length > 0 ? fault : all, nowMs, isEntry);
        const before = changes.filter(
          (c) => c.timeMs >= incident.times.faultStartMs - CHANGE_MS && touches(incident, c),
        );
        const h: Held = { incident, openers, lastActiveMs: nowMs, fresh: true };
        book.put(h);
        const full = flood.full(nowMs) && !incident.labels.includes(SELF_LABEL);
        const opened = full ? asDigest(incident, flood.limits, nowMs) : { ...incident };
        change(incident.id, life.withTimeline(opened, before.map(life.changeEntry)), "opened");
        book.own(h);
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
        book.drop(h);
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
        if (h.fresh) luck.over(h);
        delete h.fresh; // once, however often it is reopened
      }
      if (h.lastActiveMs !== before) book.touch(id);
    }
    for (const a of pending.values())
      if (a.endMs !== null && nowMs - a.endMs > joinMs) {
        pending.delete(a.id);
        rare.cameToNothing(a, nowMs);
      }
    for (const id of covered.keys()) if (!pending.has(id)) covered.delete(id);
    quiet.forget(nowMs);
    if (pending.size > maxPending)
      for (const a of [...pending.values()].sort(byStrength).slice(maxPending)) pending.delete(a.id);
    changes = changes.filter((c) => nowMs - c.timeMs <= CHANGE_MS).slice(-CHANGES);
    graph.forget(nowMs);
  }

  return {
    onAnomaly(a) {
      const id = book.ownerOf(a.id);
      const h = id === undefined ? undefined : book.get(id);
      const told = h ? h.incident.anomalies.find((o) => o.id === a.id) : pending.get(a.id);
      if (a.endMs !== null && told) luck.learn(told, a.endMs, h);
      if (id !== undefined) {
        const list = updates.get(id);
        if (list) list.push(a);
        else updates.set(id, [a]);
      } else if (quiet.size > 0 && quiet.covering(a, Math.max(nowMs, a.detectedMs), "ignore")) pending.delete(a.id);
      else if (a.endMs === null || pending.has(a.id)) {
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
      return control(decisions, c, nowMs);
    },
    markMitigated(id, timeMs) {
      const h = book.get(id);
      if (h) change(id, life.mitigate(h.incident, timeMs));
    },
    setDiagnosis(id, diagnosis, timeMs) {
      const h = book.get(id);
      if (h) change(id, life.diagnosed(h.incident, diagnosis, timeMs));
    },
    addNote(id, entry) {
      const h = book.get(id);
      if (h) change(id, life.withTimeline(h.incident, [entry]));
    },
    advance(watermarkMs) {
      nowMs = Math.max(nowMs, watermarkMs);
      luck.pass(nowMs, rows);
      rows = 0;
      join();
      openGroups();
      joint.mergeConnected();
      joint.separate();
      settle();
      muteCovered(covers, nowMs);
      return book.drain();
    },
    drain: book.drain,
    budget: luck.budget,
    get: (id) => book.get(id)?.incident,
    openIncidents: () =>
      ordered()
        .map((h) => h.incident)
        .filter((i) => i.state !== "resolved"),
    snapshot(put, full) {
      book.snapshot(put, full);
      put(
        "waiting",
        toChunk({
          ...{ nowMs, rows, pending: [...pending.values()], covered: [...covered] },
          ...{ updates: [...updates], changes, events: book.untold() },
        }),
      );
      for (const [name, part] of Object.entries(parts)) part.snapshot(scoped(put, name), full);
      luck.snapshot(scoped(put, "budget"));
    },
    restore(chunks) {
      for (const [name, part] of Object.entries(parts)) part.restore(scopedChunks(chunks, name));
      luck.restore(scopedChunks(chunks, "budget"));
      interface Waiting {
        nowMs: number;
        rows?: number;
        pending: Anomaly[];
        covered?: [string, number][];
        updates: [string, Anomaly[]][];
        changes: ChangeEvent[];
        events: [string, IncidentEvent["kind"]][];
      }
      const bytes = chunks.get("waiting");
      const w = bytes && fromChunk<Waiting>(bytes);
      book.restore(chunks, w?.events ?? []);
      if (!w) return;
      nowMs = w.nowMs;
      rows = w.rows ?? 0;
      changes = w.changes;
      for (const a of w.pending) pending.set(a.id, a);
      for (const [id, ms] of w.covered ?? []) covered.set(id, ms);
      for (const [id, list] of w.updates) updates.set(id, list);
    },
  };
}
