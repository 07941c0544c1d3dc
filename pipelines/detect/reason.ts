import { formatValue } from "../core/format.ts";
import { seasonWords, type WhenExpected } from "./season-words.ts";

/**
 * A value against what was expected, in words: "4.2 times the usual 12 ms", and where the expected value follows a season,
 * "42 % above the usual Tuesday 14:00 level of 12 ms".
 */
export function reason(unit: string, value: number, expected: number, metric = "", when?: WhenExpected): string {
  const show = (v: number) => formatValue(v, unit, metric);
  const season = when && seasonWords(when);
  const usual = season === undefined ? `the usual ${show(expected)}` : `the usual ${season} level of ${show(expected)}`;
  if (Math.abs(expected) < 1e-9)
    return `${show(value)}, where ${show(0)} is usual${season === undefined ? "" : ` (${season})`}`;
  const ratio = value / expected;
  if (ratio >= 2) return `${Number(ratio.toPrecision(3))} times ${usual}`;
  return `${Number(Math.abs(100 * (ratio - 1)).toPrecision(3))} % ${value >= expected ? "above" : "below"} ${usual}`;
}
