/** Counts that fade with event time, of at most so many keys. */
import type { Stateful } from "../core/stage.ts";
import { chunkedMap } from "./chunked-map.ts";

export interface DecayedCounts extends Stateful {
  add(key: string, timeMs: number, by?: number): void;
  /** What is left of it, 0 where nothing was counted. */
  at(key: string, timeMs: number): number;
  readonly size: number;
}

/** `limit` keys; of more the quarter with the least left goes. */
export function decayedCounts({ halfLifeMs, limit = 20_000 }: { halfLifeMs: number; limit?: number }): DecayedCounts {
  const counts = chunkedMap<[n: number, timeMs: number]>();
  const left = ([n, ms]: readonly [number, number], nowMs: number) => n * 0.5 ** (Math.max(0, nowMs - ms) / halfLifeMs);
  return {
    add(key, timeMs, by = 1) {
      const known = counts.get(key);
      counts.set(key, [(known ? left(known, timeMs) : 0) + by, timeMs]);
      if (counts.size <= limit) return;
      const faint = [...counts].sort(([a, x], [b, y]) => left(x, timeMs) - left(y, timeMs) || (a < b ? -1 : 1));
      for (const [k] of faint.slice(0, Math.ceil(limit / 4))) counts.delete(k);
    },
    at(key, timeMs) {
      const known = counts.get(key);
      return known ? left(known, timeMs) : 0;
    },
    get size() {
      return counts.size;
    },
    snapshot: counts.snapshot,
    restore: counts.restore,
  };
}
