/** What comes again and again and never belongs to an incident says little when it comes once more. */
import type { Anomaly } from "../core/records.ts";
import { type Stateful, scoped, scopedChunks } from "../core/stage.ts";
import { decayedCounts } from "./decayed.ts";

const HALF_LIFE_MS = 7 * 86_400_000;
/** Decimal orders of improbability from which a coincidence is none. */
const FULL_ORDERS = 2;
const LEAST = 0.1;

export interface Rarity extends Stateful {
  /** It ended, and no incident had it, or one that nobody took up. */
  cameToNothing(anomaly: Anomaly, timeMs: number): void;
  /** Decimal orders of evidence that its series' false alarms of the last weeks take off, >= 0; counted twice, as importance. */
  orders(anomaly: Anomaly, timeMs: number): number;
  /** Share of its weight, in [0.1, 1]. */
  of(anomaly: Anomaly, timeMs: number): number;
}

const keyOf = (a: Anomaly): string => `${a.entity}\u0000${a.series}`;

/**
 * The rate of such false alarms, over a week or so, gives the chance that one falls into `spanMs` by itself; from 1 in 100
 * on that takes nothing off. One or two in a week change nothing. Memory: 20,000 series.
 */
export function rarity(spanMs: number): Rarity {
  const counts = decayedCounts({ halfLifeMs: HALF_LIFE_MS });
  return {
    cameToNothing: (a, timeMs) => counts.add(keyOf(a), timeMs),
    orders: (a, timeMs) => 2 * Math.log10(1 + counts.at(keyOf(a), timeMs)),
    of(a, timeMs) {
      const n = counts.at(keyOf(a), timeMs);
      if (n < 2) return 1;
      const expected = (n * Math.LN2 * spanMs) / HALF_LIFE_MS;
      const orders = -Math.log10(1 - Math.exp(-expected));
      return Math.min(1, Math.max(LEAST, orders / FULL_ORDERS));
    },
    snapshot: (put, full) => counts.snapshot(scoped(put, "n"), full),
    restore: (chunks) => counts.restore(scopedChunks(chunks, "n")),
  };
}
