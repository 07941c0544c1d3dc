/** What the formats of one JSON object a line share; a line may also be a list of objects, or one object many lines. */
import type { RawRecord } from "../../core/records.ts";
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes } from "../../core/tables.ts";
import { attempt, BadRow, isObject, type JsonObject, parsedJson } from "./otlp-json.ts";
import { linesOf, textOf } from "./plain.ts";
import { MAX_DEPTH } from "./protobuf-reader.ts";

/** A payload that begins with so many bad lines is not read further: a parse error costs some microseconds. */
const MAX_BAD_LINES = 1000;
/** More than any limit lets through; copying a million of them takes seconds. */
const MAX_ATTRIBUTES = 1024;
/** Numbers of one record that become series. */
const MAX_NUMBERS = 1024;
/** Attributes kept of a log line. */
const MAX_LOG_ATTRIBUTES = 64;

/** Gives each object to `row`; a bad line is rejected and its neighbours kept. Throws only LIMIT_BYTES. */
export function eachLine(record: RawRecord, into: SignalSink, row: (row: JsonObject) => void): void {
  const text = textOf(record);
  const value = (v: unknown) => {
    for (const object of Array.isArray(v) ? v : [v])
      if (isObject(object)) attempt(into, () => row(object));
      else into.reject("DECODE_BAD_JSON", "a line is not a JSON object");
  };
  let good = false;
  let bad = 0;
  for (const line of linesOf(text)) {
    const v = good || bad < MAX_BAD_LINES ? parsedJson(line) : undefined;
    if (v !== undefined) {
      good = true;
      value(v);
      continue;
    }
    // Printed for people: one object over many lines.
    const whole = bad === 0 && !good ? parsedJson(text) : undefined;
    if (whole !== undefined) return value(whole);
    bad += 1;
    into.reject("DECODE_BAD_JSON", "a line is not a JSON object");
  }
}

export function attributesOf(v: unknown, what = "attributes"): Attributes {
  if (v === undefined || v === null) return {};
  if (!isObject(v)) throw new BadRow(`${what} is not an object`);
  const out: Record<string, string> = {};
  const keys = Object.keys(v);
  if (keys.length > MAX_ATTRIBUTES) throw new BadRow(`${what}: more than ${MAX_ATTRIBUTES}`);
  for (const k of keys) out[k] = plainText(v[k]);
  return out;
}

/** Any JSON value as a string: strings as they are, nothing as '', the rest as JSON. */
export function plainText(v: unknown): string {
  if (v === undefined || v === null) return "";
  if (typeof v === "string") return v;
  checkDepth(v, 0);
  return JSON.stringify(v);
}

// JSON.stringify calls itself for every level, and a line may hold more levels than the stack.
function checkDepth(v: unknown, depth: number): void {
  if (typeof v !== "object" || v === null) return;
  if (depth > MAX_DEPTH) throw new BadRow("values nest too deep");
  for (const inner of Object.values(v)) checkDepth(inner, depth + 1);
}

/** What stands at `path`: under that very name, or else down its dots (`host.name` finds `{"host": {"name": …}}`). */
export function fieldAt(row: JsonObject, path: string): unknown {
  if (Object.hasOwn(row, path)) return row[path];
  for (let dot = path.indexOf("."); dot > 0; dot = path.indexOf(".", dot + 1)) {
    const inner = Object.hasOwn(row, path.slice(0, dot)) ? row[path.slice(0, dot)] : undefined;
    if (!isObject(inner)) continue;
    const found = fieldAt(inner, path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first of `paths` that holds something. */
export function firstAt(row: JsonObject, paths: readonly string[]): unknown {
  for (const path of paths) {
    const v = fieldAt(row, path);
    if (v !== undefined && v !== null && v !== "") return v;
  }
  return undefined;
}

/** As `firstAt`, as text; '' for nothing and for lists and objects. */
export function textAt(row: JsonObject, ...paths: string[]): string {
  const v = firstAt(row, paths);
  return typeof v === "object" || v === undefined ? "" : String(v);
}

/** Scalars of nested objects by dotted path, lists as JSON. @throws BadRow when they nest too deep */
export function* leavesOf(row: JsonObject, prefix = "", depth = 0): Generator<[path: string, value: unknown]> {
  if (depth > MAX_DEPTH) throw new BadRow("values nest too deep");
  for (const key of Object.keys(row)) {
    const v = row[key];
    if (isObject(v)) yield* leavesOf(v, `${prefix}${key}.`, depth + 1);
    else yield [prefix + key, v];
  }
}

/** The leaves that are numbers. @throws BadRow for more than 1024 */
export function numbersOf(leaves: Iterable<readonly [path: string, value: unknown]>): [path: string, value: number][] {
  const out: [string, number][] = [];
  for (const [path, v] of leaves) {
    if (typeof v !== "number") continue;
    if (out.push([path, v]) > MAX_NUMBERS) throw new BadRow(`more than ${MAX_NUMBERS} numbers`);
  }
  return out;
}

/**
 * What a log line says besides: the first 64 leaves, cut to the limit. Unlike a series' attributes they name nothing, so
 * a long one is no reason to refuse the line.
 */
export function logAttributes(row: JsonObject, leaveOut: ReadonlySet<string>, sink: SignalSink): Attributes {
  const out: Record<string, string> = {};
  const max = sink.limits.maxAttributeChars;
  let left = MAX_LOG_ATTRIBUTES;
  for (const [path, v] of leavesOf(row)) {
    if (v === null || v === "" || path.length > max || leaveOut.has(path)) continue;
    if (left-- === 0) break;
    const text = plainText(v);
    out[path] = text.length > max ? `${text.slice(0, max - 1)}…` : text;
  }
  return out;
}
