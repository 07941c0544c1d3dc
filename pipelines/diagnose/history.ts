/** The recent past of one task: a ring of windows, with the logs, calls and changes that belong to them. */

import type { WindowBatch } from "../core/batches.ts";
import { familyOf } from "../core/metric-family.ts";
import type { Anomaly, CallEdge, ChangeEvent, LogDigest } from "../core/records.ts";
import { bytesOf, float64Of, fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import { seriesName, type Tables } from "../core/tables.ts";
import { type CaseEntity, type CaseSeries, type CaseView, caseView } from "./case-view.ts";

export interface HistoryOptions {
  /** Windows kept, default 180. */
  readonly windows?: number;
  /** Series kept: ids from here on are left out, default 50,000. */
  readonly maxSeries?: number;
}

export interface ViewOptions {
  readonly anomalies?: readonly Anomaly[];
  readonly onsetHintsMs?: readonly number[];
  /** The case ends here (exclusive), default after the last window. */
  readonly endMs?: number;
  /** Ranges to blank, such as earlier incidents: they are no baseline. */
  readonly mask?: readonly (readonly [fromMs: number, toMs: number])[];
}

export interface History extends Stateful {
  onWindow(batch: WindowBatch): void;
  onLogs(digests: readonly LogDigest[]): void;
  onEdges(edges: readonly CallEdge[], endMs: number): void;
  onChange(change: ChangeEvent): void;
  view(options?: ViewOptions): CaseView;
  readonly length: number;
}

interface Column {
  readonly endMs: number;
  readonly ids: Uint32Array;
  readonly values: Float64Array;
}
interface Context {
  logs: LogDigest[];
  edges: CallEdge[];
}

const LOGS_A_WINDOW = 100;
const EDGES_A_WINDOW = 2000;
const CHANGES = 200;

/** Memory: 12 bytes a series and window, at most 100 digests and 2,000 edges a window, 200 changes. */
export function history(
  tables: Pick<Tables, "seriesAt" | "entityOf">,
  { windows = 180, maxSeries = 50_000 }: HistoryOptions = {},
): History {
  /** By start, ascending. */
  const columns = new Map<number, Column>();
  /** By end of window, ascending by first sight. */
  const contexts = new Map<number, Context>();
  let changes: ChangeEvent[] = [];
  const dirty = new Set<string>();
  let changesDirty = false;

  const trim = () => {
    for (const start of columns.keys()) {
      if (columns.size <= windows) break;
      columns.delete(start);
      dirty.add(`w/${start}`);
    }
    const oldest = columns.values().next().value?.endMs ?? 0;
    for (const end of contexts.keys())
      if (end < oldest || contexts.size > 2 * windows) {
        contexts.delete(end);
        dirty.add(`c/${end}`);
      }
  };
  const contextOf = (endMs: number): Context => {
    const known = contexts.get(endMs) ?? { logs: [], edges: [] };
    contexts.set(endMs, known);
    dirty.add(`c/${endMs}`);
    return known;
  };

  return {
    onWindow(batch) {
      let n = batch.length;
      while (n > 0 && (batch.seriesIds[n - 1] as number) >= maxSeries) n -= 1;
      const { startMs, endMs } = batch;
      columns.set(startMs, { endMs, ids: batch.seriesIds.slice(0, n), values: batch.value.slice(0, n) });
      dirty.add(`w/${startMs}`);
      trim();
    },
    onLogs(digests) {
      for (const d of digests) {
        const c = contextOf(d.endMs);
        c.logs.push(d);
        if (c.logs.length <= LOGS_A_WINDOW) continue;
        c.logs.sort((a, b) => b.severity - a.severity || b.count - a.count || (a.template < b.template ? -1 : 1));
        c.logs.length = LOGS_A_WINDOW;
      }
    },
    onEdges(edges, endMs) {
      const c = contextOf(endMs);
      c.edges = [...c.edges, ...edges].slice(0, EDGES_A_WINDOW);
    },
    onChange(change) {
      changes = [...changes, change].slice(-CHANGES);
      changesDirty = true;
    },
    get length() {
      return columns.size;
    },
    view({ anomalies = [], onsetHintsMs = [], endMs = Number.POSITIVE_INFINITY, mask = [] } = {}) {
      const used = [...columns].filter(([start]) => start < endMs).sort(([a], [b]) => a - b);
      const last = used.at(-1);
      const stepMs = last ? last[1].endMs - last[0] : 1;
      const lastStart = last ? last[0] : 0;
      const within = used.filter(([start]) => start > lastStart - windows * stepMs);
      const startMs = within[0]?.[0] ?? 0;
      const length = last ? Math.round((lastStart - startMs) / stepMs) + 1 : 0;
      const series = new Map<number, CaseSeries>();
      const entities = new Map<string, CaseEntity>();
      for (const [start, { ids, values }] of within) {
        if (mask.some(([from, to]) => start < to && start + stepMs > from)) continue;
        const at = Math.round((start - startMs) / stepMs);
        for (let k = 0; k < ids.length; k++) {
          const id = ids[k] as number;
          let s = series.get(id);
          if (!s) {
            const def = tables.seriesAt(id);
            if (!def) continue;
            const { name, kind } = tables.entityOf(id);
            entities.set(name, entities.get(name) ?? { name, kind });
            const { metric, unit, attributes } = def;
            const own = { entity: name, name: seriesName(def), metric, unit, family: familyOf(metric) };
            const peer = metric.startsWith("spans.client.") ? (attributes.peer ?? null) : null;
            s = { ...own, peer, values: new Float64Array(length).fill(Number.NaN) };
            series.set(id, s);
          }
          s.values[at] = values[k] as number;
        }
      }
      const near = [...contexts].filter(([end]) => end > startMs && end <= lastStart + stepMs).map(([, c]) => c);
      const edges = near.flatMap((c) => c.edges);
      for (const e of edges)
        for (const name of [e.caller, e.callee]) if (!entities.has(name)) entities.set(name, { name, kind: "service" });
      return caseView({
        startMs,
        stepMs,
        length,
        entities: [...entities.values()],
        series: [...series.values()],
        edges,
        logs: near.flatMap((c) => c.logs),
        changes: changes.filter((c) => c.timeMs >= startMs - 600_000 && c.timeMs < Math.min(endMs, lastStart + stepMs)),
        anomalies,
        onsetHintsMs,
      });
    },
    snapshot(put, full) {
      if (full) {
        for (const start of columns.keys()) dirty.add(`w/${start}`);
        for (const end of contexts.keys()) dirty.add(`c/${end}`);
      }
      for (const key of dirty) {
        const at = Number(key.slice(2));
        if (key.startsWith("c/")) put(key, contexts.has(at) ? toChunk(contexts.get(at)) : undefined);
        else put(key, columns.has(at) ? columnBytes(columns.get(at) as Column) : undefined);
      }
      dirty.clear();
      if (changesDirty || full) put("changes", toChunk(changes));
      changesDirty = false;
    },
    restore(chunks) {
      const byTime = [...chunks].filter(([key]) => key !== "changes").sort(([a], [b]) => timeOf(a) - timeOf(b));
      for (const [key, bytes] of byTime) {
        if (key.startsWith("c/")) contexts.set(timeOf(key), fromChunk(bytes));
        else columns.set(timeOf(key), columnOf(bytes));
      }
      const kept = chunks.get("changes");
      if (kept) changes = fromChunk(kept);
    },
  };
}

const timeOf = (key: string): number => Number(key.slice(2));

/** End of the window, the ids, the values: all as float64. */
function columnBytes({ endMs, ids, values }: Column): Uint8Array {
  const out = new Float64Array(1 + 2 * ids.length);
  out[0] = endMs;
  out.set(ids, 1);
  out.set(values, 1 + ids.length);
  return bytesOf(out);
}
function columnOf(bytes: Uint8Array): Column {
  const all = float64Of(bytes);
  const n = (all.length - 1) / 2;
  return { endMs: all[0] as number, ids: Uint32Array.from(all.subarray(1, 1 + n)), values: all.slice(1 + n) };
}
