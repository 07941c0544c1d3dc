/** A map kept in chunks of which only those that changed are written. */
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";

const CHUNKS = 32;

export interface ChunkedMap<V> extends Stateful, Iterable<[string, V]> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  readonly size: number;
}

/** Values go to disk as JSON, and are not changed in place. */
export function chunkedMap<V>(): ChunkedMap<V> {
  const all = new Map<string, V>();
  const dirty = new Set<number>();
  return {
    get: (key) => all.get(key),
    set(key, value) {
      all.set(key, value);
      dirty.add(chunkOf(key));
    },
    delete(key) {
      if (all.delete(key)) dirty.add(chunkOf(key));
    },
    get size() {
      return all.size;
    },
    [Symbol.iterator]: () => all.entries(),
    snapshot(put, full) {
      if (full) for (let i = 0; i < CHUNKS; i++) dirty.add(i);
      if (dirty.size === 0) return;
      const chunks = new Map([...dirty].map((i) => [i, [] as [string, V][]]));
      for (const entry of all) chunks.get(chunkOf(entry[0]))?.push(entry);
      for (const [i, entries] of chunks) put(String(i), entries.length > 0 ? toChunk(entries) : undefined);
      dirty.clear();
    },
    restore(chunks) {
      for (const bytes of chunks.values()) for (const [k, v] of fromChunk<[string, V][]>(bytes)) all.set(k, v);
    },
  };
}

function chunkOf(key: string): number {
  let h = 2166136261;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 16777619);
  return (h >>> 0) % CHUNKS;
}
