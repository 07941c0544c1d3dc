/** Counts that fade with event time, of at most so many keys, kept in chunks of which only those that changed are written. */
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";

const CHUNKS = 32;

export interface DecayedCounts extends Stateful {
  add(key: string, timeMs: number, by?: number): void;
  /** What is left of it, 0 where nothing was counted. */
  at(key: string, timeMs: number): number;
  readonly size: number;
}

/** `limit` keys; of more the quarter with the least left goes. */
export function decayedCounts({ halfLifeMs, limit = 20_000 }: { halfLifeMs: number; limit?: number }): DecayedCounts {
  const counts = new Map<string, [n: number, timeMs: number]>();
  const dirty = new Set<number>();
  const left = ([n, ms]: readonly [number, number], nowMs: number) => n * 0.5 ** (Math.max(0, nowMs - ms) / halfLifeMs);
  return {
    add(key, timeMs, by = 1) {
      const known = counts.get(key);
      counts.set(key, [(known ? left(known, timeMs) : 0) + by, timeMs]);
      dirty.add(chunkOf(key));
      if (counts.size <= limit) return;
      const faint = [...counts].sort(([a, x], [b, y]) => left(x, timeMs) - left(y, timeMs) || (a < b ? -1 : 1));
      for (const [k] of faint.slice(0, Math.ceil(limit / 4))) {
        counts.delete(k);
        dirty.add(chunkOf(k));
      }
    },
    at(key, timeMs) {
      const known = counts.get(key);
      return known ? left(known, timeMs) : 0;
    },
    get size() {
      return counts.size;
    },
    snapshot(put, full) {
      if (full) for (let i = 0; i < CHUNKS; i++) dirty.add(i);
      if (dirty.size === 0) return;
      const chunks = new Map([...dirty].map((i) => [i, [] as [string, [number, number]][]]));
      for (const entry of counts) chunks.get(chunkOf(entry[0]))?.push(entry);
      for (const [i, entries] of chunks) put(String(i), entries.length > 0 ? toChunk(entries) : undefined);
      dirty.clear();
    },
    restore(chunks) {
      for (const bytes of chunks.values())
        for (const [k, v] of fromChunk<[string, [number, number]][]>(bytes)) counts.set(k, v);
    },
  };
}

function chunkOf(key: string): number {
  let h = 2166136261;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 16777619);
  return (h >>> 0) % CHUNKS;
}
