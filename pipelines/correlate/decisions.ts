/** What people decide about an incident, and what becomes of it then: pure transitions from record to record. */

import type { LabelRecord } from "../core/incident-decisions.ts";
import type { Anomaly, Incident } from "../core/records.ts";
import { stateEntry, withTimeline } from "./incident-state.ts";
import type { Cover, FloodLimits } from "./types.ts";

export const DIGEST_LABEL = "digest";
const NOTE_CHARS = 1000;

/** `resolved by ann: was the backup` */
export const said = (what: string, who: string, note = ""): string =>
  `${what}${who === "" ? "" : ` by ${who}`}${note === "" ? "" : `: ${note.slice(0, NOTE_CHARS)}`}`;

export function resolved(incident: Incident, timeMs: number, who: string, note: string): Incident {
  if (incident.state === "resolved") return incident;
  const { detectedMs, acknowledgedMs, mitigatedMs } = incident.times;
  const resolvedMs = Math.max(timeMs, detectedMs, acknowledgedMs ?? 0, mitigatedMs ?? 0);
  return withTimeline({ ...incident, state: "resolved", times: { ...incident.times, resolvedMs } }, [
    stateEntry(resolvedMs, said("resolved", who, note)),
  ]);
}

export function labelled(incident: Incident, { label, by, atMs, note }: LabelRecord): Incident {
  const verdict = { label, by, atMs, note: note.slice(0, NOTE_CHARS) };
  return withTimeline({ ...incident, verdict }, [stateEntry(atMs, said(`called ${label}`, by, note))]);
}

/** It is resolved here; its anomalies go with it. */
export function mergedInto(incident: Incident, into: string, timeMs: number, who: string): Incident {
  const over = incident.state === "resolved" ? incident : resolved(incident, timeMs, "", "");
  const { timeline } = incident;
  return withTimeline({ ...over, timeline, mergedInto: into }, [stateEntry(timeMs, said(`merged into ${into}`, who))]);
}

/** The other side of a merge: `incident` has the anomalies already. */
export function takingIn(incident: Incident, from: Incident, timeMs: number, who: string): Incident {
  const times = {
    ...incident.times,
    faultStartMs: Math.min(incident.times.faultStartMs, from.times.faultStartMs),
    detectedMs: Math.min(incident.times.detectedMs, from.times.detectedMs),
  };
  return withTimeline({ ...incident, times }, [stateEntry(timeMs, said(`took in ${from.id}`, who))]);
}

export function without(
  incident: Incident,
  out: readonly Anomaly[],
  into: string,
  timeMs: number,
  who: string,
): Incident {
  const gone = new Set(out.map((a) => a.id));
  const anomalies = incident.anomalies.filter((a) => !gone.has(a.id));
  const left = new Set(anomalies.map((a) => a.entity));
  const lost = new Set(out.map((a) => a.entity));
  const entities = incident.entities.filter((e) => left.has(e) || !lost.has(e));
  return withTimeline({ ...incident, anomalies, entities }, [
    stateEntry(timeMs, said(`${[...lost].sort().join(", ")} split off as ${into}`, who)),
  ]);
}

export const splitOff = (incident: Incident, from: string, timeMs: number, who: string): Incident =>
  withTimeline(incident, [
    stateEntry(Math.max(timeMs, incident.times.detectedMs), said(`split off from ${from}`, who)),
  ]);

/** Sets or takes away the mark that nobody is to be paged. The same record where nothing changes. */
export function muted(incident: Incident, cover: Cover | undefined, timeMs: number): Incident {
  const { muted: before, ...rest } = incident;
  if (cover === undefined)
    return before === undefined
      ? incident
      : withTimeline(rest, [stateEntry(timeMs, `no longer covered by ${before.silenceId}`)]);
  if (before?.silenceId === cover.id && before.untilMs === cover.untilMs) return incident;
  const next = { ...rest, muted: { silenceId: cover.id, untilMs: cover.untilMs } };
  if (before?.silenceId === cover.id) return next;
  return withTimeline(next, [stateEntry(timeMs, cover.text ?? `covered by ${cover.id}`)]);
}

/** An incident that collects what comes on top of too many. */
export function asDigest(incident: Incident, { incidents, perMs }: FloodLimits, timeMs: number): Incident {
  const text = `${incidents} incidents within ${Math.round(perMs / 60_000)} min: what else comes is collected here`;
  return withTimeline({ ...incident, labels: [...incident.labels, DIGEST_LABEL], digest: { groups: 1 } }, [
    stateEntry(timeMs, text),
  ]);
}

/** One group of anomalies more. */
export function counted(incident: Incident, timeMs: number): Incident {
  const groups = (incident.digest?.groups ?? 0) + 1;
  const entry = stateEntry(timeMs, `${groups} groups of anomalies so far`);
  return withTimeline({ ...incident, digest: { groups } }, groups % 10 === 0 ? [entry] : []);
}
