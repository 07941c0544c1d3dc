/** A Parquet file as a table, through DuckDB: rows in the order of the file, memory bounded by DuckDB's limit. */
import { cellTimeMs } from "./cell-time.ts";
import type { Table, TableBatch, TableOptions } from "./csv-table.ts";
import { asNumber, asText, epoch, openParquet, unreadable } from "./parquet-file.ts";

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
  const file = await openParquet(path, { times, labels: entityNames, ignored, memory: MEMORY });
  const { connection, from, time, moment, values, close } = file;
  const [entity, ...unused] = file.labels;
  const others = [...unused, ...file.others];
  const fail = (error: unknown) => {
    close();
    return unreadable(path, error);
  };
  try {
    const selected = [
      moment ? `${epoch("ms", time)}::DOUBLE` : asText(time),
      entity ? asText(entity) : "NULL",
      ...values.map(asNumber),
    ];
    const result = await connection.stream(`SELECT ${selected.join(", ")} FROM ${from}`);

    async function* batches(): AsyncGenerator<TableBatch> {
      let held: unknown[][] = [];
      const flush = () => {
        const batch = batchOf(held, values.length, moment, entity !== undefined);
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
      columns: values.map((f) => f.name),
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
