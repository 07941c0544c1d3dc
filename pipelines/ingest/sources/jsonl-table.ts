/** JSON lines as a table: `{"timestamp": …, "cpu": 1, "entity": "web-1"}`, one object a row; `.gz` is unpacked. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { PipelineError } from "../../core/errors.ts";
import { cellTimeMs } from "./cell-time.ts";
import type { Table, TableBatch, TableOptions } from "./csv-table.ts";

const MOST_COLUMNS = 10_000;
const HEAD_ROWS = 1000;

interface Row {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Columns are the fields that hold a number (or null) in the first 1000 rows; a field that comes later is told and left
 * out. Lines may be long, but are bounded. @throws PipelineError SOURCE_UNREADABLE, DECODE_BAD_JSON, DECODE_BAD_FIELD,
 * LIMIT_BYTES; also while batches are read
 */
export async function openJsonlTable(
  path: string,
  {
    times = ["timestamp", "time", "ts", "datetime", "date", "timems"],
    ignored = ["label", "is_anomaly"],
    entities: entityNames = [],
    batchRows = 4096,
    maxLineBytes = 16 * 1024 * 1024,
  }: TableOptions = {},
): Promise<Table> {
  const rows = rowsOf(path, maxLineBytes);
  const head: Row[] = [];
  while (head.length < HEAD_ROWS) {
    const next = await rows.next();
    if (next.done) break;
    head.push(next.value);
  }
  const bad = (line: number, detail: string) =>
    new PipelineError("DECODE_BAD_FIELD", `${path}:${line}`, {
      detail,
      hint: 'one object a line: {"timestamp": "2026-01-01T00:00:00Z", "cpu": 0.3}',
    });
  const first = head[0];
  if (!first) throw bad(1, "the file holds no row");
  const keys = new Set<string>();
  for (const { fields } of head) for (const key of Object.keys(fields)) keys.add(key);
  const find = (names: readonly string[]) => names.flatMap((n) => [...keys].filter((k) => k.toLowerCase() === n)).at(0);
  const time = find(times);
  if (time === undefined) throw bad(first.line, "the rows have no field `timestamp`");
  const entity = find(entityNames);
  const columns = [...keys].filter(
    (k) =>
      k !== time &&
      k !== entity &&
      !ignored.includes(k.toLowerCase()) &&
      head.some(({ fields }) => typeof fields[k] === "number"),
  );
  if (columns.length === 0) throw bad(first.line, "no field besides the time holds numbers");
  if (columns.length > MOST_COLUMNS) throw bad(first.line, `more than ${MOST_COLUMNS} fields hold numbers`);
  const known = new Set(columns);
  const late = new Map<string, number>();

  async function* all(): AsyncGenerator<Row> {
    yield* head;
    for await (const row of rows) {
      for (const [key, value] of Object.entries(row.fields))
        if (typeof value === "number" && !known.has(key) && !keys.has(key) && late.size < 100 && !late.has(key))
          late.set(key, row.line);
      yield row;
    }
  }
  async function* batches(): AsyncGenerator<TableBatch> {
    let pending: Row[] = [];
    const flush = (): TableBatch => {
      const values = new Float64Array(pending.length * columns.length);
      pending.forEach(({ fields }, r) => {
        columns.forEach((key, k) => {
          const v = fields[key];
          values[r * columns.length + k] = typeof v === "number" && Number.isFinite(v) ? v : Number.NaN;
        });
      });
      const timestamps = pending.map(({ fields }) => textOf(fields[time as string]));
      const batch = {
        rows: pending.length,
        timestamps,
        timesMs: Float64Array.from(timestamps, cellTimeMs),
        values,
        ...(entity === undefined ? {} : { entities: pending.map(({ fields }) => textOf(fields[entity])) }),
      };
      pending = [];
      return batch;
    };
    for await (const row of all()) {
      pending.push(row);
      if (pending.length === batchRows) yield flush();
    }
    if (pending.length > 0) yield flush();
  }
  return {
    columns,
    notes: () => [...late].map(([key, line]) => `${path}:${line}: field ${key} is new here; it is left out`),
    batches: batches(),
    close: () => void rows.return(undefined),
  };
}

const textOf = (v: unknown) => (typeof v === "string" ? v.trim() : typeof v === "number" ? String(v) : "");

async function* rowsOf(path: string, maxBytes: number): AsyncGenerator<Row> {
  const file = createReadStream(path);
  const gunzip = path.endsWith(".gz") ? createGunzip() : undefined;
  const stream = gunzip ? file.on("error", (e: Error) => gunzip.destroy(e)).pipe(gunzip) : file;
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  // readline does not pass on the stream's errors to a waiting reader
  let failure: Error | undefined;
  stream.once("error", (e: Error) => {
    failure = e;
    lines.close();
  });
  const unreadable = (e: Error) => new PipelineError("SOURCE_UNREADABLE", path, { detail: e.message, cause: e });
  let line = 0;
  try {
    for await (const text of lines) {
      line++;
      if (text.length > maxBytes)
        throw new PipelineError("LIMIT_BYTES", `${path}:${line}`, { detail: `a line is longer than ${maxBytes}` });
      const clean = line === 1 ? text.replace(/^\u{feff}/u, "") : text;
      if (clean.trim() === "") continue;
      let fields: unknown;
      try {
        fields = JSON.parse(clean);
      } catch (error) {
        throw new PipelineError("DECODE_BAD_JSON", `${path}:${line}`, { detail: (error as Error).message });
      }
      if (fields === null || typeof fields !== "object" || Array.isArray(fields))
        throw new PipelineError("DECODE_BAD_FIELD", `${path}:${line}`, { detail: "the line is no object" });
      yield { line, fields: fields as Record<string, unknown> };
    }
    if (failure) throw failure;
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw unreadable(error as Error);
  } finally {
    lines.close();
    file.destroy();
    gunzip?.destroy();
  }
}
