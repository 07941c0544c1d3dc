/**
 * Logstash's Kafka output. `codec => json`: `@timestamp`, `message`, `host` (a name or ECS's object), `level`. Its default,
 * `codec => plain`, is a line `2026-01-02T00:00:00.000Z web-1 the message`; lines that do not begin with a time belong to
 * the one before. A text that begins with no time at all is one line at its arrival.
 */
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { eachLine } from "./json-lines.ts";
import { isObject, parsedJson } from "./otlp-json.ts";
import { resourceOf, textOf, timeOf } from "./plain.ts";
import { severityIn, shipperLog } from "./shipper.ts";

const TIMES = ["@timestamp"];
const BODIES = ["message", "event.original"];
const START = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z) /;
/** A host as Logstash prints it: a name, an object, or its own placeholder when there is none. */
const HOST = /^(?:\{[^}]*\}|%\{host\}|\S+) /;

export const logstash: Decoder = {
  name: "logstash",
  decode(record, into) {
    const text = textOf(record);
    if (/^\s*[[{]/.test(text)) return eachLine(record, into, (row) => shipperLog(row, BODIES, TIMES, record, into));
    for (const event of eventsOf(text)) line(event, record, into);
  },
};

/** Events of a text: each begins with a time at the start of a line. */
function* eventsOf(text: string): Generator<string> {
  let from = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    if (!START.test(text.slice(at + 1, at + 42))) continue;
    yield text.slice(from, at);
    from = at + 1;
  }
  yield text.slice(from);
}

function line(event: string, record: { source: string; ingestTimeMs: number }, sink: SignalSink): void {
  const time = START.exec(event);
  const rest = time ? event.slice(time[0].length) : event;
  const host = time ? (HOST.exec(rest)?.[0] ?? "") : "";
  const body = rest.slice(host.length).replace(/\s+$/, "");
  if (body === "") {
    if (event.trim() !== "") sink.reject("DECODE_BAD_FIELD", "a line without a message");
    return;
  }
  const entityId = sink.entity(resourceOf("", hostName(host.trim()), "", record.source));
  sink.log(entityId, time ? timeOf(time[1]) : record.ingestTimeMs, severityIn(body), body, {}, "");
}

function hostName(text: string): string {
  if (text === "%{host}") return "";
  if (!text.startsWith("{")) return text;
  const v = parsedJson(text);
  if (isObject(v)) return typeof v.name === "string" ? v.name : "";
  return /\bname=([^,}]+)/.exec(text)?.[1] ?? "";
}
