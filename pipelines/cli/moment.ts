import { InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import { duration } from "../core/duration.ts";
import { timeOf } from "../measure/reliability/outage-fields.ts";

/** ISO 8601, epoch, or how long ago, as ms since the epoch. @throws InvalidArgumentError */
export function moment(text: string): number {
  const ago = duration.safeParse(text);
  const ms = ago.success && !/^\d+$/.test(text) ? systemClock.nowMs() - ago.data : timeOf(text);
  if (ms === null || Number.isNaN(ms))
    throw new InvalidArgumentError("write a time as 2026-11-03T10:00Z, or how long ago as 30d");
  return ms;
}

/** `90s`, `10m`, `2h`, as ms. @throws InvalidArgumentError */
export function lasting(text: string): number {
  const ms = duration.safeParse(text);
  if (!ms.success) throw new InvalidArgumentError("write a duration as 500ms, 5s, 10m, 2h or 1d");
  return ms.data;
}
