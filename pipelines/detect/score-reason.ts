import { reason } from "./reason.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

export interface ScoreReason {
  readonly metric: string;
  readonly value: number;
  readonly expected: number;
  /** NaN where unknown. */
  readonly timeMs: number;
  /** Name the metric: it is one of several. */
  readonly named: boolean;
}

/** A value against what was expected of it then, in words: "42 % above the usual 12.3 of Tuesday 14:00". */
export function scoreReason({ metric, value, expected, timeMs, named }: ScoreReason): string {
  const text = Number.isFinite(value) ? reason("", value, expected, metric).replaceAll(" a second", "") : "no value";
  const date = new Date(timeMs);
  const when = Number.isNaN(timeMs)
    ? ""
    : ` of ${DAYS[date.getUTCDay()]} ${String(date.getUTCHours()).padStart(2, "0")}:00`;
  return `${named ? `${metric}: ` : ""}${text}${when}`;
}
