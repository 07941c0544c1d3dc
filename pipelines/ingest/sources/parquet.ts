/**
 * A Parquet file as a source, through DuckDB: its rows as CSV records, which the CSV decoder knows. Column `timestamp` (or
 * time, ts, datetime, date), optional columns `service`, `host`, `entity`; each further column of numbers is a series.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { RawRecord } from "../../core/records.ts";
import type { Source } from "../../core/source.ts";
import { asNumber, asText, epoch, openParquet, unreadable } from "./parquet-file.ts";

const TIMES = ["timestamp", "time", "ts", "datetime", "date"];
const LABELS = ["service", "host", "entity"];
/** Of DuckDB, for one file at a time. */
const MEMORY = "256MB";
const ROWS = 500;

export interface ParquetSource extends Source {
  /** Rows of the file. */
  rows(): Promise<number>;
  /** Columns that are left out because they hold no numbers. */
  leftOut(): Promise<readonly string[]>;
}

interface Open {
  readonly header: string;
  readonly select: string;
  readonly rows: number;
  readonly leftOut: readonly string[];
  readonly connection: DuckDBConnection;
  close(): void;
}
interface Cursor {
  row: number;
  next(): Promise<unknown[][]>;
}

/** Positions are `{"offset": rows read}`. @throws PipelineError SOURCE_UNREADABLE, DECODE_BAD_FIELD without a time or a number */
export function parquetSource({ path }: { readonly path: string }): ParquetSource {
  const name = `file:${path}`;
  let opened: Promise<Open> | undefined;
  let cursor: Cursor | undefined;
  const open = () => {
    opened ??= openFile(path);
    return opened;
  };
  const rowOf = (position: string | undefined): number =>
    position === undefined ? 0 : (JSON.parse(position) as { offset: number }).offset;
  const seek = async (row: number): Promise<Cursor> => {
    const { connection, select } = await open();
    const result = await connection.stream(`${select} WHERE file_row_number >= ${row}`);
    let held: unknown[][] = [];
    const at: Cursor = {
      row,
      async next() {
        while (held.length < ROWS) {
          const chunk = await result.fetchChunk();
          if (!chunk || chunk.rowCount === 0) break;
          held = held.concat(chunk.getRows() as unknown[][]);
        }
        const rows = held.slice(0, ROWS);
        held = held.slice(ROWS);
        return rows;
      },
    };
    return at;
  };
  return {
    name,
    rows: async () => (await open()).rows,
    leftOut: async () => (await open()).leftOut,
    async read(position, maxBytes) {
      const { header, rows } = await open();
      const from = rowOf(position);
      if (from >= rows) return [];
      try {
        if (cursor?.row !== from) cursor = await seek(from);
        const out: RawRecord[] = [];
        for (let bytes = 0; bytes < maxBytes; ) {
          const some = await cursor.next();
          if (some.length === 0) break;
          cursor.row += some.length;
          const value = Buffer.from(`${header}\n${some.map((r) => r.map(cell).join(",")).join("\n")}\n`);
          bytes += value.length;
          out.push({
            source: name,
            position: JSON.stringify({ offset: cursor.row }),
            ingestTimeMs: 0,
            format: "csv",
            value,
          });
        }
        return out;
      } catch (error) {
        throw unreadable(path, error);
      }
    },
    finished: async (position) => rowOf(position) >= (await open()).rows,
    async close() {
      cursor = undefined;
      const before = opened;
      opened = undefined;
      if (before)
        await before.then(
          (o) => o.close(),
          () => {},
        );
    },
  };
}

async function openFile(path: string): Promise<Open> {
  const file = await openParquet(path, { times: TIMES, labels: LABELS, memory: MEMORY });
  const { connection, from, time, moment, labels, values, others, close } = file;
  try {
    const columns = [
      moment ? `strftime(make_timestamp(${epoch("us", time)}), '%Y-%m-%dT%H:%M:%S.%gZ')` : asText(time),
      ...labels.map(asText),
      ...values.map(asNumber),
    ];
    const [[count]] = (await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${from}`)).getRows() as [[number]];
    return {
      header: ["timestamp", ...labels.map((f) => f.name.toLowerCase()), ...values.map((f) => f.name)]
        .map(field)
        .join(","),
      select: `SELECT ${columns.join(", ")} FROM ${from}`,
      rows: count,
      leftOut: others.map((f) => f.name),
      connection,
      close,
    };
  } catch (error) {
    close();
    throw unreadable(path, error);
  }
}

/** A gap is an empty cell; what is not finite stays, so that it is counted as refused. */
const cell = (v: unknown): string =>
  v === null || v === undefined ? "" : typeof v === "number" ? String(v) : field(String(v));
/** The decoder takes no line ends within a field. */
function field(text: string): string {
  const line = text.replace(/[\r\n]+/g, " ");
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}
