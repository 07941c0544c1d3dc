/** Spans to rate, errors and duration of every service and of every call between services. */
import { SPAN_KIND, type SpanBatch } from "../core/batches.ts";
import type { CallEdge } from "../core/records.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import type { Tables } from "../core/tables.ts";
import type { OpenWindow } from "./open-window.ts";

/** A sampled span counts as many times as it stands for. */
interface Tally {
  n: number;
  errors: number;
  durationMs: number;
  selfMs: number;
}
interface WindowTally {
  servers: Record<string, Tally>;
  /** `caller>callee`, entity ids. */
  edges: Record<string, Tally>;
}

const PENDING = 20_000;
const RECHECK = 16;

/** Drops the oldest beyond the limit: what never finds its other half must not pile up. */
function bounded<K, V>(map: Map<K, V>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}

/**
 * The callee of a client span is found by joining it with the server span whose parent it is; the address it called is
 * remembered, so that a call which nobody answered (crash, hang) still counts against the one that used to answer there.
 * Memory: at most 3 x 20,000 span ids waiting for their other half.
 */
export function callSpans(tables: Tables): Stateful & {
  add(spans: SpanBatch, windowOf: (endMs: number) => number | undefined): number;
  close(startMs: number, window: OpenWindow, alive: boolean): CallEdge[];
} {
  const windows = new Map<number, WindowTally>();
  const peers = new Map<string, number>();
  const clients = new Map<string, { entityId: number; peer: string }>();
  const servers = new Map<string, number>();
  const childMs = new Map<string, number>();
  const known = { servers: new Set<number>(), edges: new Set<string>() };
  let clientsSeen = 0;
  const dirty = new Set<number>();
  let graphDirty = false;

  const tally = (record: Record<string, Tally>, key: string, weight: number, error: number, durationMs: number) => {
    record[key] ??= { n: 0, errors: 0, durationMs: 0, selfMs: 0 };
    const t = record[key];
    t.n += weight;
    t.errors += weight * error;
    t.durationMs += weight * durationMs;
    return t;
  };
  const learn = (client: { entityId: number; peer: string }, callee: number) => {
    if (client.peer === "" || client.entityId === callee || peers.get(client.peer) === callee) return;
    if (peers.size < PENDING || peers.has(client.peer)) peers.set(client.peer, callee);
    graphDirty = true;
  };

  return {
    /** Gives the number of spans that came too late for their window. */
    add(s, windowOf) {
      let late = 0;
      for (let i = 0; i < s.length; i++) {
        const entityId = s.entityIds[i] as number;
        const durationMs = s.durationMs[i] as number;
        const kind = s.kind[i];
        const spanId = s.spanId[i] as string;
        const parentId = s.parentId[i] as string;
        const isServer = kind === SPAN_KIND.server || kind === SPAN_KIND.consumer;
        const isClient = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
        if (!isServer && !isClient) continue;
        const start = windowOf((s.startMs[i] as number) + durationMs);
        const error = s.error[i] as number;
        const weight = s.weight?.[i] ?? 1;
        let into: WindowTally | undefined;
        if (start === undefined) late += 1;
        else {
          into = windows.get(start) ?? { servers: {}, edges: {} };
          windows.set(start, into);
          dirty.add(start);
        }
        if (isServer) {
          const waiting = clients.get(parentId);
          if (waiting) {
            learn(waiting, entityId);
            clients.delete(parentId);
          } else if (parentId !== "") {
            servers.set(parentId, entityId);
            bounded(servers, 2000);
          }
          const children = childMs.get(spanId) ?? 0;
          childMs.delete(spanId);
          if (!into) continue;
          if (!known.servers.has(entityId)) {
            known.servers.add(entityId);
            graphDirty = true;
          }
          const t = tally(into.servers, String(entityId), weight, error, durationMs);
          t.selfMs += weight * Math.max(0, durationMs - children);
          continue;
        }
        if (parentId !== "") {
          childMs.set(parentId, (childMs.get(parentId) ?? 0) + durationMs);
          bounded(childMs, PENDING);
        }
        const client = { entityId, peer: s.peer[i] as string };
        const answered = servers.get(spanId);
        if (answered !== undefined) {
          learn(client, answered);
          servers.delete(spanId);
        } else if (!peers.has(client.peer) || clientsSeen++ % RECHECK === 0) {
          clients.set(spanId, client);
          bounded(clients, 2000);
        }
        const callee = peers.get(client.peer) ?? answered;
        if (callee === undefined || callee === entityId || !into) continue;
        const key = `${entityId}>${callee}`;
        if (!known.edges.has(key)) {
          known.edges.add(key);
          graphDirty = true;
        }
        tally(into.edges, key, weight, error, durationMs);
      }
      return late;
    },
    /** Writes the window's series; a service or call that was known and had nothing gets a rate of zero, if anything was heard at all. */
    close(startMs, window, alive) {
      const w = windows.get(startMs) ?? { servers: {}, edges: {} };
      windows.delete(startMs);
      dirty.add(startMs);
      const seconds = (window.endMs - window.startMs) / 1000;
      const put = (entityId: number, metric: string, unit: string, value: number, peer?: string) => {
        const id = tables.internSeries(entityId, metric, unit, "gauge", peer === undefined ? {} : { peer });
        if (id >= 0) window.add(id, value);
      };
      for (const id of known.servers) {
        const t = w.servers[String(id)];
        if (!t && !alive) continue;
        put(id, "spans.server.rate", "1/s", (t?.n ?? 0) / seconds);
        if (!t) continue;
        put(id, "spans.server.error_ratio", "1", t.errors / t.n);
        put(id, "spans.server.duration", "ms", t.durationMs / t.n);
        put(id, "spans.self_time", "ms", t.selfMs / t.n);
      }
      const out: CallEdge[] = [];
      for (const key of known.edges) {
        const t = w.edges[key];
        const [caller, callee] = key.split(">").map(Number) as [number, number];
        const from = tables.entities[caller]?.name ?? "?";
        const to = tables.entities[callee]?.name ?? "?";
        if (t)
          out.push({
            caller: from,
            callee: to,
            calls: t.n,
            errorRatio: t.errors / t.n,
            durationMs: t.durationMs / t.n,
          });
        if (!t && !alive) continue;
        put(caller, "spans.client.rate", "1/s", (t?.n ?? 0) / seconds, to);
        if (!t) continue;
        put(caller, "spans.client.error_ratio", "1", t.errors / t.n, to);
        put(caller, "spans.client.duration", "ms", t.durationMs / t.n, to);
      }
      return out;
    },
    snapshot(put, full = false) {
      if (full) for (const k of windows.keys()) dirty.add(k);
      for (const k of dirty) put(`window/${k}`, windows.has(k) ? toChunk(windows.get(k)) : undefined);
      dirty.clear();
      put("pending", toChunk([[...clients], [...servers], [...childMs], clientsSeen]));
      if (graphDirty || full) put("graph", toChunk([[...peers], [...known.servers], [...known.edges]]));
      graphDirty = false;
    },
    restore(chunks) {
      const load = <K, V>(map: Map<K, V>, rows: [K, V][]) => {
        for (const [k, v] of rows) map.set(k, v);
      };
      for (const [key, bytes] of chunks) {
        if (key === "pending") {
          const [c, s, d, n] =
            fromChunk<[[string, { entityId: number; peer: string }][], [string, number][], [string, number][], number]>(
              bytes,
            );
          load(clients, c);
          load(servers, s);
          load(childMs, d);
          clientsSeen = n;
        } else if (key === "graph") {
          const [p, s, e] = fromChunk<[[string, number][], number[], string[]]>(bytes);
          load(peers, p);
          for (const id of s) known.servers.add(id);
          for (const k of e) known.edges.add(k);
        } else windows.set(Number(key.slice("window/".length)), fromChunk(bytes));
      }
    },
  };
}
