/** A Parquet file as a table, through DuckDB: rows in the order of the file, memory bounded by DuckDB's limit. */
import { access, constants } from "node:fs/promises";
import { PipelineError } from "../../core/errors.ts";
import { cellTimeMs } from "./cell-time.ts";
import type { Table, TableBatch, TableOptions } from "./csv-table.ts";

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UINTEGER|FLOAT|REAL|DOUBLE|DECIMAL.*|BOOLEAN)$/;
const MOMENT = /^(TIMESTAMP.*|DATE)$/;
const MEMORY = "512MB";

/**
 * The time is a TIMESTAMP (without a zone: UTC), a DATE, a number or text, as `cellTimeMs` reads it. Columns of numbers and
 * booleans are values; a value that is null or not finite is a gap. Others are told and left out.
 * @throws PipelineError SOURCE_UNREADABLE (DuckDB is not installed, or the file is no Parquet), DECODE_BAD_FIELD (no time or
 * no value column); also while batches are read
 */
export async function openParquetTable(
  path: string,
  {
    times = ["timestamp", "time", "ts", "datetime", "date", "timems"],
    ignored = ["label", "is_anomaly"],
    entities: entityNames = [],
    batchRows = 4096,
  }: TableOptions = {},
): Promise<Table> {
  const unreadable = (cause: unknown, hint?: string) =>
    new PipelineError("SOURCE_UNREADABLE", path, {
      detail: (cause as Error).message.split("\n")[0] as string,
      cause,
      ...(hint ? { hint } : {}),
    });
  await access(path, constants.R_OK).catch((error) => {
    throw unreadable(error);
  });
  const { DuckDBInstance } = await import("@duckdb/node-api").catch((error: unknown) => {
    throw unreadable(error, "Parquet needs the package @duckdb/node-api");
  });
  const instance = await DuckDBInstance.create(":memory:", { threads: "1", memory_limit: MEMORY });
  const connection = await instance.connect();
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    connection.closeSync();
    instance.closeSync();
  };
  const fail = (error: unknown) => {
    close();
    return error instanceof PipelineError ? error : unreadable(error);
  };
  const file = `read_parquet(${quoted(globFree(path))})`;
  try {
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${file}`);
    const fields = described.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
    const lower = fields.map((f) => f.name.toLowerCase());
    const place = (names: readonly string[]) => names.map((n) => lower.indexOf(n)).find((i) => i >= 0) ?? -1;
    const [time, entity] = [place(times), place(entityNames)];
    const bad = (detail: string) => new PipelineError("DECODE_BAD_FIELD", path, { detail });
    if (time < 0) throw bad("it has no column `timestamp`");
    const rest = fields.filter((_, i) => i !== time && i !== entity && !ignored.includes(lower[i] as string));
    const columns = rest.filter((f) => NUMERIC.test(f.type));
    const others = rest.filter((f) => !NUMERIC.test(f.type));
    if (columns.length === 0) throw bad("no column besides the time holds numbers");
    const stamp = fields[time] as { name: string; type: string };
    const moment = MOMENT.test(stamp.type);
    const plain = stamp.type === "TIMESTAMP WITH TIME ZONE" ? "" : "::TIMESTAMP";
    const selected = [
      moment ? `epoch_ms(${identifier(stamp.name)}${plain})::DOUBLE` : `${identifier(stamp.name)}::VARCHAR`,
      entity < 0 ? "NULL" : `${identifier((fields[entity] as { name: string }).name)}::VARCHAR`,
      ...columns.map((f) => `${identifier(f.name)}::DOUBLE`),
    ];
    const result = await connection.stream(`SELECT ${selected.join(", ")} FROM ${file}`);

    async function* batches(): AsyncGenerator<TableBatch> {
      let held: unknown[][] = [];
      const flush = () => {
        const batch = batchOf(held, columns.length, moment, entity >= 0);
        held = [];
        return batch;
      };
      try {
        for (;;) {
          const chunk = await result.fetchChunk();
          if (!chunk || chunk.rowCount === 0) break;
          for (const row of chunk.getRows()) held.push(row as unknown[]);
          if (held.length >= batchRows) yield flush();
        }
        if (held.length > 0) yield flush();
      } catch (error) {
        throw fail(error);
      } finally {
        close();
      }
    }
    return {
      columns: columns.map((f) => f.name),
      notes: () => others.map((f) => `${path}: column ${f.name} holds ${f.type}, no numbers; it is left out`),
      batches: batches(),
      close,
    };
  } catch (error) {
    throw fail(error);
  }
}

function batchOf(rows: readonly unknown[][], width: number, moment: boolean, entities: boolean): TableBatch {
  const values = new Float64Array(rows.length * width);
  const timesMs = new Float64Array(rows.length);
  const timestamps = rows.map(([t], r) => {
    if (moment && typeof t === "number" && Math.abs(t) <= 8.64e15) {
      timesMs[r] = t;
      return new Date(t).toISOString();
    }
    const text = typeof t === "string" ? t : "";
    timesMs[r] = cellTimeMs(text);
    return text;
  });
  rows.forEach((row, r) => {
    for (let k = 0; k < width; k++) {
      const v = row[k + 2];
      values[r * width + k] = typeof v === "number" && Number.isFinite(v) ? v : Number.NaN;
    }
  });
  const batch = { rows: rows.length, timestamps, timesMs, values };
  return entities ? { ...batch, entities: rows.map(([, e]) => (typeof e === "string" ? e.trim() : "")) } : batch;
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** DuckDB reads a path as a pattern. */
const globFree = (path: string) => path.replace(/[*?[]/g, "[$&]");
