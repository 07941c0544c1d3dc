/** Remembers which series some attribute bytes stand for, so that a known series costs neither objects nor sorting. */
import type { SignalSink } from "../../core/signals.ts";
import type { SeriesKind } from "../../core/tables.ts";
import type { MetricHead } from "./otlp-rows.ts";

/** Entries over all metrics of a sink; past it the cache starts anew. */
const MAX_ENTRIES = 200_000;

export class SeriesCache {
  #metrics = new Map<string, Map<string, number>>();
  #entries = 0;

  /** Ids by attribute bytes (latin1) of one metric. Only ids that the sink gave: refusals must be counted each time. */
  of(head: MetricHead, kind: SeriesKind): Map<string, number> {
    const key = `${head.entityId}\u0000${kind}\u0000${head.name}`;
    let ids = this.#metrics.get(key);
    if (!ids) {
      if (++this.#entries > MAX_ENTRIES) this.#clear();
      ids = new Map();
      this.#metrics.set(key, ids);
    }
    return ids;
  }

  put(ids: Map<string, number>, attributes: string, id: number): void {
    if (++this.#entries > MAX_ENTRIES) {
      this.#clear();
      ids.clear();
    }
    ids.set(attributes, id);
  }

  #clear(): void {
    this.#metrics.clear();
    this.#entries = 0;
  }
}

const caches = new WeakMap<SignalSink, SeriesCache>();

/** The cache of a sink: ids are never reused and its limits never change, so an entry stays true as long as the sink. */
export function cacheOf(sink: SignalSink): SeriesCache {
  let cache = caches.get(sink);
  if (!cache) {
    cache = new SeriesCache();
    caches.set(sink, cache);
  }
  return cache;
}
