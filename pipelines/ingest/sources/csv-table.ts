/**
 * A CSV file with a column `timestamp` and columns of numbers, read in batches as columns; `.gz` is unpacked. Memory is bounded
 * by the batch and the longest line.
 */
import { PipelineError } from "../../core/errors.ts";
import { csvRecords } from "../csv/records.ts";
import { cellTimeMs } from "./cell-time.ts";

export interface TableBatch {
  readonly rows: number;
  /** As written. */
  readonly timestamps: readonly string[];
  /** NaN where the text is no time. */
  readonly timesMs: Float64Array;
  /** Row-major [rows, columns]; NaN for an empty, missing or non-numeric cell. */
  readonly values: Float64Array;
  /** Text of the entity column, where there is one. */
  readonly entities?: readonly string[];
}

export interface Table {
  /** Of the value columns, in order. */
  readonly columns: readonly string[];
  /** What was amiss so far, in words with a count; complete once all batches are read. */
  readonly notes: () => readonly string[];
  readonly batches: AsyncIterable<TableBatch>;
  close(): void;
}

export interface TableOptions {
  /** Names, in lower case, that hold the time: the first that is there. */
  times?: readonly string[];
  /** Names, in lower case, that are no values. */
  ignored?: readonly string[];
  /** Names, in lower case, of a column that tells the entity of a row, the first that is there: its text is no value. */
  entities?: readonly string[];
  batchRows?: number;
  maxLineBytes?: number;
}

const MISSING = /^(|na|n\/a|nan|null|none|-|[+-]?inf(inity)?)$/i;

/**
 * Opens a table; reads its header at once.
 * @throws PipelineError SOURCE_UNREADABLE, DECODE_BAD_FIELD (no header, no time column, no value column, a quote that is
 * not closed), LIMIT_BYTES (a line that is too long); also while batches are read
 */
export async function openTable(
  path: string,
  {
    times = ["timestamp", "time", "ts", "datetime", "date"],
    ignored = ["label", "is_anomaly"],
    entities: entityNames = [],
    batchRows = 4096,
    maxLineBytes = 16 * 1024 * 1024,
  }: TableOptions = {},
): Promise<Table> {
  const chunks = csvRecords(path, { longest: maxLineBytes });
  const close = () => void chunks.return(undefined);
  const head = await chunks.next();
  const bad = (line: number, detail: string, hint?: string) => {
    close();
    return new PipelineError("DECODE_BAD_FIELD", `${path}:${line}`, { detail, ...(hint ? { hint } : {}) });
  };
  const hint = "the first line names the columns: timestamp,cpu,memory";
  if (head.done) throw bad(1, "the file has no header", hint);
  const names = (head.value.rows[0] as string[]).map((n) => n.trim());
  const lower = names.map((n) => n.toLowerCase());
  const time = times.map((n) => lower.indexOf(n)).find((i) => i >= 0) ?? -1;
  if (time < 0) throw bad(1, "the header has no column `timestamp`", hint);
  const entity = entityNames.map((n) => lower.indexOf(n)).find((i) => i >= 0) ?? -1;
  const at = names.map((_, i) => i).filter((i) => i !== time && i !== entity && !ignored.includes(lower[i] as string));
  if (at.length === 0) throw bad(1, "the header has no column of values besides the time", hint);
  const width = at.length;
  let [ragged, firstRagged] = [0, 0];
  const wrong = new Map<number, { count: number; line: number; text: string }>();

  async function* batches(): AsyncGenerator<TableBatch> {
    let timestamps: string[] = [];
    let owners: string[] = [];
    let timesMs = new Float64Array(batchRows);
    let values = new Float64Array(batchRows * width);
    const flush = (): TableBatch => {
      const rows = timestamps.length;
      const batch = {
        rows,
        timestamps,
        timesMs: timesMs.subarray(0, rows),
        values: values.subarray(0, rows * width),
        ...(entity < 0 ? {} : { entities: owners }),
      };
      timestamps = [];
      owners = [];
      timesMs = new Float64Array(batchRows);
      values = new Float64Array(batchRows * width);
      return batch;
    };
    const add = (cells: readonly string[], line: number) => {
      if (cells.length !== names.length && ragged++ === 0) firstRagged = line;
      const row = timestamps.length;
      const stamp = cells[time] ?? "";
      timestamps.push(stamp);
      if (entity >= 0) owners.push((cells[entity] ?? "").trim());
      timesMs[row] = cellTimeMs(stamp);
      for (let k = 0; k < width; k++) {
        const cell = cells[at[k] as number] ?? "";
        // an empty cell is Number("") = 0
        const v = cell === "" ? Number.NaN : Number(cell);
        values[row * width + k] = v;
        if (Number.isFinite(v)) continue;
        values[row * width + k] = Number.NaN;
        const trimmed = cell.trim();
        if (MISSING.test(trimmed)) continue;
        const seen = wrong.get(k);
        if (seen) seen.count++;
        else wrong.set(k, { count: 1, line, text: trimmed.slice(0, 40) });
      }
    };
    async function* all() {
      yield { rows: head.value.rows.slice(1), lines: head.value.lines.slice(1) };
      yield* chunks;
    }
    try {
      for await (const { rows, lines } of all())
        for (const [k, cells] of rows.entries()) {
          add(cells, lines[k] as number);
          if (timestamps.length === batchRows) yield flush();
        }
      if (timestamps.length > 0) yield flush();
    } finally {
      close();
    }
  }
  return {
    columns: at.map((i) => names[i] as string),
    notes: () => [
      ...(ragged > 0
        ? [`${path}:${firstRagged}: ${ragged} rows have not ${names.length} cells; missing ones are gaps`]
        : []),
      ...[...wrong].map(
        ([k, w]) =>
          `${path}:${w.line}: column ${names[at[k] as number]} has ${w.count} cells that are no numbers (first: ${JSON.stringify(w.text)}); they are gaps`,
      ),
    ],
    batches: batches(),
    close,
  };
}
