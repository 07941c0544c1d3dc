/** Series with windows that the alarm is judged on: NAB's, generated ones, and single columns of SMD and ASD. */
import { FAULTS, type FaultName } from "../../../data/series/faults.ts";
import { generate } from "../../../data/series/generate.ts";
import { STYLES, type StyleName } from "../../../data/series/styles.ts";
import { type UnivariateOptions, univariateScorer } from "../../../models/stream/univariate.ts";
import type { NabFile } from "../../../pipelines/learn/measures/nab.ts";
import { causeColumns } from "./columns.ts";
import { nabSeries } from "./data.ts";

type Range = readonly [number, number];

export interface AlarmCase {
  readonly category: string;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  readonly windows: readonly Range[];
  readonly unjudged?: readonly Range[];
  /** Kind of the fault of each window, where it is known. */
  readonly kinds?: readonly FaultName[];
}

export const nabCases = (): AlarmCase[] =>
  nabSeries().map((s) => ({
    category: s.category,
    timesMs: Float64Array.from(s.timestamps, (t) => Date.parse(`${t.replace(" ", "T")}Z`)),
    values: s.values,
    windows: s.windows,
  }));

/** Every style with one to four faults. */
export const generatedCases = (seed: number): AlarmCase[] =>
  (Object.keys(STYLES) as StyleName[]).flatMap((style, k) =>
    [1, 2, 3, 4].map((faults) => {
      const made = generate({ seed: seed + 100 * k + faults, style, faults });
      return { ...made, category: style, kinds: made.faults.map((f) => f.kind) };
    }),
  );

export const columnCases = (): AlarmCase[] =>
  causeColumns().map(({ set, values, windows, unjudged }) => ({
    category: set,
    timesMs: new Float64Array(values.length).fill(Number.NaN),
    values,
    windows,
    unjudged,
  }));

export function alarmsOf({ timesMs, values, windows, unjudged = [] }: AlarmCase, options: UnivariateOptions): NabFile {
  const bank = univariateScorer(options);
  bank.resize(1);
  const out = { score: new Float64Array(values.length), alarm: new Float64Array(values.length) };
  bank.observe(new Uint32Array(values.length), timesMs, values, out);
  const judged = (i: number) => windows.some(([from, to]) => i >= from && i <= to);
  for (const [from, to] of unjudged)
    for (let i = Math.max(0, from); i <= Math.min(to, values.length - 1); i++) if (!judged(i)) out.alarm[i] = 0;
  return { score: out.alarm, windows };
}

/** Of each kind of fault, how many windows hold an alarm. */
export function hitsByKind(
  cases: readonly AlarmCase[],
  files: readonly NabFile[],
): Record<FaultName, [number, number]> {
  const hits = Object.fromEntries(Object.keys(FAULTS).map((kind) => [kind, [0, 0]])) as Record<
    FaultName,
    [number, number]
  >;
  cases.forEach(({ windows, kinds = [] }, i) => {
    windows.forEach(([from, to], w) => {
      const of = hits[kinds[w] as FaultName];
      if ((files[i] as NabFile).score.subarray(from, to + 1).some((a) => a > 0)) of[0]++;
      of[1]++;
    });
  });
  return hits;
}
