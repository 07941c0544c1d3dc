import { formatValue } from "../core/format.ts";

/** A value against what was expected, in words: "4.2 times the usual 12 ms". */
export function reason(unit: string, value: number, expected: number, metric = ""): string {
  const show = (v: number) => formatValue(v, unit, metric);
  if (Math.abs(expected) < 1e-9) return `${show(value)}, where ${show(0)} is usual`;
  const ratio = value / expected;
  if (ratio >= 2) return `${Number(ratio.toPrecision(3))} times the usual ${show(expected)}`;
  return `${Number(Math.abs(100 * (ratio - 1)).toPrecision(3))} % ${value >= expected ? "above" : "below"} the usual ${show(expected)}`;
}
