import { InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import { duration } from "../core/duration.ts";
import { timeOf } from "../measure/reliability/outage-fields.ts";

/** ISO 8601, epoch, or how long ago. */
export function moment(text: string): number {
  const ago = duration.safeParse(text);
  const ms = ago.success && !/^\d+$/.test(text) ? systemClock.nowMs() - ago.data : timeOf(text);
  if (ms === null || Number.isNaN(ms))
    throw new InvalidArgumentError("write a time as 2026-11-03T10:00Z, or how long ago as 30d");
  return ms;
}
