/** One incident's life: pure transitions from record to record. Times never run backwards. */
import { createHash } from "node:crypto";
import type { Anomaly, ChangeEvent, Diagnosis, Incident, TimelineEntry } from "../core/records.ts";
import { isSelf, SELF_LABEL } from "../core/self.ts";
import { byStart, byStrength, isSymptom } from "./evidence.ts";

export const MAX_ANOMALIES = 100;
export const MAX_TIMELINE = 200;

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * `INC-` and 8 base32 characters (40 bits of SHA-1): the same over every replay. `origin`: what it was split off from, and
 * when, for the anomalies may have had an incident of their own before.
 */
export function incidentId(system: string, first: Anomaly, origin = ""): string {
  const digest = createHash("sha1").update(`${system}|${first.id}|${first.startMs}${origin}`).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 5)) bits = (bits << 8n) | BigInt(byte);
  let out = "";
  for (let i = 7; i >= 0; i--) out += BASE32[Number((bits >> BigInt(5 * i)) & 31n)];
  return `INC-${out}`;
}

/** Old entries in the middle go first: how it began and what is new both stay. */
export function withTimeline(incident: Incident, entries: readonly TimelineEntry[]): Incident {
  if (entries.length === 0) return incident;
  const all = [...incident.timeline, ...entries].sort((a, b) => a.timeMs - b.timeMs);
  const keep = MAX_TIMELINE / 4;
  const timeline = all.length <= MAX_TIMELINE ? all : [...all.slice(0, keep), ...all.slice(keep - MAX_TIMELINE)];
  return { ...incident, timeline };
}

export const stateEntry = (timeMs: number, text: string): TimelineEntry => ({
  timeMs,
  kind: "state",
  entity: "",
  text,
});

const anomalyEntry = (a: Anomaly): TimelineEntry => ({
  timeMs: a.detectedMs,
  kind: "anomaly",
  entity: a.entity,
  text: `${a.series} ${a.direction}: ${a.why}`,
});

export const changeEntry = (c: ChangeEvent): TimelineEntry => ({
  timeMs: c.timeMs,
  kind: "change",
  entity: c.entity,
  text: c.detail === "" ? c.kind : `${c.kind}: ${c.detail}`,
});

const SEVERITIES = ["minor", "major", "critical"] as const;

/**
 * `critical`: users are failed (errors or silence at an entity nobody calls, half of all requests failing somewhere, or
 * symptoms on three entities, one of them not just slow); `major`: any symptom; `minor`: only a resource. Never lowered.
 */
export function severityOf(
  anomalies: readonly Anomaly[],
  isEntry: (entity: string) => boolean,
  before: Incident["severity"],
): Incident["severity"] {
  // Users feel nothing of it yet.
  if (anomalies.every((a) => isSelf(a.entity))) return before;
  const symptoms = anomalies.filter(isSymptom);
  const hard = symptoms.filter((a) => a.family !== "latency");
  const half = hard.some((a) => a.series.includes("error_ratio") && a.value >= 0.5);
  const wide = hard.length > 0 && new Set(symptoms.map((a) => a.entity)).size >= 3;
  const now = half || wide || hard.some((a) => isEntry(a.entity)) ? 2 : symptoms.length > 0 ? 1 : 0;
  return SEVERITIES[Math.max(now, SEVERITIES.indexOf(before))] as Incident["severity"];
}

const bounded = (anomalies: readonly Anomaly[]): Anomaly[] =>
  [...anomalies].sort(byStrength).slice(0, MAX_ANOMALIES).sort(byStart);
const entitiesOf = (anomalies: readonly Anomaly[], before: readonly string[]): string[] =>
  [...new Set([...before, ...anomalies.map((a) => a.entity)])].sort().slice(0, MAX_ANOMALIES);

