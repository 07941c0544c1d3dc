/** Attribute values of the protobuf encoding as strings; see `anyToText` in otlp-json.ts for the same in JSON. */
import type { Attributes } from "../../core/tables.ts";
import { MAX_DEPTH, type ProtobufReader, tagOf } from "./protobuf-reader.ts";

const STRING = tagOf(1, 2);
const BOOL = tagOf(2, 0);
const INT = tagOf(3, 0);
const DOUBLE = tagOf(4, 1);
const ARRAY = tagOf(5, 2);
const KVLIST = tagOf(6, 2);
const BYTES = tagOf(7, 2);

/** A double as JSON: what JSON has no word for becomes a string. */
export const doubleJson = (n: number) => (Number.isFinite(n) ? String(n) : `"${n}"`);

/** An AnyValue up to `end`: strings and scalars as they are, arrays and maps as JSON, bytes in base64, nothing as ''. */
export function anyText(r: ProtobufReader, end: number, json = false, depth = 0): string {
  if (depth > MAX_DEPTH) r.fail("attribute values nest too deep");
  let text = json ? "null" : "";
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case STRING:
        text = json ? JSON.stringify(r.string(end)) : r.string(end);
        break;
      case BOOL:
        text = r.varint(end) === 0 ? "false" : "true";
        break;
      case INT:
        text = int64Text(r, end);
        break;
      case DOUBLE:
        text = json ? doubleJson(r.double(end)) : String(r.double(end));
        break;
      case ARRAY:
        text = arrayText(r, r.length(end), depth + 1);
        break;
      case KVLIST:
        text = kvlistText(r, r.length(end), depth + 1);
        break;
      case BYTES:
        text = json ? `"${r.base64(end)}"` : r.base64(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return text;
}

function int64Text(r: ProtobufReader, end: number): string {
  const n = r.varint(end);
  if (n <= Number.MAX_SAFE_INTEGER) return String(n);
  return String(BigInt.asIntN(64, (BigInt(r.high) << 32n) | BigInt(r.low)));
}

function arrayText(r: ProtobufReader, end: number, depth: number): string {
  const parts: string[] = [];
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === tagOf(1, 2)) parts.push(anyText(r, r.length(end), true, depth));
    else r.skip(tag, end);
  }
  return `[${parts.join(",")}]`;
}

function kvlistText(r: ProtobufReader, end: number, depth: number): string {
  const parts: string[] = [];
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag !== tagOf(1, 2)) {
      r.skip(tag, end);
      continue;
    }
    const to = r.length(end);
    let key = "";
    let value = "null";
    while (r.pos < to) {
      const inner = r.tag(to);
      if (inner === tagOf(1, 2)) key = r.string(to);
      else if (inner === tagOf(2, 2)) value = anyText(r, r.length(to), true, depth);
      else r.skip(inner, to);
    }
    parts.push(`${JSON.stringify(key)}:${value}`);
  }
  return `{${parts.join(",")}}`;
}

/** Reads one KeyValue (its length first) into `out`. Keys that `wanted` refuses are stepped over. */
export function readAttribute(
  r: ProtobufReader,
  end: number,
  out: Record<string, string>,
  wanted?: ReadonlySet<string>,
): void {
  const to = r.length(end);
  let key = "";
  let valueAt = -1;
  let valueEnd = -1;
  while (r.pos < to) {
    const tag = r.tag(to);
    if (tag === tagOf(1, 2)) key = r.string(to);
    else if (tag === tagOf(2, 2)) {
      valueEnd = r.length(to);
      valueAt = r.pos;
      r.pos = valueEnd;
    } else r.skip(tag, to);
  }
  if (wanted && !wanted.has(key)) return;
  let text = "";
  if (valueAt >= 0) {
    r.pos = valueAt;
    text = anyText(r, valueEnd);
    r.pos = to;
  }
  out[key] = text;
}

/** The attributes of a Resource message up to `end`. */
export function readResource(r: ProtobufReader, end: number): Attributes {
  const out: Record<string, string> = {};
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === tagOf(1, 2)) readAttribute(r, end, out);
    else r.skip(tag, end);
  }
  return out;
}
