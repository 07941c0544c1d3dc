/** A Parquet file opened through DuckDB: which columns are time and numbers, and SQL that reads them. */
import { access, constants } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { PipelineError } from "../../core/errors.ts";

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UINTEGER|FLOAT|REAL|DOUBLE|DECIMAL.*|BOOLEAN)$/;
const MOMENT = /^(TIMESTAMP.*|DATE)$/;
const ROW_NUMBER = "file_row_number";

export interface ParquetColumn {
  readonly name: string;
  readonly type: string;
}

export interface ParquetFile {
  readonly connection: DuckDBConnection;
  /** For FROM; rows have their number in the file as `file_row_number`. */
  readonly from: string;
  readonly time: ParquetColumn;
  /** The time is a TIMESTAMP or a DATE, else it is text or a number. */
  readonly moment: boolean;
  /** Of the labels asked for those that are there, in that order. */
  readonly labels: readonly ParquetColumn[];
  readonly values: readonly ParquetColumn[];
  /** Columns that hold no numbers. */
  readonly others: readonly ParquetColumn[];
  close(): void;
}

/** Columns by name, whatever the case. */
export interface ParquetRoles {
  /** The first that is there is the time. */
  readonly times: readonly string[];
  readonly labels: readonly string[];
  readonly ignored?: readonly string[];
  /** Of DuckDB, for this file. */
  readonly memory: string;
}

/**
 * One thread, so that rows keep the order of the file. @throws PipelineError SOURCE_UNREADABLE (DuckDB is not installed, or
 * the file is no Parquet), DECODE_BAD_FIELD (no time or no column of numbers)
 */
export async function openParquet(
  path: string,
  { times, labels, ignored = [], memory }: ParquetRoles,
): Promise<ParquetFile> {
  await access(path, constants.R_OK).catch((error) => {
    throw unreadable(path, error);
  });
  const { DuckDBInstance } = await import("@duckdb/node-api").catch((error: unknown) => {
    throw unreadable(path, error, "Parquet needs the package @duckdb/node-api");
  });
  const instance = await DuckDBInstance.create(":memory:", { threads: "1", memory_limit: memory });
  const connection = await instance.connect();
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    connection.closeSync();
    instance.closeSync();
  };
  try {
    // DuckDB reads a path as a pattern.
    const from = `read_parquet(${quoted(path.replace(/[*?[]/g, "[$&]"))}, ${ROW_NUMBER} = true)`;
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`);
    const fields = described
      .getRows()
      .map(([name, type]) => ({ name: String(name), type: String(type) }))
      .filter((f) => f.name !== ROW_NUMBER);
    const named = (name: string) => fields.find((f) => f.name.toLowerCase() === name);
    const time = times.map(named).find((f) => f !== undefined);
    const found = labels.flatMap((name) => named(name) ?? []);
    const rest = fields.filter((f) => f !== time && !found.includes(f) && !ignored.includes(f.name.toLowerCase()));
    const values = rest.filter((f) => NUMERIC.test(f.type));
    if (!time || values.length === 0)
      throw new PipelineError("DECODE_BAD_FIELD", path, {
        detail: time ? "no column besides the time holds numbers" : "it has no column `timestamp`",
        hint: "a column timestamp, perhaps labels as service or host, and columns of numbers",
      });
    const others = rest.filter((f) => !values.includes(f));
    return { connection, from, time, moment: MOMENT.test(time.type), labels: found, values, others, close };
  } catch (error) {
    close();
    throw unreadable(path, error);
  }
}

export function unreadable(path: string, cause: unknown, hint?: string): PipelineError {
  if (cause instanceof PipelineError) return cause;
  return new PipelineError("SOURCE_UNREADABLE", path, {
    detail: (cause as Error).message.split("\n")[0] as string,
    cause,
    ...(hint ? { hint } : {}),
  });
}

/** SQL for the time since 1970 of a TIMESTAMP or DATE; without a zone it is UTC. */
export const epoch = (unit: "ms" | "us", { name, type }: ParquetColumn): string =>
  `epoch_${unit}(${identifier(name)}${type === "TIMESTAMP WITH TIME ZONE" ? "" : "::TIMESTAMP"})`;
export const asText = ({ name }: ParquetColumn): string => `${identifier(name)}::VARCHAR`;
export const asNumber = ({ name }: ParquetColumn): string => `${identifier(name)}::DOUBLE`;

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
