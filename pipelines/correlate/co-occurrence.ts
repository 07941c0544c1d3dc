/** Entities that break together though no call is seen between them: a shared host, a queue, a disk. */
import { type Stateful, scoped, scopedChunks } from "../core/stage.ts";
import { decayedCounts } from "./decayed.ts";

const HALF_LIFE_MS = 30 * 86_400_000;
/** Times that two must have broken together, and the share of all times that the rarer of them broke. */
const TIMES = 3;
const SHARE = 0.5;
/** Of one incident: of a larger one nothing is learned, all is down together. */
const MOST = 8;

export interface CoOccurrence extends Stateful {
  /** Entities at which incidents began at about the same time; one alone counts too. */
  together(entities: readonly string[], timeMs: number): void;
  linked(a: string, b: string, timeMs: number): boolean;
  /** Nothing can be linked yet. */
  readonly empty: boolean;
}

const pair = (a: string, b: string) => (a < b ? `${a}\u0000${b}` : `${b}\u0000${a}`);

/** Memory: 20,000 pairs and as many entities. */
export function coOccurrence(): CoOccurrence {
  const pairs = decayedCounts({ halfLifeMs: HALF_LIFE_MS });
  const singles = decayedCounts({ halfLifeMs: HALF_LIFE_MS });
  return {
    together(entities, timeMs) {
      const list = [...new Set(entities)].sort();
      for (const e of list) singles.add(e, timeMs);
      if (list.length > MOST) return;
      for (let i = 0; i < list.length; i++)
        for (let j = i + 1; j < list.length; j++) pairs.add(pair(list[i] as string, list[j] as string), timeMs);
    },
    linked(a, b, timeMs) {
      const n = pairs.at(pair(a, b), timeMs);
      // Faded a little since the third time.
      return n > TIMES - 0.5 && n >= SHARE * Math.min(singles.at(a, timeMs), singles.at(b, timeMs));
    },
    get empty() {
      return pairs.size === 0;
    },
    snapshot(put, full) {
      pairs.snapshot(scoped(put, "pairs"), full);
      singles.snapshot(scoped(put, "singles"), full);
    },
    restore(chunks) {
      pairs.restore(scopedChunks(chunks, "pairs"));
      singles.restore(scopedChunks(chunks, "singles"));
    },
  };
}
