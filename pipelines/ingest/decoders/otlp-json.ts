/**
 * Reading OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): lowerCamelCase names, 64-bit
 * integers as strings or numbers, ids in hex, enums as numbers (names are taken too), bytes in base64.
 * The frame throws PipelineError DECODE_BAD_JSON; a row throws BadRow, which costs only that row.
 */
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes } from "../../core/tables.ts";
import { entityOf } from "./otlp-resources.ts";
import { doubleJson } from "./otlp-values.ts";
import { linesOf, textOf } from "./plain.ts";
import { MAX_DEPTH, whereOf } from "./protobuf-reader.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** A payload that begins with so many bad requests is not read further. */
const MAX_BAD_REQUESTS = 1000;

/** One row has a field of the wrong type. No Error: a stack costs many times what reading the row does. */
export class BadRow {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const bad = (what: string): never => {
  throw new BadRow(what);
};

export const isObject = (v: unknown): v is JsonObject => typeof v === "object" && v !== null && !Array.isArray(v);

export function badJson(record: RawRecord, detail: string): never {
  throw new PipelineError("DECODE_BAD_JSON", whereOf(record), { detail });
}

/** Shorter texts can't hold enough brackets to fill the memory. */
const CHECKED_CHARS = 64 * 1024;
/** Deeper than anything real; a value costs the parser some 60 bytes and a level of its stack. */
const MAX_JSON_DEPTH = 512;

/** A JSON text's value; undefined when it is none or nests deeper than 512. Its parser's message would quote the payload. */
export function parsedJson(text: string): unknown {
  if (text.length > CHECKED_CHARS && tooDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tooDeep(text: string): boolean {
  for (let i = 0, depth = 0, quoted = false; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) quoted = !quoted;
    else if (quoted) i += c === 0x5c ? 1 : 0;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
  return false;
}

/**
 * Gives each request of the payload to `read`: one object, a list of them, or one a line as file exporters write.
 * @throws PipelineError DECODE_BAD_JSON when there is none; of several, a bad one is rejected and the others are kept
 */
export function eachRequest(record: RawRecord, into: SignalSink, read: (root: JsonObject) => void): void {
  const text = textOf(record);
  const root = parsedJson(text);
  if (isObject(root)) return read(root);
  const list = Array.isArray(root) ? root : root === undefined && text.includes("\n") ? undefined : [];
  let good = 0;
  let bad = 0;
  const one = (v: unknown) => {
    try {
      if (!isObject(v)) badJson(record, "not a JSON object");
      read(v as JsonObject);
      good += 1;
    } catch (e) {
      if (!(e instanceof PipelineError)) throw e;
      bad += 1;
    }
  };
  for (const v of list ?? linesOf(text)) {
    if (bad >= MAX_BAD_REQUESTS && good === 0) break;
    one(list ? v : parsedJson(v as string));
  }
  if (good === 0) badJson(record, root === undefined ? "not JSON" : "not a JSON object");
  if (bad > 0) into.reject("DECODE_BAD_JSON", "not an OTLP request", bad);
}

/** A list of objects of the frame; a missing one is empty. */
export function frameList(v: unknown, name: string, record: RawRecord): readonly JsonObject[] {
  if (v === undefined || v === null) return [];
  if (!Array.isArray(v) || !v.every(isObject)) badJson(record, `${name} is not a list of objects`);
  return v as readonly JsonObject[];
}

/** Resources, their scopes and rows; `count` says how many rows one of them stands for if its resource is refused. */
export function eachJsonRow(
  root: JsonObject,
  names: { resources: string; scopes: string; rows: string },
  record: RawRecord,
  sink: SignalSink,
  row: (entityId: number, row: JsonObject) => void,
  count: (row: JsonObject) => number,
): void {
  for (const resource of frameList(root[names.resources], names.resources, record)) {
    const rows = frameList(resource[names.scopes], names.scopes, record).flatMap((scope) =>
      frameList(scope[names.rows], names.rows, record),
    );
    const about = resource.resource;
    if (about !== undefined && about !== null && !isObject(about)) badJson(record, "resource is not an object");
    const all = () => rows.reduce((n, r) => n + count(r), 0);
    const attributes = attempt(sink, () => readAttributes(isObject(about) ? about.attributes : undefined), all);
    if (attributes === undefined) continue;
    const entityId = entityOf(sink, attributes, all);
    if (entityId < 0) continue;
    for (const r of rows)
      attempt(
        sink,
        () => row(entityId, r),
        () => count(r),
      );
  }
}

/** Runs `work`; a BadRow becomes `rows` rejected rows and gives undefined. */
export function attempt<T>(sink: SignalSink, work: () => T, rows: () => number = () => 1): T | undefined {
  try {
    return work();
  } catch (e) {
    if (!(e instanceof BadRow)) throw e;
    const n = rows();
    if (n > 0) sink.reject("DECODE_BAD_FIELD", e.message, n);
    return undefined;
  }
}

export function textField(o: JsonObject, name: string): string {
  const v = o[name];
  if (v === undefined || v === null) return "";
  return typeof v === "string" ? v : bad(`${name} is not a string`);
}

export function listField(o: JsonObject, name: string): readonly unknown[] {
  const v = o[name];
  if (v === undefined || v === null) return [];
  return Array.isArray(v) ? v : bad(`${name} is not a list`);
}

export function objectField(o: JsonObject, name: string): JsonObject | undefined {
  const v = o[name];
  if (v === undefined || v === null) return undefined;
  return isObject(v) ? v : bad(`${name} is not an object`);
}

export function boolField(o: JsonObject, name: string): boolean {
  const v = o[name];
  if (v === undefined || v === null) return false;
  return typeof v === "boolean" ? v : bad(`${name} is not a boolean`);
}

/** A double: a number or a string such as "NaN" or "1.5"; `missing` if it is not there. */
export function doubleField(o: JsonObject, name: string, missing = 0): number {
  const v = o[name];
  return v === undefined || v === null ? missing : toDouble(v, name);
}

export function toDouble(v: unknown, name: string): number {
  if (typeof v === "number") return v;
  if (v === "NaN" || v === "Infinity" || v === "-Infinity") return Number(v);
  if (typeof v === "string" && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(v)) return Number(v);
  return bad(`${name} is not a number`);
}

/** A 64-bit integer, exactly. */
export function toInteger(v: unknown, name: string, signed: boolean): bigint {
  let n: bigint;
  if (typeof v === "number" && Number.isInteger(v)) n = BigInt(v);
  else if (typeof v === "string" && /^-?\d{1,20}$/.test(v)) n = BigInt(v);
  else return bad(`${name} is not an integer`);
  const fits = signed ? BigInt.asIntN(64, n) === n : BigInt.asUintN(64, n) === n;
  return fits ? n : bad(`${name} is out of range`);
}

export function integerField(o: JsonObject, name: string, signed = false): bigint {
  const v = o[name];
  return v === undefined || v === null ? 0n : toInteger(v, name, signed);
}

/** Nanoseconds as whole milliseconds, rounded down; 0 if missing. */
export const nanosField = (o: JsonObject, name: string): number => Number(integerField(o, name) / 1_000_000n);

/** An enum by number, or by name without `prefix`. */
export function enumField(o: JsonObject, name: string, prefix: string, words: readonly string[]): number {
  const v = o[name];
  if (v === undefined || v === null) return 0;
  if (typeof v === "number" && Number.isInteger(v)) return v;
  const n = typeof v === "string" && v.startsWith(prefix) ? words.indexOf(v.slice(prefix.length)) : -1;
  return n >= 0 ? n : bad(`${name} is no known value`);
}

export const hexField = (o: JsonObject, name: string): string => textField(o, name).toLowerCase();

/** KeyValue list to strings. */
export function readAttributes(list: unknown, wanted?: ReadonlySet<string>): Attributes {
  const out: Record<string, string> = {};
  if (list === undefined || list === null) return out;
  if (!Array.isArray(list)) return bad("attributes is not a list");
  for (const kv of list) {
    if (!isObject(kv)) return bad("an attribute is not an object");
    const key = textField(kv, "key");
    if (!wanted || wanted.has(key)) out[key] = anyToText(kv.value);
  }
  return out;
}

/** An AnyValue in the form that `anyText` of otlp-values.ts gives for protobuf. */
export function anyToText(v: unknown, json = false, depth = 0): string {
  if (depth > MAX_DEPTH) bad("attribute values nest too deep");
  if (v === undefined || v === null) return json ? "null" : "";
  if (!isObject(v)) return bad("a value is not an object");
  if (v.stringValue !== undefined) {
    const s = textField(v, "stringValue");
    return json ? JSON.stringify(s) : s;
  }
  if (v.boolValue !== undefined) return String(boolField(v, "boolValue"));
  if (v.intValue !== undefined) return String(toInteger(v.intValue, "intValue", true));
  if (v.doubleValue !== undefined) {
    const n = toDouble(v.doubleValue, "doubleValue");
    return json ? doubleJson(n) : String(n);
  }
  if (v.arrayValue !== undefined) {
    const values = listField(objectField(v, "arrayValue") ?? {}, "values");
    return `[${values.map((x) => anyToText(x, true, depth + 1)).join(",")}]`;
  }
  if (v.kvlistValue !== undefined) {
    const parts = listField(objectField(v, "kvlistValue") ?? {}, "values").map((kv) => {
      if (!isObject(kv)) return bad("an attribute is not an object");
      return `${JSON.stringify(textField(kv, "key"))}:${anyToText(kv.value, true, depth + 1)}`;
    });
    return `{${parts.join(",")}}`;
  }
  if (v.bytesValue !== undefined) {
    const base64 = Buffer.from(textField(v, "bytesValue"), "base64").toString("base64");
    return json ? `"${base64}"` : base64;
  }
  return json ? "null" : "";
}
