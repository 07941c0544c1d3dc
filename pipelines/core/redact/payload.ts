/** Secrets in records that are not decoded: overwritten byte for byte, so that lengths, and with them every format, stay. */
import { DEFAULT_ENTITY_RULES } from "../tables.ts";
import type { Range } from "./find-secrets.ts";

export interface PayloadOptions {
  readonly rangesIn: (text: string) => readonly Range[];
  readonly isSecretName: (name: string) => boolean;
}

/** Fields of a message: another message, text to look through, or an attribute. */
type Shape = { readonly [field: number]: Shape } | "text" | "attribute" | "value";

const RESOURCE: Shape = { 1: "attribute" };
const ATTRIBUTES_7: Shape = { 1: { 7: "attribute" } };
const LOG_RECORD: Shape = { 3: "text", 5: "value", 6: "attribute" };
const SPAN: Shape = { 5: "text", 9: "attribute", 11: { 2: "text", 3: "attribute" }, 15: { 2: "text" } };
const METRIC: Shape = {
  5: ATTRIBUTES_7,
  7: ATTRIBUTES_7,
  9: { 1: { 9: "attribute" } },
  10: { 1: { 1: "attribute" } },
  11: ATTRIBUTES_7,
};
/** @see opentelemetry-proto: logs, trace and metrics service requests */
const PROTOBUF: Readonly<Record<string, Shape>> = {
  "otlp-logs-proto": { 1: { 1: RESOURCE, 2: { 2: LOG_RECORD } } },
  "otlp-traces-proto": { 1: { 1: RESOURCE, 2: { 2: SPAN } } },
  "otlp-metrics-proto": { 1: { 1: RESOURCE, 2: { 2: METRIC } } },
};
const MOST_DEPTH = 40;
/** Attributes that entities are told by stay. */
const IDENTIFYING = new Set([...DEFAULT_ENTITY_RULES.flatMap((r) => r.keys), "service.version"]);
/** Written compressed: nothing can be read in it. */
const OPAQUE = new Set(["prometheus-remote-write", "control", "self"]);

