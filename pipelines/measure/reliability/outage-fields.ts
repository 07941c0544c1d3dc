/** Outages from rows that people and tools write: columns by many names, times in many forms. */
import type { OutageRecord } from "../../core/reliability.ts";

const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  id: ["id", "incident", "incidentid", "key", "number"],
  service: ["service", "system", "component", "unit", "name"],
  mode: ["mode", "fault", "cause", "kind", "type", "signature"],
  severity: ["severity", "priority", "sev"],
  start: ["start", "faultstart", "started", "startedat", "begin", "onset", "outagestart", "failedat", "starttime"],
  detected: ["detected", "detectedat", "opened", "openedat", "created", "createdat"],
  acknowledged: ["acknowledged", "acknowledgedat", "acked", "ackedat", "ack"],
  mitigated: ["mitigated", "mitigatedat"],
  resolved: [
    "resolved",
    "resolvedat",
    "end",
    "ended",
    "endedat",
    "closed",
    "closedat",
    "restored",
    "outageend",
    "endtime",
  ],
  change: ["change", "bychange", "causedbychange", "deploy", "changefailure"],
  attempted: ["attempted", "repairsattempted", "attempts"],
  recovered: ["recovered", "repairsverified", "verified", "repaired"],
  ackedWrites: ["acknowledgedwrites", "ackedwrites", "writes"],
  lostWrites: ["lostwrites", "lost"],
  injected: ["injected"],
};

export type OutageColumn = keyof typeof COLUMNS & string;

/** `Fault_Start Ms` and `faultStartMs` are one name; a trailing unit is not part of it. */
const plain = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "")
    .replace(/(ms|utc)$/, "");

/** What each column of a header means; names that mean nothing are left out, the first of two with one meaning counts. */
export function columnsOf(header: readonly string[]): Map<OutageColumn, number> {
  const found = new Map<OutageColumn, number>();
  for (const [column, names] of Object.entries(COLUMNS))
    for (const name of names) {
      const at = header.findIndex((h) => plain(h) === name);
      if (at < 0) continue;
      found.set(column, at);
      break;
    }
  return found;
}

/** Epoch seconds, ms, µs or ns, or ISO 8601 (UTC where no zone is written). NaN for anything else, null for nothing. */
export function timeOf(value: unknown): number | null {
  if (value === null || value === undefined) return null;
  const text = String(value).trim();
  if (text === "" || /^(null|none|nan|na|n\/a|-)$/i.test(text)) return null;
  if (/^[+-]?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text)) {
    const n = Number(text);
    if (!Number.isFinite(n) || n < 0) return Number.NaN;
    return n < 1e11 ? n * 1000 : n < 1e14 ? n : n < 1e17 ? n / 1e3 : n / 1e6;
  }
  const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|[+-]\d\d:?\d\d)?$/i.exec(text);
  if (!iso) return Number.NaN;
  const [, date, time = "00:00", zone = "Z"] = iso;
  return Date.parse(`${date}T${time}${zone.toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, "$1:$2")}`);
}

function flag(value: unknown): boolean | null {
  const text = String(value ?? "")
    .trim()
    .toLowerCase();
  if (/^(true|yes|y|1)$/.test(text)) return true;
  return /^(false|no|n|0)$/.test(text) ? false : null;
}
function number(value: unknown): number | null {
  const text = String(value ?? "").trim();
  const n = Number(text);
  return text !== "" && Number.isFinite(n) && n >= 0 ? n : null;
}

/** The outage of a row, or why it is none. `get` gives the value of a column, undefined where there is none. */
export function outageOf(get: (column: OutageColumn) => unknown, fallbackId: string): OutageRecord | string {
  const times: Record<string, number | null> = {};
  for (const column of ["start", "detected", "acknowledged", "mitigated", "resolved"] as const) {
    const t = timeOf(get(column));
    if (Number.isNaN(t)) return `${column} is ${JSON.stringify(String(get(column)).slice(0, 40))}: no time`;
    times[column] = t;
  }
  const startMs = times.start ?? times.detected;
  if (startMs == null) return "it has neither a start nor a time of detection";
  const resolvedMs = times.resolved ?? null;
  if (resolvedMs !== null && resolvedMs < startMs) return "it was resolved before it began";
  // An earlier detection than the estimated start: the estimate was late.
  const later = (t: number | null | undefined) => (t == null ? null : Math.max(t, startMs));
  const [attempted, recovered] = [get("attempted"), get("recovered")];
  const asCount = (v: unknown) => number(v) ?? (flag(v) === null ? null : Number(flag(v)));
  const [tried, fine] = [asCount(attempted), asCount(recovered)];
  const [acknowledged, lost] = [number(get("ackedWrites")), number(get("lostWrites"))];
  return {
    id: String(get("id") ?? "").trim() || fallbackId,
    service: String(get("service") ?? "").trim(),
    severity: String(get("severity") ?? "")
      .trim()
      .toLowerCase(),
    mode: String(get("mode") ?? "").trim(),
    startMs,
    detectedMs: later(times.detected),
    acknowledgedMs: later(times.acknowledged),
    mitigatedMs: later(times.mitigated),
    resolvedMs,
    byChange: flag(get("change")),
    repairs:
      tried === null && fine === null ? null : { attempted: Math.max(tried ?? 0, fine ?? 0), verified: fine ?? 0 },
    writes: acknowledged === null ? null : { acknowledged, lost: Math.min(acknowledged, lost ?? 0) },
    injected: flag(get("injected")),
  };
}
