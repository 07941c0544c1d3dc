import type { Incident } from "../core/records.ts";

const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/**
 * Incidents as training reads them: one row for each entity that showed it, half-open in event time; one that is not over
 * ends with its last anomaly. Oldest first. Header `start,end,entity,cause`; the cause is the first suspect, or what
 * somebody noted.
 */
export function feedbackCsv(incidents: readonly Incident[]): string {
  const rows = ["start,end,entity,cause"];
  const sorted = [...incidents].sort((a, b) => a.times.faultStartMs - b.times.faultStartMs || (a.id < b.id ? -1 : 1));
  for (const { times, anomalies, entities, verdict, diagnosis } of sorted) {
    const last = Math.max(times.detectedMs, ...anomalies.map((a) => a.endMs ?? a.detectedMs));
    const endMs = Math.max(times.faultStartMs + 1, times.resolvedMs ?? last);
    const cause = verdict?.note || (diagnosis && !diagnosis.inconclusive ? (diagnosis.suspects[0]?.name ?? "") : "");
    const shown = anomalies.length > 0 ? [...new Set(anomalies.map((a) => a.entity))].sort() : entities;
    for (const entity of shown)
      rows.push(
        [new Date(times.faultStartMs).toISOString(), new Date(endMs).toISOString(), entity, cause].map(cell).join(","),
      );
  }
  return `${rows.join("\n")}\n`;
}
