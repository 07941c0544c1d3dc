import { reason } from "./reason.ts";
import type { WhenExpected } from "./season-words.ts";

export interface ScoreReason extends WhenExpected {
  readonly metric: string;
  readonly value: number;
  readonly expected: number;
  /** Name the metric: it is one of several. */
  readonly named: boolean;
}

/** A value against what was expected of it then, in words: "42 % above the usual Tuesday 14:00 level of 12.3". */
export function scoreReason({ metric, value, expected, named, ...when }: ScoreReason): string {
  const text = Number.isFinite(value)
    ? reason("", value, expected, metric, when).replaceAll(" a second", "")
    : "no value";
  return `${named ? `${metric}: ` : ""}${text}`;
}
