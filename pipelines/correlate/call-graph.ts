/** Who calls whom, learned from spans and slowly forgotten. */
import type { CallEdge } from "../core/records.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";

const HALF_LIFE_MS = 1_800_000;
/** An edge with less than this share of a call left is forgotten. */
const FORGET = 0.01;
const LIMIT = 10_000;
const HOPS = 2;
const NOBODY: ReadonlySet<string> = new Set();

export interface CallGraph extends Stateful {
  add(edges: readonly CallEdge[], timeMs: number): void;
  forget(nowMs: number): void;
  has(entity: string): boolean;
  /** Entities at most two calls away in either direction, the entity itself included. */
  near(entity: string): ReadonlySet<string>;
  /** Entities that it calls. */
  callees(entity: string): ReadonlySet<string>;
  /** True when somebody calls it. */
  called(entity: string): boolean;
  readonly size: number;
}

/** `given` edges stay. Memory: at most 10,000 learned ones, the weakest forgotten first. */
export function callGraph(given: readonly (readonly [caller: string, callee: string])[] = []): CallGraph {
  const edges = new Map<string, { calls: number; timeMs: number }>();
  let neighbours = new Map<string, Set<string>>();
  let called = new Set<string>();
  let calls = new Map<string, Set<string>>();
  let cache = new Map<string, ReadonlySet<string>>();
  let dirty = false;

  const link = (sets: Map<string, Set<string>>, from: string, to: string) => {
    const known = sets.get(from);
    if (known) known.add(to);
    else sets.set(from, new Set([to]));
  };
  const rebuild = () => {
    neighbours = new Map();
    called = new Set();
    calls = new Map();
    cache = new Map();
    const learned = [...edges.keys()].map((key) => key.split("\u0000") as [string, string]);
    for (const [caller, callee] of [...given, ...learned]) {
      if (caller === callee) continue;
      link(neighbours, caller, callee);
      link(neighbours, callee, caller);
      link(calls, caller, callee);
      called.add(callee);
    }
  };
  const left = (e: { calls: number; timeMs: number }, nowMs: number) =>
    e.calls * 0.5 ** (Math.max(0, nowMs - e.timeMs) / HALF_LIFE_MS);

  rebuild();
  return {
    add(more, timeMs) {
      let grew = false;
      for (const e of more) {
        if (e.caller === e.callee) continue;
        const key = `${e.caller}\u0000${e.callee}`;
        const known = edges.get(key);
        if (!known) grew = true;
        edges.set(key, { calls: Math.min(1e6, (known ? left(known, timeMs) : 0) + e.calls), timeMs });
        dirty = true;
      }
      if (grew) rebuild();
    },
    forget(nowMs) {
      const before = edges.size;
      for (const [key, e] of edges) if (left(e, nowMs) < FORGET) edges.delete(key);
      if (edges.size > LIMIT) {
        const weakest = [...edges].sort(([a, x], [b, y]) => left(x, nowMs) - left(y, nowMs) || (a < b ? -1 : 1));
        for (const [key] of weakest.slice(0, edges.size - LIMIT)) edges.delete(key);
      }
      if (edges.size === before) return;
      dirty = true;
      rebuild();
    },
    has: (entity) => neighbours.has(entity),
    callees: (entity) => calls.get(entity) ?? NOBODY,
    called: (entity) => called.has(entity),
    near(entity) {
      const known = cache.get(entity);
      if (known) return known;
      const seen = new Set([entity]);
      let edge = [entity];
      for (let hop = 0; hop < HOPS; hop++) {
        const next: string[] = [];
        for (const e of edge)
          for (const n of neighbours.get(e) ?? [])
            if (!seen.has(n)) {
              seen.add(n);
              next.push(n);
            }
        edge = next;
      }
      cache.set(entity, seen);
      return seen;
    },
    get size() {
      return edges.size + given.length;
    },
    snapshot(put, full) {
      if (dirty || full) put("edges", toChunk([...edges]));
      dirty = false;
    },
    restore(chunks) {
      const bytes = chunks.get("edges");
      if (bytes) for (const [k, v] of fromChunk<[string, { calls: number; timeMs: number }][]>(bytes)) edges.set(k, v);
      rebuild();
    },
  };
}
