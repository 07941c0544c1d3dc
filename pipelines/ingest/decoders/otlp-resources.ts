/** The frame that all three OTLP requests share: request, then resources (1), then scopes (2), then rows (2). */
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes } from "../../core/tables.ts";
import { readResource } from "./otlp-values.ts";
import { type ProtobufReader, tagOf } from "./protobuf-reader.ts";
import { cacheOf } from "./series-cache.ts";

const FIRST = tagOf(1, 2);
const SECOND = tagOf(2, 2);

/**
 * Calls `row` for every row message with its entity's id and its end, standing at its start. A resource that the sink
 * refuses takes its rows with it: `count` says how many a row message holds (a metric holds many).
 */
export function eachRow(
  r: ProtobufReader,
  sink: SignalSink,
  row: (entityId: number, end: number) => void,
  count: (end: number) => number,
): void {
  const size = r.bytes.length;
  while (r.pos < size) {
    const tag = r.tag(size);
    if (tag !== FIRST) {
      r.skip(tag, size);
      continue;
    }
    const end = r.length(size);
    const start = r.pos;
    const entityId = entityAt(r, sink, end, () => {
      let rows = 0;
      r.pos = start;
      eachScope(r, end, (to) => {
        rows += count(to);
        r.pos = to;
      });
      return rows;
    });
    if (entityId >= 0) {
      r.pos = start;
      eachScope(r, end, (to) => row(entityId, to));
    }
    r.pos = end;
  }
}

/** Interns a resource; when it is refused, all of its rows are counted as rejected. */
export function entityOf(sink: SignalSink, resource: Attributes, rows: () => number): number {
  const id = sink.entity(resource);
  if (id < 0) {
    const more = rows() - 1;
    if (more > 0) sink.entity(resource, more);
  }
  return id;
}

// The resource may stand behind its rows, so it is looked for first.
function entityAt(r: ProtobufReader, sink: SignalSink, end: number, rows: () => number): number {
  let from = end;
  let to = end;
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === FIRST) {
      to = r.length(end);
      from = r.pos;
      r.pos = to;
    } else r.skip(tag, end);
  }
  const cache = cacheOf(sink);
  const known = cache.entity(r.view, from, to);
  if (known) {
    sink.entityAgain(known.id, known.version);
    return known.id;
  }
  r.pos = from;
  const resource = readResource(r, to);
  const id = entityOf(sink, resource, rows);
  if (id >= 0) cache.putEntity(r.view, from, to, { id, version: resource["service.version"] });
  return id;
}

function eachScope(r: ProtobufReader, end: number, row: (end: number) => void): void {
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag !== SECOND) {
      r.skip(tag, end);
      continue;
    }
    const scopeEnd = r.length(end);
    while (r.pos < scopeEnd) {
      const inner = r.tag(scopeEnd);
      if (inner === SECOND) row(r.length(scopeEnd));
      else r.skip(inner, scopeEnd);
    }
  }
}
