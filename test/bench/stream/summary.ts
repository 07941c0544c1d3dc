/** Rounds to medians, ratios and a table. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[mid]! : (sorted[mid - 1]! + sorted[mid]!) / 2;
}

/** undefined of nothing. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values), rounds: values.length };
}

/** What each entrant gave, a row a round; `undefined` where it was not run or failed. */
export type Rounds = readonly Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>[];

export const valuesOf = (rounds: Rounds, name: string, field: string): number[] =>
  rounds.map((r) => r[name]?.[field]).filter((v): v is number => typeof v === "number" && Number.isFinite(v));

/**
 * Median over rounds of `a.field / b.field`, both of the same round: what else the machine does in a round, it does to
 * both. null when no round has both: a ratio is never made up.
 */
export function ratioOf(rounds: Rounds, a: string, b: string, field: string): number | null {
  const ratios = rounds.flatMap((r) => {
    const [x, y] = [r[a]?.[field], r[b]?.[field]];
    return typeof x === "number" && typeof y === "number" && y > 0 ? [x / y] : [];
  });
  return ratios.length === 0 ? null : round(medianOf(ratios));
}

/** The one of `names` with the highest median. */
export function bestOf(rounds: Rounds, names: readonly string[], field: string): string | undefined {
  let best: { name: string; median: number } | undefined;
  for (const name of names) {
    const median = spreadOf(valuesOf(rounds, name, field))?.median;
    if (median !== undefined && (!best || median > best.median)) best = { name, median };
  }
  return best?.name;
}

/** To four digits. */
export const round = (v: number): number => Number(v.toPrecision(4));

/** Rows as aligned text columns; the first left, the others right. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((r) => r[c]!.length)));
  const line = (r: readonly string[]) =>
    r.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  ");
  return rows.map((r) => `${line(r).trimEnd()}\n`).join("");
}
