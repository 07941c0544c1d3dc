/** What the formats of one JSON object a line share. */
import type { RawRecord } from "../../core/records.ts";
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes } from "../../core/tables.ts";
import { attempt, BadRow, isObject, type JsonObject } from "./otlp-json.ts";
import { linesOf, textOf } from "./plain.ts";
import { MAX_DEPTH } from "./protobuf-reader.ts";

/** Gives each line's object to `row`; a bad line is rejected and its neighbours kept. Throws only LIMIT_BYTES. */
export function eachLine(record: RawRecord, into: SignalSink, row: (row: JsonObject) => void): void {
  for (const line of linesOf(textOf(record))) {
    const object = parsed(line);
    if (object === undefined) into.reject("DECODE_BAD_JSON", "a line is not a JSON object");
    else attempt(into, () => row(object));
  }
}

function parsed(line: string): JsonObject | undefined {
  try {
    const v: unknown = JSON.parse(line);
    return isObject(v) ? v : undefined;
  } catch {
    return undefined;
  }
}

export function attributesOf(v: unknown, what = "attributes"): Attributes {
  if (v === undefined || v === null) return {};
  if (!isObject(v)) throw new BadRow(`${what} is not an object`);
  const out: Record<string, string> = {};
  for (const k of Object.keys(v)) out[k] = plainText(v[k]);
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
