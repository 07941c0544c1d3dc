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

export type TimeUnit = "auto" | "s" | "ms" | "us" | "ns" | "iso";
const PER_MS = { s: 0.001, ms: 1, us: 1e3, ns: 1e6 };

/** A time in a stated unit as whole ms, rounded down; `auto` tells s, ms, us and ns by size (1973 to 5138) and takes ISO 8601. */
export function timeIn(v: unknown, unit: TimeUnit): number {
  if (unit === "iso") return typeof v === "string" && !/^\s*-?\d+(\.\d+)?\s*$/.test(v) ? timeOf(v) : Number.NaN;
  const text = typeof v === "string" ? v.trim() : v;
  if (typeof text === "string") {
    if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return unit === "auto" ? timeOf(text) : Number.NaN;
    // A double is too coarse for nanoseconds: one in eight whole milliseconds would come out one less.
    if (/^\d{17,19}$/.test(text) && (unit === "ns" || unit === "auto"))
      if (unit === "ns" || text.length > 17) return Number(BigInt(text) / 1_000_000n);
    return timeIn(Number(text), unit);
  }
  if (typeof text !== "number") return Number.NaN;
  const size = Math.abs(text);
  const per =
    unit === "auto"
      ? size < 1e11
        ? PER_MS.s
        : size < 1e14
          ? PER_MS.ms
          : size < 1e17
            ? PER_MS.us
            : PER_MS.ns
      : PER_MS[unit];
  // To whole microseconds first, so that what a double can't hold does not tip a millisecond.
  return Math.floor(Math.round((text * 1000) / per) / 1000);
}

/** `file:/data/machine-1.csv.gz` is about `machine-1`, `kafka:web.cpu/0` about `web.cpu`. */
export function sourceEntity(source: string): string {
  const topic = /^kafka:([^/]+)\//.exec(source)?.[1];
  if (topic !== undefined) return topic;
  return (
    basename(source.replace(/^[a-z]+:/, ""))
      .replace(/\.gz$/i, "")
      .replace(/\.[^.]+$/, "") || "unknown"
  );
}

/**
 * The resource of a row: its service and host, `entity` counting as a service, and what else is known of it. A row that
 * names nothing at all is about its source.
 */
export function resourceOf(
  service: string,
  host: string,
  entity: string,
  source: string,
  other: Attributes = {},
): Attributes {
  const out: Record<string, string> = { ...other };
  if (service !== "") out["service.name"] = service;
  else if (entity !== "") out["service.name"] = entity;
  if (host !== "") out["host.name"] = host;
  for (const _ in out) return out;
  return { "service.name": sourceEntity(source) };
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
