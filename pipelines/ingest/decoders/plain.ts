/** What CSV and JSON lines share: times as people write them, whom a row is about, and lines too long to be read. */
import { basename } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Attributes } from "../../core/tables.ts";
import { whereOf } from "./protobuf-reader.ts";

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? ?(?:(Z)|([+-])(\d\d):?(\d\d))?$/i;
/** Numbers below are seconds (until the year 5138), others milliseconds. */
const SECONDS_BELOW = 1e11;

/** Epoch seconds or milliseconds, ISO 8601 or `YYYY-MM-DD HH:MM:SS` (UTC without a zone) as whole ms; else NaN. */
export function timeOf(v: unknown): number {
  if (typeof v === "number") return Math.round(Math.abs(v) < SECONDS_BELOW ? v * 1000 : v);
  if (typeof v !== "string") return Number.NaN;
  const text = v.trim();
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return timeOf(Number(text));
  const m = ISO.exec(text);
  if (!m) return Number.NaN;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map((x) => Number(x ?? 0)) as number[];
  const ms = Number(`${m[7] ?? ""}000`.slice(0, 3));
  const time = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!, ms);
  const back = new Date(time);
  // Date.UTC turns 31 February into March.
  if (back.getUTCMonth() !== month! - 1 || back.getUTCDate() !== day!) return Number.NaN;
  if (hour! > 23 || minute! > 59 || second! > 59) return Number.NaN;
  const zone = m[9] === undefined ? 0 : (Number(m[10]) * 60 + Number(m[11])) * 60_000;
  return m[9] === "-" ? time + zone : time - zone;
}

/** `file:/data/machine-1.csv.gz` is about `machine-1`. */
export function sourceEntity(source: string): string {
  return (
    basename(source.replace(/^[a-z]+:/, ""))
      .replace(/\.gz$/i, "")
      .replace(/\.[^.]+$/, "") || "unknown"
  );
}

/** The resource of a row: its service and host; `entity`, or failing all of them the file's name, counts as a service. */
export function resourceOf(service: string, host: string, entity: string, source: string): Attributes {
  const out: Record<string, string> = {};
  if (service !== "") out["service.name"] = service;
  else if (entity !== "") out["service.name"] = entity;
  if (host !== "") out["host.name"] = host;
  if (service === "" && host === "" && entity === "") out["service.name"] = sourceEntity(source);
  return out;
}

/** Starts the record that stands for a line too long to be read. No text format begins with NUL. */
const OVERSIZED = "\u0000line over ";
/** Bytes kept of such a line. */
const HEAD_BYTES = 200;

/** The record value for a line longer than `limit` bytes: a marker and the line's beginning. */
export function oversized(limit: number, head: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${OVERSIZED}${limit} bytes\n`), head.subarray(0, HEAD_BYTES)]);
}

/** The record's text without a byte order mark. Throws LIMIT_BYTES if it stands for a line too long to be read. */
export function textOf(record: RawRecord): string {
  const { buffer, byteOffset, byteLength } = record.value;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
  if (text.startsWith(OVERSIZED))
    throw new PipelineError("LIMIT_BYTES", whereOf(record), { detail: text.slice(1, text.indexOf("\n")) });
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** Lines without their ends (LF or CRLF), empty ones left out. */
export function* linesOf(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const at = text.indexOf("\n", from);
    const to = at < 0 ? text.length : at;
    const line = text.slice(from, text[to - 1] === "\r" && to > from ? to - 1 : to);
    if (line !== "") yield line;
    from = to + 1;
  }
}
