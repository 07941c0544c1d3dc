/** Recorded metrics by entity, for training and backtests: a file, or every table below a folder. */
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import type { EntityHistory, KnownIncident } from "../../core/history.ts";
import { openTable, type TableOptions } from "../../ingest/sources/csv-table.ts";
import { openJsonlTable } from "../../ingest/sources/jsonl-table.ts";
import { openParquetTable } from "../../ingest/sources/parquet-table.ts";
import { tablesBelow } from "../tables-below.ts";
import { checkMatched, entityOf, incidentsOf, TABLE, type TimeRange, within } from "./known-incidents.ts";
import { placeOf } from "./read-incidents.ts";

export interface ReadHistoryOptions extends TimeRange {
  readonly input: string;
  readonly incidents?: readonly KnownIncident[];
  /** A column of 0 and 1 whose runs of 1 are incidents too. */
  readonly labelColumn?: string | undefined;
  /** Of `x.train.csv` and `x.test.csv` side by side, which to read. */
  readonly part: "train" | "test";
  readonly say: (note: string) => void;
}

/** Values of all entities together at most: 256 MB. */
const MOST_VALUES = 32 * 1024 * 1024;
const ENTITY_COLUMNS = ["entity"];
const LABELS = ["label", "is_anomaly"];

/**
 * Rows in order of time (those with equal times in order of the file). @throws PipelineError on unreadable input, more
 * than 32 M values, or incidents of which none is of these rows
 */
export async function readHistory(options: ReadHistoryOptions): Promise<EntityHistory[]> {
  const { input, incidents = [], part, say } = options;
  let names: string[];
  let folder: string | undefined;
  try {
    folder = (await stat(input)).isDirectory() ? input : undefined;
    names = folder === undefined ? [input] : onePart(await tablesBelow(folder, TABLE), part);
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError("INPUT_INVALID", input, { detail: (error as Error).message, cause: error });
  }
  if (names.length === 0)
    throw new PipelineError("INPUT_INVALID", input, { detail: "there is no .csv, .jsonl or .parquet file below it" });
  const parts = new Map<string, Builder>();
  const left = { values: MOST_VALUES };
  for (const name of names) {
    const path = folder === undefined ? name : join(folder, name);
    await readOne(path, entityOf(folder === undefined ? basename(name) : name), parts, left, options);
  }
  const all = [...parts.values()].filter((b) => b.rows > 0).map((b) => b.build(incidents, say));
  if (all.length === 0) throw new PipelineError("INPUT_INVALID", input, { detail: "it holds no rows" });
  checkMatched(all, incidents, input, say);
  const cut = within(all, options);
  if (cut.length === 0) throw new PipelineError("INPUT_INVALID", input, { detail: "it holds no rows in that range" });
  return cut;
}

/** Without the other half of pairs. */
function onePart(names: string[], part: "train" | "test"): string[] {
  const stems = new Map<string, Set<string>>();
  const partOf = (name: string) => /\.(train|test)\.\w+(?:\.gz)?$/i.exec(name)?.[1] ?? "";
  for (const name of names) stems.set(entityOf(name), (stems.get(entityOf(name)) ?? new Set()).add(partOf(name)));
  return names.filter((name) => partOf(name) === part || partOf(name) === "" || !stems.get(entityOf(name))!.has(part));
}

async function readOne(
  path: string,
  entity: string,
  parts: Map<string, Builder>,
  left: { values: number },
  { labelColumn, say }: ReadHistoryOptions,
): Promise<void> {
  const label = labelColumn?.toLowerCase();
  const form: TableOptions = { entities: ENTITY_COLUMNS, ignored: LABELS.filter((n) => n !== label) };
  const opened = /\.parquet$/i.test(path)
    ? openParquetTable
    : /\.(jsonl|ndjson)(\.gz)?$/i.test(path)
      ? openJsonlTable
      : openTable;
  const table = await opened(path, form);
  try {
    const at = label === undefined ? -1 : table.columns.findIndex((c) => c.toLowerCase() === label);
    if (label !== undefined && at < 0) say(`${path}: there is no column ${labelColumn}; nothing is labelled`);
    const columns = table.columns.filter((_, k) => k !== at);
    if (columns.length === 0)
      throw new PipelineError("DECODE_BAD_FIELD", `${path}:1`, { detail: "there is no column of values" });
    for await (const batch of table.batches) {
      left.values -= batch.rows * columns.length;
      if (left.values < 0)
        throw new PipelineError("LIMIT_BYTES", path, {
          detail: `the input holds more than ${MOST_VALUES} values`,
          hint: "give fewer files, or a shorter range",
        });
      for (let i = 0; i < batch.rows; i++) {
        const own = batch.entities?.[i] ?? "";
        const name = own === "" ? entity : own;
        let into = parts.get(name);
        if (!into) {
          into = new Builder(name, columns);
          parts.set(name, into);
        }
        if (into.columns.length !== columns.length || into.columns.some((c, k) => c !== columns[k]))
          throw new PipelineError("INPUT_INVALID", path, {
            detail: `entity ${name} has other columns here (${columns.slice(0, 4).join(", ")}) than before (${into.columns.slice(0, 4).join(", ")})`,
          });
        into.add(batch, i, at, table.columns.length);
      }
    }
    for (const note of table.notes()) say(note);
  } finally {
    table.close();
  }
}

