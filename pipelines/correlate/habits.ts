/** What a series does at the same hour of several days, and nobody takes up, is its habit: opening hours, a nightly batch. */
import type { Anomaly } from "../core/records.ts";
import type { Stateful } from "../core/stage.ts";
import { chunkedMap } from "./chunked-map.ts";

const DAY_MS = 86_400_000;
/** Within this of the same time of day. More than an hour, so that a change of the clocks is none of the habit. */
const NEAR_MS = 75 * 60_000;
/** On at least so many of so many days before, or of so many weeks. */
const DAYS = { of: 8, least: 3, stepDays: 1 } as const;
const WEEKS = { of: 3, least: 2, stepDays: 7 } as const;
/** Share of what it did in those days that was at this hour: what is restless all day long has no hour. */
const SHARE = 1 / 3;
/** Occurrences remembered of a series and direction, the newest; series. */
const MOST_TIMES = 28;
const MOST_SERIES = 10_000;
/** How much further than ever before, and how much longer, it may go and still be the habit. */
const MORE = 1.5;
const LONGER = 2;
const LONGER_MS = 3_600_000;

/** Start; distance from the expected value, in the unit of the series; how long it lasted, ms. */
type Occurrence = readonly [startMs: number, far: number, lastedMs: number];

export interface Habits extends Stateful {
  /** It ended at `endMs`, and nobody took up the incident that had it, if any. */
  cameToNothing(anomaly: Anomaly, endMs: number): void;
  /** It was a fault after all. */
  wasReal(anomaly: Anomaly): void;
  /** Whether it does what it did on other days at this hour, no more and no longer. */
  has(anomaly: Anomaly, nowMs: number): boolean;
}

const keyOf = (a: Anomaly): string => `${a.entity}\u0000${a.series}\u0000${a.direction}`;
const farOf = ({ value, band }: Anomaly): number => Math.abs(value - band.expected);

/** Memory: 10,000 series, 28 occurrences each. Event time only. */
export function habits(): Habits {
  const seen = chunkedMap<readonly Occurrence[]>();
  return {
    cameToNothing(a, endMs) {
      const before = seen.get(keyOf(a)) ?? [];
      seen.set(keyOf(a), [...before, [a.startMs, farOf(a), endMs - a.startMs] as const].slice(-MOST_TIMES));
      if (seen.size <= MOST_SERIES) return;
      const last = (times: readonly Occurrence[]) => times.at(-1)?.[0] ?? 0;
      const old = [...seen].sort(([a, x], [b, y]) => last(x) - last(y) || (a < b ? -1 : 1));
      for (const [key] of old.slice(0, MOST_SERIES / 4)) seen.delete(key);
    },
    wasReal(a) {
      const left = (seen.get(keyOf(a)) ?? []).filter(([startMs]) => startMs !== a.startMs);
      if (left.length > 0) seen.set(keyOf(a), left);
      else seen.delete(keyOf(a));
    },
    has(a, nowMs) {
      const times = seen.get(keyOf(a));
      if (!times || times.length < WEEKS.least) return false;
      const on = (days: number) =>
        times.filter(([startMs]) => Math.abs(a.startMs - days * DAY_MS - startMs) <= NEAR_MS);
      const among = (count: number, stepDays: number) =>
        Array.from({ length: count }, (_, k) => on((k + 1) * stepDays)).filter((found) => found.length > 0);
      const alike = [DAYS, WEEKS].flatMap(({ of, least, stepDays }) => {
        const found = among(of, stepDays);
        const sinceMs = a.startMs - of * stepDays * DAY_MS - NEAR_MS;
        const all = times.filter(([startMs]) => startMs >= sinceMs && startMs < a.startMs).length;
        return found.length >= least && found.flat().length >= SHARE * all ? found.flat() : [];
      });
      if (alike.length === 0) return false;
      const [far, lasted] = [Math.max(...alike.map((o) => o[1])), Math.max(...alike.map((o) => o[2]))];
      return farOf(a) <= MORE * far && nowMs - a.startMs <= LONGER * lasted + LONGER_MS;
    },
    snapshot: seen.snapshot,
    restore: seen.restore,
  };
}
