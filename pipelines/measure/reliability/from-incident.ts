import type { Action, Incident } from "../../core/records.ts";
import type { OutageRecord } from "../../core/reliability.ts";

/** A change this long before the onset may be its cause. */
const CHANGE_MS = 1_800_000;
const SYMPTOMS: ReadonlySet<string> = new Set(["latency", "errors", "traffic", "other"]);
const CARRIED_OUT = new Set(["executed", "verified", "unverified", "failed"]);

/** What the figures need of an incident and the repairs that belong to it; others are left out. */
export function fromIncident(incident: Incident, actions: readonly Action[]): OutageRecord {
  const { times, diagnosis } = incident;
  const own = actions.filter((a) => a?.plan?.incidentId === incident.id && CARRIED_OUT.has(a.state));
  const suspect = diagnosis?.suspects[0];
  const changed =
    diagnosis == null || suspect === undefined
      ? null
      : diagnosis.changes.some(
          (c) =>
            (c.kind === "deploy" || c.kind === "config") &&
            (c.entity === suspect.name || c.entity.endsWith(`:${suspect.name}`)) &&
            c.timeMs >= diagnosis.onsetMs - CHANGE_MS &&
            c.timeMs <= diagnosis.onsetRangeMs[1],
        ) && suspect.for.some((e) => e.ranker.startsWith("change"));
  return {
    id: incident.id,
    service: suspect?.name ?? incident.entities[0] ?? incident.system,
    severity: incident.severity,
    mode: changed ? "change" : modeOf(incident, suspect?.name),
    startMs: Math.min(times.faultStartMs, times.detectedMs),
    detectedMs: times.detectedMs,
    acknowledgedMs: times.acknowledgedMs,
    mitigatedMs: times.mitigatedMs,
    resolvedMs: times.resolvedMs,
    byChange: changed,
    repairs: { attempted: own.length, verified: own.filter((a) => a.state === "verified").length },
    writes: null,
    injected: null,
  };
}

/** The family of the suspect's strongest anomaly; resources tell more than the symptoms that they cause. */
function modeOf(incident: Incident, suspect: string | undefined): string {
  const own = incident.anomalies.filter(
    (a) => suspect === undefined || a.entity === suspect || a.entity.endsWith(`:${suspect}`),
  );
  const causes = own.filter((a) => !SYMPTOMS.has(a.family));
  const [strongest] = [...(causes.length > 0 ? causes : own)].sort((a, b) => a.p - b.p || (a.id < b.id ? -1 : 1));
  return strongest?.family ?? "";
}