class Builder {
  rows = 0;
  readonly entity: string;
  readonly columns: readonly string[];
  #times = new Float64Array(1024);
  #places = new Float64Array(1024);
  #labels = new Uint8Array(1024);
  #values: Float64Array;

  constructor(entity: string, columns: readonly string[]) {
    this.entity = entity;
    this.columns = columns;
    this.#values = new Float64Array(1024 * columns.length);
  }

  add(
    batch: { timestamps: readonly string[]; timesMs: Float64Array; values: Float64Array },
    i: number,
    label: number,
    width: number,
  ): void {
    const dims = this.columns.length;
    if (this.rows === this.#times.length) {
      const more = <T extends Float64Array | Uint8Array>(old: T, grown: T): T => {
        grown.set(old);
        return grown;
      };
      this.#times = more(this.#times, new Float64Array(2 * this.rows));
      this.#places = more(this.#places, new Float64Array(2 * this.rows));
      this.#labels = more(this.#labels, new Uint8Array(2 * this.rows));
      this.#values = more(this.#values, new Float64Array(2 * this.rows * dims));
    }
    this.#times[this.rows] = batch.timesMs[i]!;
    this.#places[this.rows] = placeOf(batch.timestamps[i]!);
    let to = this.rows * dims;
    for (let k = 0; k < width; k++) {
      const v = batch.values[i * width + k]!;
      if (k === label) this.#labels[this.rows] = v > 0 ? 1 : 0;
      else this.#values[to++] = v;
    }
    this.rows++;
  }

  build(incidents: readonly KnownIncident[], say: (note: string) => void): EntityHistory {
    const { rows: n, entity, columns } = this;
    const dims = columns.length;
    const timed = this.#times.subarray(0, n).filter(Number.isFinite).length;
    const axis = 2 * timed > n ? "time" : "row";
    const source = axis === "time" ? this.#times : this.#places;
    const kept: number[] = [];
    for (let i = 0; i < n; i++) if (Number.isFinite(source[i]!)) kept.push(i);
    const bare = axis === "row" && kept.length < n;
    if (bare) kept.splice(0, kept.length, ...Array.from({ length: n }, (_, i) => i));
    if (kept.length < n) say(`${entity}: ${n - kept.length} rows have no time and are left out`);
    const place = (i: number) => (bare ? i : source[i]!);
    const late = kept.filter((i, k) => k > 0 && place(i) < place(kept[k - 1]!)).length;
    if (late > 0) {
      say(`${entity}: ${late} rows are out of order; they are sorted by time`);
      kept.sort((a, b) => place(a) - place(b) || a - b);
    }
    const values = new Float64Array(kept.length * dims);
    kept.forEach((i, k) => {
      values.set(this.#values.subarray(i * dims, (i + 1) * dims), k * dims);
    });
    const at = Float64Array.from(kept, place);
    const timesMs = axis === "time" ? at : new Float64Array(at.length).fill(Number.NaN);
    const base: EntityHistory = { entity, columns, axis, at, timesMs, values, incidents: [] };
    const marked = runs(at, this.#labels, kept).map(([start, end]) => ({ start, end, entity, cause: "" }));
    const own = incidentsOf(base, incidents);
    return { ...base, incidents: [...own, ...marked].sort((a, b) => a.start - b.start || a.end - b.end) };
  }
}

/** Runs of labelled rows as half-open intervals: up to the next row that is not, or just past the last. */
function runs(at: Float64Array, labels: Uint8Array, kept: readonly number[]): [number, number][] {
  const out: [number, number][] = [];
  for (let k = 0; k < kept.length; k++) {
    if (labels[kept[k]!] !== 1) continue;
    const start = at[k]!;
    while (k < kept.length && labels[kept[k]!] === 1) k++;
    out.push([start, at[k] === undefined || at[k] === at[k - 1] ? at[k - 1]! + 1 : at[k]!]);
  }
  return out;
}
