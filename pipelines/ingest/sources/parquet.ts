/**
 * A Parquet file as a source, through DuckDB: its rows as CSV records, which the CSV decoder knows. Column `timestamp` (or
 * time, ts, datetime, date), optional columns `service`, `host`, `entity`; each further column of numbers is a series.
 */
import { access, constants } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Source } from "../../core/source.ts";

const TIMES = ["timestamp", "time", "ts", "datetime", "date"];
const LABELS = ["service", "host", "entity"];
const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UINTEGER|FLOAT|REAL|DOUBLE|DECIMAL.*|BOOLEAN)$/;
const MOMENT = /^(TIMESTAMP.*|DATE)$/;
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
  await access(path, constants.R_OK).catch((error) => {
    throw unreadable(path, error);
  });
  const { DuckDBInstance } = await import("@duckdb/node-api").catch((error: unknown) => {
    throw unreadable(path, error, "Parquet needs the package @duckdb/node-api");
  });
  // One thread: rows keep the order of the file.
  const instance = await DuckDBInstance.create(":memory:", { threads: "1", memory_limit: MEMORY });
  const connection = await instance.connect();
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    const file = `read_parquet(${quoted(path.replace(/[*?[]/g, "[$&]"))}, file_row_number = true)`;
    const described = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${file}`)).getRows();
    const fields = described
      .map(([name, type]) => ({ name: String(name), type: String(type) }))
      .filter((f) => f.name !== "file_row_number");
    const find = (names: readonly string[]) =>
      names.map((n) => fields.find((f) => f.name.toLowerCase() === n)).find((f) => f !== undefined);
    const time = find(TIMES);
    const labels = LABELS.flatMap((n) => find([n]) ?? []);
    const rest = fields.filter((f) => f !== time && !labels.includes(f));
    const values = rest.filter((f) => NUMERIC.test(f.type));
    if (!time || values.length === 0)
      throw new PipelineError("DECODE_BAD_FIELD", path, {
        detail: time ? "no column besides the time holds numbers" : "it has no column `timestamp`",
        hint: "a column timestamp, perhaps service, host or entity, and columns of numbers",
      });
    const zone = time.type === "TIMESTAMP WITH TIME ZONE" ? "" : "::TIMESTAMP";
    const stamp = quotedName(time.name);
    const columns = [
      MOMENT.test(time.type)
        ? `strftime(make_timestamp(epoch_us(${stamp}${zone})), '%Y-%m-%dT%H:%M:%S.%gZ')`
        : `${stamp}::VARCHAR`,
      ...labels.map((f) => `${quotedName(f.name)}::VARCHAR`),
      ...values.map((f) => `${quotedName(f.name)}::DOUBLE`),
    ];
    const [[count]] = (await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${file}`)).getRows() as [[number]];
    return {
      header: ["timestamp", ...labels.map((f) => f.name.toLowerCase()), ...values.map((f) => f.name)]
        .map(field)
        .join(","),
      select: `SELECT ${columns.join(", ")} FROM ${file}`,
      rows: count,
      leftOut: rest.filter((f) => !values.includes(f)).map((f) => f.name),
      connection,
      close,
    };
  } catch (error) {
    close();
    throw error instanceof PipelineError ? error : unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown, hint?: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  return new PipelineError("SOURCE_UNREADABLE", path, {
    detail: (cause as Error).message.split("\n")[0] as string,
    cause,
    ...(hint ? { hint } : {}),
  });
}

/** A gap is an empty cell; what is not finite stays, so that it is counted as refused. */
const cell = (v: unknown): string =>
  v === null || v === undefined ? "" : typeof v === "number" ? String(v) : field(String(v));
/** The decoder takes no line ends within a field. */
function field(text: string): string {
  const line = text.replace(/[\r\n]+/g, " ");
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
const quotedName = (name: string) => `"${name.replaceAll('"', '""')}"`;
