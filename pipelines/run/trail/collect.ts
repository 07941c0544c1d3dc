/** Second reading: the lines around those that were picked, and all that belongs to their traces. */
import type { LogTrail, TrailLine, TrailSpan, TrailTrace } from "../../core/log-trail.ts";
import type { SignalSink } from "../../core/signals.ts";
import { type Picked, type TrailRange, traceKey } from "./pick.ts";

const MOST_SPANS = 500;
const MOST_LINES = 200;
/** Entities of which the last lines are held. */
const MOST_ENTITIES = 10_000;

interface Found {
  readonly spans: Omit<TrailSpan, "depth">[];
  readonly lines: TrailLine[];
}
interface Context {
  readonly before: TrailLine[];
  readonly after: TrailLine[];
}

/** `context`: lines of the same entity before and after each picked one. Memory: `context` lines an entity, 20 traces. */
export function collectTrail(picked: Picked, { fromMs, toMs }: TrailRange, context: number) {
  const traces = new Map<string, Found>(picked.traceIds.map((id) => [id, { spans: [], lines: [] }]));
  const contexts = new Map<string, Context>();
  for (const g of picked.groups) for (const p of g.places) contexts.set(p.key, { before: [], after: [] });
  const last = new Map<string, TrailLine[]>();
  /** Contexts of an entity that still want lines. */
  const open = new Map<string, Context[]>();
  let [lines, spans, cut] = [0, 0, 0];

  const addLine = (line: TrailLine, key: string) => {
    for (const c of open.get(line.entity) ?? []) c.after.push(line);
    const wanting = open.get(line.entity)?.filter((c) => c.after.length < context) ?? [];
    const ring = last.get(line.entity) ?? [];
    const own = contexts.get(key);
    if (own) {
      own.before.push(...ring);
      if (context > 0) wanting.push(own);
    }
    if (wanting.length > 0) open.set(line.entity, wanting);
    else open.delete(line.entity);
    if (context === 0 || (!last.has(line.entity) && last.size >= MOST_ENTITIES)) return;
    ring.push(line);
    if (ring.length > context) ring.shift();
    last.set(line.entity, ring);
  };

  return {
    add(sink: SignalSink, source: string, position: string): void {
      const { logs, spans: s, tables } = sink;
      const nameOf = (id: number) => tables.entities[id]?.name ?? "?";
      lines += logs.length;
      spans += s.length;
      for (let i = 0; i < logs.length; i++) {
        const line: TrailLine = {
          timeMs: logs.timeMs[i] as number,
          entity: nameOf(logs.entityIds[i] as number),
          severity: logs.severity[i] as number,
          body: logs.body[i] as string,
          traceId: logs.traceId[i] as string,
          at: `${source}@${position}`,
        };
        addLine(line, traceKey(source, position, i));
        const trace = traces.get(line.traceId);
        if (!trace) continue;
        if (trace.lines.length < MOST_LINES) trace.lines.push(line);
        else cut++;
      }
      for (let i = 0; i < s.length; i++) {
        const trace = traces.get(s.traceId[i] as string);
        if (!trace) continue;
        if (trace.spans.length >= MOST_SPANS) {
          cut++;
          continue;
        }
        trace.spans.push({
          entity: nameOf(s.entityIds[i] as number),
          operation: s.operation[i] as string,
          startMs: s.startMs[i] as number,
          durationMs: s.durationMs[i] as number,
          error: s.error[i] === 1,
          spanId: s.spanId[i] as string,
          parentId: s.parentId[i] as string,
        });
      }
    },
    done(records: number, missing: readonly string[]): LogTrail {
      const notes = [...missing];
      if (picked.beyond > 0) notes.push(`${picked.beyond} more kinds of warnings and errors`);
      if (cut > 0) notes.push(`${cut} more spans and lines of these traces`);
      return {
        fromMs,
        toMs,
        groups: picked.groups.map(({ entity, template, severity, count, places }) => ({
          entity,
          template,
          severity,
          count,
          lines: places.map(({ key, line }) => ({ line, ...(contexts.get(key) as Context) })),
        })),
        traces: [...traces]
          .filter(([, t]) => t.spans.length + t.lines.length > 0)
          .map(([traceId, t]) => ({ traceId, spans: parentsFirst(t.spans), lines: byTime(t.lines) })),
        read: { records, lines, spans },
        missing: notes,
      };
    },
  };
}

const byTime = (lines: readonly TrailLine[]): TrailLine[] => [...lines].sort((a, b) => a.timeMs - b.timeMs);

/** Each span behind its parent, siblings by time; one whose parent was never seen begins anew. No recursion: depth is theirs to choose. */
function parentsFirst(spans: readonly Omit<TrailSpan, "depth">[]): TrailTrace["spans"] {
  const known = new Set(spans.map((s) => s.spanId));
  const children = new Map<string, Omit<TrailSpan, "depth">[]>();
  const sorted = [...spans].sort((a, b) => b.startMs - a.startMs || b.durationMs - a.durationMs);
  const todo: TrailSpan[] = [];
  for (const span of sorted) {
    if (span.parentId === "" || span.parentId === span.spanId || !known.has(span.parentId))
      todo.push({ ...span, depth: 0 });
    else children.set(span.parentId, [...(children.get(span.parentId) ?? []), span]);
  }
  const out: TrailSpan[] = [];
  for (let next = todo.pop(); next; next = todo.pop()) {
    out.push(next);
    const own = children.get(next.spanId) ?? [];
    children.delete(next.spanId);
    for (const child of own) todo.push({ ...child, depth: next.depth + 1 });
  }
  // What is left are circles of parents.
  for (const rest of children.values()) for (const span of rest) out.push({ ...span, depth: 0 });
  return out;
}