/** A new incident from a group that met the rule; `anomalies` is not empty. */
export function openIncident(
  system: string,
  anomalies: readonly Anomaly[],
  nowMs: number,
  isEntry: (entity: string) => boolean,
  origin?: string,
): Incident {
  const sorted = [...anomalies].sort(byStart);
  const first = sorted[0] as Anomaly;
  const incident: Incident = {
    id: incidentId(system, first, origin),
    version: 1,
    system,
    state: "open",
    severity: severityOf(sorted, isEntry, "minor"),
    times: {
      faultStartMs: Math.min(first.startMs, nowMs),
      detectedMs: nowMs,
      acknowledgedMs: null,
      mitigatedMs: null,
      verifiedMs: null,
      resolvedMs: null,
    },
    reopened: 0,
    entities: entitiesOf(sorted, []),
    anomalies: bounded(sorted),
    diagnosis: null,
    timeline: [],
    labels: sorted.every((a) => isSelf(a.entity)) ? [SELF_LABEL] : [],
  };
  return withTimeline(incident, [...sorted.map(anomalyEntry), stateEntry(nowMs, "opened")]);
}

/** Takes in new anomalies and newer versions of known ones. */
export function absorb(
  incident: Incident,
  anomalies: readonly Anomaly[],
  isEntry: (entity: string) => boolean,
): Incident {
  const all = new Map(incident.anomalies.map((a) => [a.id, a]));
  const entries: TimelineEntry[] = [];
  for (const a of [...anomalies].sort(byStart)) {
    if (!all.has(a.id)) entries.push(anomalyEntry(a));
    else if (a.endMs !== null)
      entries.push({ timeMs: a.endMs, kind: "anomaly", entity: a.entity, text: `${a.series} back to normal` });
    all.set(a.id, a);
  }
  const list = [...all.values()];
  return withTimeline(
    {
      ...incident,
      severity: severityOf(list, isEntry, incident.severity),
      entities: entitiesOf(anomalies, incident.entities),
      anomalies: bounded(list),
    },
    entries,
  );
}

export function acknowledge(incident: Incident, timeMs: number, by: string): Incident {
  if (incident.state !== "open") return incident;
  const at = Math.max(timeMs, incident.times.detectedMs);
  const times = { ...incident.times, acknowledgedMs: incident.times.acknowledgedMs ?? at };
  return withTimeline({ ...incident, state: "acknowledged", times }, [stateEntry(at, `acknowledged by ${by}`)]);
}

/** A repair was carried out; the last one counts. */
export function mitigate(incident: Incident, timeMs: number): Incident {
  if (incident.state === "resolved") return incident;
  const { detectedMs, acknowledgedMs } = incident.times;
  const at = Math.max(timeMs, detectedMs, acknowledgedMs ?? 0);
  const times = { ...incident.times, mitigatedMs: at };
  return withTimeline({ ...incident, state: "mitigating", times }, [stateEntry(at, "repair carried out")]);
}

/** `overMs`: when its last anomaly closed. It counts as verified when a repair came before that (`slackMs` allowed). */
export function resolve(incident: Incident, overMs: number, slackMs: number): Incident {
  const { detectedMs, acknowledgedMs, mitigatedMs } = incident.times;
  const resolvedMs = Math.max(overMs, detectedMs, acknowledgedMs ?? 0, mitigatedMs ?? 0);
  const verified = mitigatedMs !== null && mitigatedMs <= overMs + slackMs;
  const times = { ...incident.times, resolvedMs, verifiedMs: verified ? resolvedMs : null };
  return withTimeline({ ...incident, state: "resolved", times }, [
    stateEntry(resolvedMs, verified ? "resolved after the repair" : "resolved"),
  ]);
}

/** It came back: the repair, if any, did not last. */
export function reopen(incident: Incident, timeMs: number, text: string): Incident {
  const times = { ...incident.times, mitigatedMs: null, verifiedMs: null, resolvedMs: null };
  return withTimeline({ ...incident, state: "open", times, reopened: incident.reopened + 1 }, [
    stateEntry(timeMs, text),
  ]);
}

/** Suspects change as data comes in; the timeline says so only when the first one does. */
export function diagnosed(incident: Incident, diagnosis: Diagnosis, timeMs: number): Incident {
  const before = incident.diagnosis;
  const same =
    before?.suspects[0]?.name === diagnosis.suspects[0]?.name && before?.inconclusive === diagnosis.inconclusive;
  const entry: TimelineEntry = {
    timeMs,
    kind: "diagnosis",
    entity: diagnosis.suspects[0]?.name ?? "",
    text: diagnosis.headline,
  };
  return withTimeline({ ...incident, diagnosis }, before && same ? [] : [entry]);
}
