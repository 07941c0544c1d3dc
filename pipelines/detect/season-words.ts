import { formatDuration } from "../core/format.ts";

/** When a value was expected, and by what. */
export interface WhenExpected {
  /** NaN where unknown. */
  readonly timeMs: number;
  /** What the expected value follows: 0 nothing that repeats, -1 the hour of the day, else a learned period in rows. */
  readonly period: number;
  /** Between two rows; NaN where unknown. */
  readonly stepMs: number;
}

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const DAY_MS = 86_400_000;
/** How near a learned period must be to a day or a week to be called by its name. */
const NEAR = 0.03;

/** "Tuesday 14:00", "14:00" (UTC), "37 min 0 s cycle"; undefined where nothing repeats. */
export function seasonWords({ timeMs, period, stepMs }: WhenExpected): string | undefined {
  if (period === 0 || Number.isNaN(period)) return undefined;
  const at = new Date(timeMs);
  const known = !Number.isNaN(at.getTime());
  const hour = known ? `${String(at.getUTCHours()).padStart(2, "0")}:00` : "";
  if (period < 0) return known ? hour : undefined;
  const lengthMs = period * stepMs;
  const near = (ms: number) => known && Math.abs(lengthMs - ms) <= NEAR * ms;
  if (near(7 * DAY_MS)) return `${DAYS[at.getUTCDay()]} ${hour}`;
  if (near(DAY_MS)) return hour;
  return Number.isFinite(lengthMs) ? `${formatDuration(lengthMs)} cycle` : `${Math.round(period)}-row cycle`;
}
