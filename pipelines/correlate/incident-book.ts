/** The incidents at hand: which anomaly is whose, and what has changed since it was last asked. */
import type { Anomaly, Incident } from "../core/records.ts";
import { fromChunk, scopedChunks, toChunk } from "../core/stage.ts";
import { absorb } from "./incident-state.ts";
import type { IncidentEvent } from "./types.ts";

export interface Held {
  incident: Incident;
  /** Those that opened it hold it open, however weak they get. */
  openers: string[];
  lastActiveMs: number;
  /** Opened by evidence, and not yet over once: then the budget learns of it. */
  fresh?: true;
  /** Touched by a person after it was over: kept until then. */
  keepUntilMs?: number;
  /** Reopened by a person: open until new evidence comes, or a person ends it. */
  byHand?: true;
  /** Split: never joined again by itself. */
  apart?: string[];
  /** Joined with another one by a person: never split by itself. */
  joined?: true;
  /** Since when a part of it is known to have nothing to do with the rest. */
  strangeMs?: number;
  /** Of its anomalies, those that ended and were counted as chance. */
  learned?: number;
}

export const MOST_OPENERS = 200;
const RANK = { updated: 0, resolved: 1, reopened: 2, opened: 3 } as const;

export type IncidentBook = ReturnType<typeof incidentBook>;

/** Those of its anomalies that have not ended. */
export const active = (h: Held): Anomaly[] => h.incident.anomalies.filter((a) => a.endMs === null);

/** `isEntry`: nobody calls that entity. */
export function incidentBook(isEntry: (entity: string) => boolean) {
  const held = new Map<string, Held>();
  const owner = new Map<string, string>();
  let events = new Map<string, IncidentEvent["kind"]>();
  const dirty = new Set<string>();

  /** By detection, oldest first. */
  const ordered = () =>
    [...held.values()].sort(
      (a, b) => a.incident.times.detectedMs - b.incident.times.detectedMs || (a.incident.id < b.incident.id ? -1 : 1),
    );
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
  return {
    get: (id: string) => held.get(id),
    has: (id: string) => held.has(id),
    ordered,
    /** Those that take in what comes: neither over nor a digest. */
    open: () => ordered().filter((h) => h.incident.state !== "resolved" && !h.incident.digest),
    put: (h: Held) => void held.set(h.incident.id, h),
    drop(h: Held) {
      const { id, anomalies } = h.incident;
      for (const a of anomalies) if (owner.get(a.id) === id) owner.delete(a.id);
      held.delete(id);
      dirty.add(id);
    },
    /** Something about it besides its record has changed. */
    touch: (id: string) => void dirty.add(id),
    /** A new record of it, to be told of. */
    change,
    ownerOf: (anomalyId: string) => owner.get(anomalyId),
    /** Its anomalies are its own, those of `before` no longer. */
    own,
    disown(anomalies: readonly Anomaly[]) {
      for (const a of anomalies) owner.delete(a.id);
    },
    takeIn(h: Held, anomalies: readonly Anomaly[], kind: IncidentEvent["kind"] = "updated") {
      const before = h.incident.anomalies;
      change(h.incident.id, absorb(h.incident, anomalies, isEntry), kind);
      own(h, before);
    },
    /** What is over takes it in as well; nobody needs to be told. */
    takeInSilently(h: Held, anomalies: readonly Anomaly[]) {
      const before = h.incident.anomalies;
      h.incident = absorb(h.incident, anomalies, isEntry);
      dirty.add(h.incident.id);
      own(h, before);
    },
    drain(): IncidentEvent[] {
      const out: IncidentEvent[] = [];
      for (const [id, kind] of [...events].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const h = held.get(id);
        if (!h) continue;
        if (kind !== "opened") h.incident = { ...h.incident, version: h.incident.version + 1 };
        out.push({ kind, incident: h.incident });
      }
      events = new Map();
      return out;
    },
    /** One chunk an incident; the events not yet told are the caller's to keep. */
    snapshot(put: (key: string, bytes: Uint8Array | undefined) => void, full = false) {
      if (full) for (const id of held.keys()) dirty.add(id);
      for (const id of [...dirty].sort()) put(`incident/${id}`, held.has(id) ? toChunk(held.get(id)) : undefined);
      dirty.clear();
    },
    untold: () => [...events],
    restore(chunks: ReadonlyMap<string, Uint8Array>, untold: readonly (readonly [string, IncidentEvent["kind"]])[]) {
      for (const bytes of scopedChunks(chunks, "incident").values()) {
        const h = fromChunk<Held>(bytes);
        held.set(h.incident.id, h);
        // One that was merged shows what it had; it is the other's now.
        if (h.incident.mergedInto === undefined) own(h);
      }
      events = new Map(untold);
    },
  };
}
