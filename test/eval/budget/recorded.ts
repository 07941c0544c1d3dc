/** Recorded stretches that are taken to be without faults: train files of SMD and ASD, and NAB outside its labelled windows. */
import type { WindowBatch } from "../../../pipelines/core/batches.ts";
import type { Tables } from "../../../pipelines/core/tables.ts";
import { type Labelled, multivariate, nabSeries } from "../metrics/data.ts";
import type { NullCase } from "./simulate.ts";

export const RECORDED = ["smd", "asd", "nab"] as const;
export type Recorded = (typeof RECORDED)[number];

export const STEP_MS: Readonly<Record<Recorded, number>> = { smd: 60_000, asd: 300_000, nab: 300_000 };

/** Real series of NAB with a value each five minutes. */
const NAB_CATEGORIES = ["realAWSCloudwatch", "realKnownCause", "realTweets"];

/** Row-major [rows, columns]; a gap is NaN. */
interface Part {
  readonly name: string;
  readonly columns: readonly string[];
  readonly values: Float64Array;
}

/** A part a machine; of NAB one a series. */
export function partsOf(set: Recorded): Part[] {
  if (set !== "nab") return multivariate(set).map(({ train }) => ({ ...train, name: train.path }));
  return nabSeries()
    .filter((s) => NAB_CATEGORIES.includes(s.path.split("/")[1] as string))
    .map((s) => ({ name: s.path, columns: s.columns, values: outsideWindows(s) }));
}

function outsideWindows({ values, windows }: Labelled): Float64Array {
  const out = values.slice();
  for (const [first, last] of windows) out.fill(Number.NaN, first, last + 1);
  return out;
}

/** Parts side by side, an entity each; a window a row, until the longest has ended. */
export function recorded(parts: readonly Part[], stepMs: number): NullCase["source"] {
  return (tables: Tables) => {
    for (const { name, columns } of parts) {
      const e = tables.internNamed("service", name);
      for (const [i, column] of columns.entries()) tables.internSeries(e, column, "1", "gauge", { column: String(i) });
    }
    const rowsOf = ({ values, columns }: Part) => values.length / columns.length;
    const rows = Math.max(...parts.map(rowsOf));
    const window = (i: number): WindowBatch | undefined => {
      if (i >= rows) return undefined;
      const all = parts.flatMap(({ values, columns: { length } }) => {
        const row = [...values.subarray(i * length, (i + 1) * length)];
        return row.length === length ? row : new Array<number>(length).fill(Number.NaN);
      });
      const ids = all.flatMap((v, s) => (Number.isFinite(v) ? [s] : []));
      const value = Float64Array.from(ids, (s) => all[s]!);
      const startMs = Date.UTC(2026, 0, 5) + i * stepMs;
      const [seriesIds, count] = [Uint32Array.from(ids), new Float64Array(ids.length).fill(1)];
      return { startMs, endMs: startMs + stepMs, length: ids.length, seriesIds, value, count, min: value, max: value };
    };
    return { series: tables.seriesCount, window };
  };
}
