/** A table of metrics, `timestamp` and one column a series, to columns of numbers. */
import { csvRecords } from "../csv/records.ts";
import { numberOf, timeMsOf } from "./times.ts";

export interface MetricsFile {
  /** Ascending, no two alike. */
  readonly timesMs: Float64Array;
  readonly columns: readonly { readonly name: string; readonly values: Float64Array }[];
  /** Rows without a readable time, left out. */
  readonly rejected: number;
  /** Rows of the file that one row here stands for: more than 1 for a file that is longer than the limit. */
  readonly merged: number;
}

export interface MetricsFileOptions {
  /** Rows kept: of a longer file neighbours are averaged. */
  readonly maxRows?: number;
  /** Numbers kept, whatever their shape. */
  readonly maxCells?: number;
}

const TIME = /^(timestamp|time|time_s|time_ms|ts|date|datetime)$/i;

interface Row {
  timeMs: number;
  readonly values: Float64Array;
}

/**
 * Rows may come in any order; of two rows of one time the later one fills and overwrites. Of columns of one name the
 * first counts. An empty cell, NaN or text is a gap. Memory: at most 2 x `maxCells` numbers.
 * @throws PipelineError as `csvRecords`
 */
export async function readMetrics(
  path: string,
  { maxRows = 3000, maxCells = 4_000_000 }: MetricsFileOptions = {},
): Promise<MetricsFile> {
  let rows: Row[] = [];
  let names: string[] = [];
  let used: number[] = [];
  let time = -1;
  let limit = maxRows;
  let rejected = 0;
  let merged = 1;
  for await (const { rows: records } of csvRecords(path, { careless: true })) {
    for (const cells of records) {
      if (time < 0) {
        names = cells.map((n) => n.trim());
        time = Math.max(
          0,
          names.findIndex((n) => TIME.test(n)),
        );
        const first = new Map(names.map((n, i) => [n, i] as const).reverse());
        used = names.flatMap((n, i) => (i === time || n === "" || first.get(n) !== i ? [] : [i]));
        limit = Math.max(8, Math.min(maxRows, Math.floor(maxCells / Math.max(1, used.length))));
        continue;
      }
      const timeMs = timeMsOf(cells[time]);
      if (!Number.isFinite(timeMs)) {
        rejected += 1;
        continue;
      }
      const values = new Float64Array(used.length);
      for (let k = 0; k < used.length; k++) values[k] = numberOf(cells[used[k] as number]);
      rows.push({ timeMs, values });
      if (rows.length < 2 * limit) continue;
      rows = halved(inOrder(rows));
      merged *= 2;
    }
  }
  rows = inOrder(rows);
  while (rows.length > limit) {
    rows = halved(rows);
    merged *= 2;
  }
  return {
    timesMs: Float64Array.from(rows, (r) => r.timeMs),
    columns: used.map((at, k) => ({
      name: names[at] as string,
      values: Float64Array.from(rows, (r) => r.values[k] as number),
    })),
    rejected,
    merged,
  };
}

function inOrder(rows: Row[]): Row[] {
  const sorted = rows.sort((a, b) => a.timeMs - b.timeMs);
  const out: Row[] = [];
  for (const row of sorted) {
    const last = out.at(-1);
    if (last?.timeMs !== row.timeMs) out.push(row);
    else for (const [k, v] of row.values.entries()) if (Number.isFinite(v)) last.values[k] = v;
  }
  return out;
}

/** Pairs of neighbours to their mean, gaps left out. The last of an odd number stays. */
function halved(rows: readonly Row[]): Row[] {
  const out: Row[] = [];
  for (let i = 0; i < rows.length; i += 2) {
    const a = rows[i] as Row;
    const b = rows[i + 1];
    if (b)
      for (let k = 0; k < a.values.length; k++) {
        const [x, y] = [a.values[k] as number, b.values[k] as number];
        a.values[k] = Number.isNaN(x) ? y : Number.isNaN(y) ? x : (x + y) / 2;
      }
    out.push(a);
  }
  return out;
}