/** The same array where nothing was found, else a copy. Linear. */
export function redactPayload(format: string, bytes: Uint8Array, options: PayloadOptions): Uint8Array {
  if (OPAQUE.has(format) || bytes.length === 0) return bytes;
  const copy = new Overwriting(bytes);
  const shape = PROTOBUF[format];
  if (shape) {
    if (!message(copy, 0, bytes.length, shape, options, 0)) plain(copy, 0, bytes.length, options);
  } else if (/^\s*["[{]/.test(copy.latin1(0, Math.min(bytes.length, 200)))) json(copy, options);
  else plain(copy, 0, bytes.length, options);
  return copy.result;
}

class Overwriting {
  readonly #bytes: Uint8Array;
  #copy: Buffer | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get bytes(): Uint8Array {
    return this.#bytes;
  }
  get result(): Uint8Array {
    return this.#copy ?? this.#bytes;
  }
  latin1(start: number, end: number): string {
    const { buffer, byteOffset } = this.#bytes;
    return Buffer.from(buffer, byteOffset, this.#bytes.length).toString("latin1", start, end);
  }
  fill(start: number, end: number, filler = fillerOf(end - start)): void {
    this.#copy ??= Buffer.from(this.#bytes);
    this.#copy.write(filler, start, "latin1");
  }
}

/** `[redacted]`, stretched with dots; of less than ten characters stars. */
const fillerOf = (length: number): string =>
  length < 10 ? "*".repeat(length) : `[redacted${".".repeat(length - 10)}]`;

function plain(copy: Overwriting, start: number, end: number, { rangesIn }: PayloadOptions): void {
  for (const [from, to] of rangesIn(copy.latin1(start, end))) copy.fill(start + from, start + to);
}

const ESCAPE = /\\(?:u[0-9a-fA-F]{4}|.)/gs;
const blank = (sequence: string): string => (sequence === '\\"' ? ' "' : " ".repeat(sequence.length));
/** Of OTLP: numbers that stand in quotes. */
const NUMBER_KEY = /(?:Nano|Id|^asInt|^count)$/;

/** Every string of a JSON text, or of several, one after the other. Escapes are blanked for the search, so that none is cut. */
function json(copy: Overwriting, options: PayloadOptions): void {
  const text = copy.latin1(0, copy.bytes.length);
  let key = "";
  let pending = false;
  let stays = false;
  let gap = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    between(copy, text, gap, at, options);
    let end = at + 1;
    let escaped = false;
    while (end < text.length && text.charCodeAt(end) !== 34) {
      if (text.charCodeAt(end) === 92) {
        escaped = true;
        end++;
      }
      end++;
    }
    if (end >= text.length) return plain(copy, at, text.length, options);
    const literal = text.slice(at + 1, end);
    let next = end + 1;
    while (next < text.length && text.charCodeAt(next) <= 32) next++;
    gap = end + 1;
    if (text[next] === ":") {
      key = literal;
      if (options.isSecretName(key)) gap = number(copy, text, next + 1);
    } else {
      if (stays && key.endsWith("Value")) {
        // As it is.
      } else if (key === "intValue") {
        if (pending || options.rangesIn(literal).length > 0) copy.fill(at + 1, end, "1".repeat(literal.length));
      } else if (literal !== "" && (options.isSecretName(key) || (pending && key.endsWith("Value"))))
        copy.fill(at + 1, end);
      else if (!NUMBER_KEY.test(key)) {
        const seen = escaped ? literal.replace(ESCAPE, blank) : literal;
        for (const [from, to] of options.rangesIn(seen)) copy.fill(at + 1 + from, at + 1 + to);
      }
      // {"key": "password", "value": {"stringValue": "…"}}
      pending = key === "key" && options.isSecretName(literal);
      stays = key === "key" && IDENTIFYING.has(literal);
    }
    at = Math.max(end + 1, gap);
  }
  between(copy, text, gap, text.length, options);
}

/** Behind the secret number that stands at `from`; `from` where there is none. */
function number(copy: Overwriting, text: string, from: number): number {
  let start = from;
  while (start < text.length && text.charCodeAt(start) <= 32) start++;
  let end = start;
  while (end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  if (end > start) copy.fill(start, end, "1".repeat(end - start));
  return end > start ? end : from;
}

/** What is in no string: of JSON numbers, which stay numbers; of what only looks like JSON any text. */
function between(copy: Overwriting, text: string, start: number, end: number, { rangesIn }: PayloadOptions): void {
  if (end - start < 6) return;
  for (const [from, to] of rangesIn(text.slice(start, end))) {
    const digits = /^\d+$/.test(text.slice(start + from, start + to));
    copy.fill(start + from, start + to, digits ? "1".repeat(to - from) : fillerOf(to - from));
  }
}

/** False where it is no protobuf message. */
function message(
  copy: Overwriting,
  start: number,
  end: number,
  shape: { readonly [field: number]: Shape },
  options: PayloadOptions,
  depth: number,
): boolean {
  if (depth > MOST_DEPTH) return false;
  for (let at = start; at < end; ) {
    const field = fieldAt(copy.bytes, at, end);
    if (!field) return false;
    at = field.end;
    const inner = shape[field.number];
    if (inner === undefined || field.wire !== 2) continue;
    const { start: from, end: to } = field;
    const fine =
      inner === "attribute"
        ? attribute(copy, from, to, options, depth + 1)
        : inner === "value"
          ? anyValue(copy, from, to, false, options, depth + 1)
          : inner !== "text" && message(copy, from, to, inner, options, depth + 1);
    if (!fine) plain(copy, field.start, field.end, options);
  }
  return true;
}

/** `KeyValue`: key 1, value 2, in any order and any number; the last key counts, as in decoding. */
function attribute(copy: Overwriting, start: number, end: number, options: PayloadOptions, depth: number): boolean {
  let name = "";
  const values: (readonly [from: number, to: number])[] = [];
  for (let at = start; at < end; ) {
    const field = fieldAt(copy.bytes, at, end);
    if (!field) return false;
    at = field.end;
    if (field.wire !== 2) continue;
    if (field.number === 1) name = copy.latin1(field.start, field.end);
    else if (field.number === 2) values.push([field.start, field.end]);
  }
  if (IDENTIFYING.has(name)) return true;
  const secret = options.isSecretName(name);
  return values.every(([from, to]) => anyValue(copy, from, to, secret, options, depth + 1));
}

/** `AnyValue`: string 1, array 5, key-value list 6, bytes 7. */
function anyValue(
  copy: Overwriting,
  start: number,
  end: number,
  secret: boolean,
  options: PayloadOptions,
  depth: number,
): boolean {
  if (depth > MOST_DEPTH) return false;
  for (let at = start; at < end; ) {
    const field = fieldAt(copy.bytes, at, end);
    if (!field) return false;
    at = field.end;
    if (field.wire !== 2 || field.end === field.start) continue;
    if (field.number === 1 || field.number === 7) {
      if (secret) copy.fill(field.start, field.end);
      else plain(copy, field.start, field.end, options);
      continue;
    }
    if (field.number !== 5 && field.number !== 6) continue;
    for (let item = field.start; item < field.end; ) {
      const one = fieldAt(copy.bytes, item, field.end);
      if (!one) return false;
      item = one.end;
      if (one.wire !== 2 || one.number !== 1) continue;
      const fine =
        field.number === 5
          ? anyValue(copy, one.start, one.end, secret, options, depth + 2)
          : attribute(copy, one.start, one.end, options, depth + 2);
      if (!fine) return false;
    }
  }
  return true;
}

interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of its value, without tag and length. */
  readonly start: number;
  readonly end: number;
}

function fieldAt(bytes: Uint8Array, at: number, end: number): Field | undefined {
  const tag = varint(bytes, at, end);
  if (!tag || tag[0] < 8) return undefined;
  const [value, start] = tag;
  const wire = value % 8;
  const number = Math.floor(value / 8);
  if (wire === 0) {
    const skipped = varint(bytes, start, end);
    return skipped && { number, wire, start, end: skipped[1] };
  }
  const length = wire === 2 ? varint(bytes, start, end) : undefined;
  const from = length ? length[1] : start;
  const size = wire === 1 ? 8 : wire === 5 ? 4 : length ? length[0] : Number.NaN;
  return from + size <= end ? { number, wire, start: from, end: from + size } : undefined;
}

function varint(bytes: Uint8Array, at: number, end: number): readonly [value: number, next: number] | undefined {
  let value = 0;
  for (let i = at, scale = 1; i < end && i < at + 10; i++, scale *= 128) {
    const b = bytes[i] as number;
    value += (b & 127) * scale;
    if (b < 128) return [value, i + 1];
  }
  return undefined;
}
