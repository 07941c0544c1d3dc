/**
 * A CSV file with a column `timestamp` and columns of numbers, read in batches as columns; `.gz` is unpacked. Memory is bounded
 * by the batch and the longest line.
 */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { PipelineError } from "../../core/errors.ts";
import { cellsOf } from "../decoders/csv.ts";
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
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const gunzip = path.endsWith(".gz") ? createGunzip({ chunkSize: 1 << 18 }) : undefined;
  if (gunzip) {
    file.on("error", (e) => gunzip.destroy(e));
    file.pipe(gunzip);
  }
  const stream = gunzip ?? file;
  const close = () => {
    file.destroy();
    gunzip?.destroy();
  };
  const lines = linesOf(stream, path, maxLineBytes);
  let header: Awaited<ReturnType<typeof lines.next>>;
  try {
    header = await lines.next();
  } catch (error) {
    close();
    throw error;
  }
  const bad = (line: number, detail: string, hint?: string) => {
    close();
    return new PipelineError("DECODE_BAD_FIELD", `${path}:${line}`, { detail, ...(hint ? { hint } : {}) });
  };
  const hint = "the first line names the columns: timestamp,cpu,memory";
  if (header.done) throw bad(1, "the file has no header", hint);
  const names = (cellsOf(header.value.text) ?? []).map((n) => n.trim());
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
    try {
      for await (const { text, line } of lines) {
        const cells = cellsOf(text);
        if (cells === null) throw bad(line, "a quote is not closed, or something follows it");
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

/** Lines that are not empty, without their ends; a quoted cell may hold line ends. Line numbers from 1. */
async function* linesOf(
  stream: AsyncIterable<Buffer>,
  path: string,
  maxBytes: number,
): AsyncGenerator<{ text: string; line: number }> {
  const decoder = new TextDecoder();
  let rest = "";
  let line = 0;
  let open = "";
  let openLine = 0;
  const take = function* (text: string) {
    line++;
    let whole = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (open !== "" || whole.includes('"')) {
      if (open === "") openLine = line;
      else whole = `${open}\n${whole}`;
      let quotes = 0;
      for (let i = whole.indexOf('"'); i >= 0; i = whole.indexOf('"', i + 1)) quotes++;
      if (quotes % 2 === 1) {
        if (whole.length > maxBytes) throw tooLong(path, openLine, maxBytes);
        open = whole;
        return;
      }
      open = "";
      if (whole.trim() !== "") yield { text: whole, line: openLine };
      return;
    }
    if (whole.trim() !== "") yield { text: whole, line };
  };
  try {
    for await (const chunk of stream) {
      const text = rest + decoder.decode(chunk, { stream: true });
      let from = 0;
      for (let to = text.indexOf("\n"); to >= 0; to = text.indexOf("\n", from)) {
        yield* take(text.slice(from, to));
        from = to + 1;
      }
      rest = text.slice(from);
      if (rest.length > maxBytes) throw tooLong(path, line + 1, maxBytes);
    }
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError("SOURCE_UNREADABLE", path, { detail: (error as Error).message, cause: error });
  }
  rest += decoder.decode();
  if (rest !== "") yield* take(rest);
  if (open !== "")
    throw new PipelineError("DECODE_BAD_FIELD", `${path}:${openLine}`, { detail: "a quote is not closed" });
}

const tooLong = (path: string, line: number, maxBytes: number) =>
  new PipelineError("LIMIT_BYTES", `${path}:${line}`, { detail: `a line is longer than ${maxBytes} characters` });
