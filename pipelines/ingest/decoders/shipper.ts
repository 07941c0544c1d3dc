/** What log shippers share: where their records say who logged, how bad it is, and where it ran. */
import type { RawRecord } from "../../core/records.ts";
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes } from "../../core/tables.ts";
import { fieldAt, firstAt, logAttributes, plainText, textAt } from "./json-lines.ts";
import { BadRow, type JsonObject } from "./otlp-json.ts";
import { idOf, severityOf } from "./otlp-rows.ts";
import { resourceOf, timeOf } from "./plain.ts";

const SERVICE = ["service.name", "service", "service_name"];
const HOST = ["host.name", "host.hostname", "host", "hostname", "_HOSTNAME", "agent.hostname", "beat.hostname"];
const LEVEL = ["log.level", "level", "severity", "loglevel", "levelname"];
const TRACE = ["trace.id", "trace_id", "traceId"];
/** Resource attributes by where Kubernetes metadata stands: Fluent Bit's filter, Beats' processor. */
const KUBERNETES: readonly (readonly [attribute: string, ...paths: string[]])[] = [
  ["k8s.pod.name", "kubernetes.pod_name", "kubernetes.pod.name"],
  ["k8s.namespace.name", "kubernetes.namespace_name", "kubernetes.namespace"],
  ["k8s.container.name", "kubernetes.container_name", "kubernetes.container.name"],
  ["k8s.node.name", "kubernetes.host", "kubernetes.node.name"],
];
const WORD = /\b(?:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|fatal|crit(?:ical)?|emerg(?:ency)?|alert|panic)\b/i;
/** syslog's 0 (emergency) to 7 (debug) as OpenTelemetry's numbers. */
const SYSLOG = [21, 19, 18, 17, 13, 10, 9, 5];

/** Whom a record is about; without a word of it, its source. */
export function shipperResource(row: JsonObject, source: string): Attributes {
  const out: Record<string, string> = {};
  for (const [attribute, ...paths] of KUBERNETES) {
    const value = textAt(row, ...paths);
    if (value !== "") out[attribute] = value;
  }
  const service = textAt(row, ...SERVICE);
  const host = textAt(row, ...HOST);
  const container = textAt(row, "container.name", "container_name");
  if (container !== "" && out["k8s.pod.name"] === undefined) out["container.name"] = container;
  for (const [attribute, path] of [
    ["service.version", "service.version"],
    ["service.instance.id", "service.node.name"],
  ] as const) {
    const value = textAt(row, path);
    if (value !== "" && service !== "") out[attribute] = value;
  }
  return resourceOf(service, host, "", source, out);
}

/** A record's level: its own field, or syslog's PRIORITY as systemd has it; 0 when it says nothing. */
export function shipperSeverity(row: JsonObject): number {
  const level = firstAt(row, LEVEL);
  if (level !== undefined) return severityOf(typeof level === "number" ? level : 0, String(level));
  const priority = textAt(row, "PRIORITY");
  return /^[0-7]$/.test(priority) ? (SYSLOG[Number(priority)] as number) : 0;
}

/** The first level word near a line's beginning. */
export const severityIn = (line: string): number => severityOf(0, WORD.exec(line.slice(0, 100))?.[0] ?? "");

/** Event time; arrival when the field is missing. */
export const shipperTime = (row: JsonObject, keys: readonly string[], record: RawRecord): number => {
  const time = firstAt(row, keys);
  return time === undefined ? record.ingestTimeMs : timeOf(time);
};

/** Fields that a line's attributes leave out, with all below them: bookkeeping of the shipper, and what became the resource. */
const BOOKKEEPING = new Set([
  "@metadata",
  "@version",
  "agent",
  "beat",
  "ecs",
  "input",
  "prospector",
  "offset",
  "kubernetes",
  "host",
  "elastic_agent",
  "data_stream",
]);

/** A record as a log line. @throws BadRow without a body */
export function shipperLog(
  row: JsonObject,
  bodies: readonly string[],
  times: readonly string[],
  record: RawRecord,
  sink: SignalSink,
): void {
  const body = firstAt(row, bodies);
  if (body === undefined) throw new BadRow(`none of ${bodies.join(", ")}`);
  const text = plainText(body);
  const rest = Object.fromEntries(Object.entries(row).filter(([key]) => !BOOKKEEPING.has(key)));
  const used = new Set([...bodies, ...times, ...SERVICE, ...HOST, ...LEVEL, ...TRACE, "PRIORITY"]);
  const entityId = sink.entity(shipperResource(row, record.source));
  const traceId = idOf(textAt(row, ...TRACE).toLowerCase(), 32);
  const timeMs = shipperTime(row, times, record);
  sink.log(
    entityId,
    timeMs,
    shipperSeverity(row),
    text.replace(/\r?\n$/, ""),
    logAttributes(rest, used, sink),
    traceId,
  );
}

export const has = (row: JsonObject, path: string): boolean => fieldAt(row, path) !== undefined;
