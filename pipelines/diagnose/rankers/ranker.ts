import type { Evidence } from "../../core/records.ts";
import type { CaseSeries, CaseView } from "../case-view.ts";

/** What one source of evidence says of one entity; `score` and its parts add up over rankers by weight. */
export interface RankerResult {
  readonly entity: string;
  readonly score: number;
  readonly for: readonly Evidence[];
  readonly against: readonly Evidence[];
}

/** Pure: the same case and onset give the same results, whatever else was asked before. */
export interface Ranker {
  readonly name: string;
  rank(view: CaseView, onset: number): RankerResult[];
}

/** Three significant digits, with the unit people read. */
export function amount(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "nothing";
  if (unit.startsWith("By")) {
    const rest = unit.slice(2);
    for (const [size, name] of [
      [1024 ** 3, "GiB"],
      [1024 ** 2, "MiB"],
      [1024, "KiB"],
    ] as const)
      if (Math.abs(value) >= size) return `${short(value / size)} ${name}${rest}`;
    return `${short(value)} B${rest}`;
  }
  if (unit === "1/s" || (unit.startsWith("{") && unit.endsWith("/s"))) return `${short(value)} a second`;
  if (unit === "1" || unit === "") return short(value);
  return `${short(value)} ${unit}`;
}
/** A ratio as per cent. */
export const percent = (ratio: number): string => `${short(100 * ratio)} %`;

/** Value of a series for people: ratios and utilisations as per cent. */
export const told = (s: Pick<CaseSeries, "metric" | "unit">, value: number): string =>
  (s.unit === "1" || s.unit === "") && /ratio|utili[sz]ation/.test(s.metric) && Number.isFinite(value)
    ? percent(value)
    : amount(value, s.unit);

const short = (v: number): string => {
  if (v === 0) return "0";
  const abs = Math.abs(v);
  if (abs < 0.001) return "0";
  if (abs >= 100) return String(Math.round(v));
  return String(Number(v.toPrecision(abs >= 10 ? 3 : 2)));
};

/** Results with something to say, in canonical order. */
export function spoken(results: Iterable<RankerResult>): RankerResult[] {
  return [...results]
    .filter((r) => r.score !== 0 || r.against.length > 0)
    .sort((a, b) => (a.entity < b.entity ? -1 : a.entity > b.entity ? 1 : 0));
}
