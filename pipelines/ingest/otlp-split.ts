/** An OTLP request cut at its resources, without reading their rows: what routing needs, at the speed of a copy. */
import type { RawRecord } from "../core/records.ts";
import type { Attributes } from "../core/tables.ts";
import { readResource } from "./decoders/otlp-values.ts";
import { ProtobufReader, tagOf } from "./decoders/protobuf-reader.ts";

export interface OtlpPart {
  readonly resource: Attributes;
  /** The resource with its rows, as a request of its own: requests can be put one behind the other. */
  readonly bytes: Uint8Array;
  /** Event time of its first row, ms since the epoch; 0 where it has none. */
  readonly timeMs: number;
}

const FIRST = tagOf(1, 2);
const SECOND = tagOf(2, 2);
/** Gauge, sum, histogram, exponential histogram, summary: each holds its points in field 1. */
const DATA = [5, 7, 9, 10, 11].map((field) => tagOf(field, 2));

/** From a row message to the time in it. */
const TIME_OF: Record<string, (r: ProtobufReader, end: number) => number> = {
  "otlp-metrics-proto": (r, end) => into(r, end, DATA, (to) => into(r, to, [FIRST], (at) => fixed(r, at, tagOf(3, 1)))),
  "otlp-logs-proto": (r, end) => fixed(r, end, tagOf(1, 1)) || fixed(r, end, tagOf(11, 1)),
  "otlp-traces-proto": (r, end) => fixed(r, end, tagOf(8, 1)),
};

/** `undefined` for other formats. @throws PipelineError DECODE_BAD_PROTOBUF */
export function otlpParts(record: RawRecord): OtlpPart[] | undefined {
  const timeOf = TIME_OF[record.format];
  if (!timeOf) return undefined;
  const r = new ProtobufReader(record);
  const size = r.bytes.length;
  const parts: OtlpPart[] = [];
  while (r.pos < size) {
    const from = r.pos;
    const tag = r.tag(size);
    if (tag !== FIRST) {
      r.skip(tag, size);
      continue;
    }
    const end = r.length(size);
    const start = r.pos;
    let resource: Attributes = {};
    while (r.pos < end) {
      const inner = r.tag(end);
      if (inner === FIRST) {
        const to = r.length(end);
        resource = readResource(r, to);
        r.pos = to;
      } else r.skip(inner, end);
    }
    r.pos = start;
    const timeMs = into(r, end, [SECOND], (scope) => into(r, scope, [SECOND], (row) => timeOf(r, row)));
    r.pos = end;
    parts.push({ resource, bytes: r.bytes.subarray(from, end), timeMs });
  }
  return parts;
}

/** The first sub-message under one of `tags` in which `read` finds a time. */
function into(r: ProtobufReader, end: number, tags: readonly number[], read: (end: number) => number): number {
  while (r.pos < end) {
    const tag = r.tag(end);
    if (!tags.includes(tag)) {
      r.skip(tag, end);
      continue;
    }
    const to = r.length(end);
    const timeMs = read(to);
    if (timeMs > 0) return timeMs;
    r.pos = to;
  }
  return 0;
}

/** A fixed64 of nanoseconds, ms; 0 where the message has none. Leaves the position where it was. */
function fixed(r: ProtobufReader, end: number, wanted: number): number {
  const from = r.pos;
  let timeMs = 0;
  while (r.pos < end && timeMs === 0) {
    const tag = r.tag(end);
    if (tag === wanted) timeMs = r.nanos(end);
    else r.skip(tag, end);
  }
  r.pos = from;
  return timeMs;
}
