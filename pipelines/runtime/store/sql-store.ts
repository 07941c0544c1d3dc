import { PipelineError } from "../../core/errors.ts";
import type { Topic } from "../../core/records.ts";
import type { Commit, LatestOptions, OutputRecord, Store, StoredRecord } from "../../core/store.ts";
import { call } from "../../tolerance/policies.ts";
import type { AuditEntry } from "./audit.ts";
import { AUDIT_ROOT, auditHash } from "./audit.ts";
import type { Sql, SqlDatabase } from "./migrations.ts";
import { forget } from "./retention.ts";

/** PostgreSQL takes 65,535 parameters a statement; far fewer keep parsing and memory small. */
const MAX_ROWS = 500;
const MAX_BYTES = 4 << 20;

interface RecordRow {
  readonly seq: number | bigint | string;
  readonly topic: Topic;
  readonly key: string;
  readonly value: string;
}

export interface SqlStoreOptions {
  /** Named in errors. */
  readonly where: string;
  /** Runs before a commit with the bytes of state about to be written: the place for upkeep that a server would do itself. */
  readonly beforeCommit?: (bytes: number) => Promise<void>;
  /** Runs after rows were removed: frees their space where the server does not by itself. */
  readonly afterForget?: () => Promise<void>;
  /** Runs after the database is closed. */
  readonly onClose?: () => Promise<void>;
}

/** A store over any PostgreSQL that `migrate` has prepared. */
export function sqlStore(database: SqlDatabase, options: SqlStoreOptions): Store {
  const { where } = options;
  let closing: Promise<void> | undefined;
  const guarded = async <T>(work: () => Promise<T>, policy: "store" | "commit" = "store"): Promise<T> =>
    call({ policy, destination: where, code: "STORE_FAILED" }, async () => {
      if (closing !== undefined) {
        throw new PipelineError("STORE_FAILED", where, { detail: "the store is closed" });
      }
      try {
        return await work();
      } catch (error) {
        throw storeFailed(error, where);
      }
    });
  const select = (text: string, parameters: unknown[]) =>
    guarded(async () => (await database.query<RecordRow>(text, parameters)).rows.map(toRecord));
  return {
    commit: (commit) =>
      guarded(async () => {
        await options.beforeCommit?.(stateBytes(commit));
        await database.transaction((sql) => writeCommit(sql, commit));
      }, "commit"),
    positions: () =>
      guarded(async () => {
        const { rows } = await database.query<{ source: string; position: string }>(
          "SELECT source, position FROM positions",
        );
        return new Map(rows.map((row) => [row.source, row.position]));
      }),
    state: (task) =>
      guarded(async () => {
        const { rows } = await database.query<{ key: string; value: Uint8Array }>(
          "SELECT key, value FROM state_chunks WHERE task = $1",
          [task],
        );
        return new Map(rows.map((row) => [row.key, row.value]));
      }),
    records: (topic, { afterSeq = 0, limit } = {}) =>
      select("SELECT seq, topic, key, value FROM records WHERE topic = $1 AND seq > $2 ORDER BY seq LIMIT $3", [
        topic,
        afterSeq,
        limit ?? null,
      ]),
    latest: (topic, latest = {}) => select(...latestQuery(topic, latest)),
    audit: (...entries) => guarded(() => database.transaction((sql) => appendAudit(sql, entries)), "commit"),
    auditTrail: ({ planIds } = {}) =>
      guarded(async () => {
        const { rows } = await database.query<AuditEntry & { seq: number | bigint | string; hash: string }>(
          `SELECT seq, plan_id AS "planId", time_ms AS "timeMs", event, detail, hash FROM audit
           WHERE $1::text IS NULL OR plan_id IN (SELECT json_array_elements_text($1::json)) ORDER BY seq`,
          [planIds === undefined ? null : JSON.stringify(planIds)],
        );
        return rows.map((row) => ({ ...row, seq: Number(row.seq), timeMs: Number(row.timeMs) }));
      }),
    forget: (keep) =>
      guarded(async () => {
        const forgotten = await forget(database, keep);
        if (forgotten.rows > 0) await options.afterForget?.();
        return forgotten;
      }),
    close: () => {
      closing ??= database.close().then(() => options.onClose?.());
      return closing;
    },
  };
}

/** Text and parameters; the conditions are written as those of the indexes. */
function latestQuery(topic: Topic, options: LatestOptions): [text: string, parameters: unknown[]] {
  const { key, limit, afterSeq = 0, beforeSeq = Number.MAX_SAFE_INTEGER, oldestFirst = false } = options;
  const parameters: unknown[] = [limit ?? null];
  const put = (value: unknown) => `$${parameters.push(value)}`;
  const where: string[] = [];
  if (options.open === true) where.push("topic = 'incidents'", `position('"state":"resolved"' in value) = 0`);
  if (options.incidentId !== undefined)
    where.push("topic = 'actions'", `(value::json -> 'plan' ->> 'incidentId') = ${put(options.incidentId)}`);
  if (where.length === 0) where.push(`topic = ${put(topic)}`);
  if (key !== undefined) where.push(`key = ${put(key)}`);
  else where.push(`seq > ${put(afterSeq)}`, `seq < ${put(beforeSeq)}`);
  // One of a key needs no order: asking for it would have the planner walk the others.
  const order = key === undefined ? `ORDER BY seq ${oldestFirst ? "ASC" : "DESC"}` : "";
  return [`SELECT seq, topic, key, value FROM latest WHERE ${where.join(" AND ")} ${order} LIMIT $1`, parameters];
}

async function writeCommit(sql: Sql, commit: Commit): Promise<void> {
  for (const rows of batches([...commit.positions])) {
    await sql.query(
      `INSERT INTO positions (source, position) VALUES ${places(rows.length, 2)}
       ON CONFLICT (source) DO UPDATE SET position = excluded.position`,
      rows.flat(),
    );
  }
  const written: (readonly [string, string, Uint8Array])[] = [];
  const deleted: (readonly [string, string])[] = [];
  for (const [task, chunks] of commit.state) {
    for (const [key, value] of chunks) {
      if (value === undefined) {
        deleted.push([task, key]);
      } else {
        written.push([task, key, value]);
      }
    }
  }
  for (const rows of batches(deleted)) {
    // Joined with a list of values: as many row comparisons in one IN overflow the stack of PGlite.
    await sql.query(
      `DELETE FROM state_chunks s USING (VALUES ${places(rows.length, 2)}) AS gone (task, key)
       WHERE s.task = gone.task AND s.key = gone.key`,
      rows.flat(),
    );
  }
  for (const rows of batches(written)) {
    await sql.query(
      `INSERT INTO state_chunks (task, key, value) VALUES ${places(rows.length, 3)}
       ON CONFLICT (task, key) DO UPDATE SET value = excluded.value`,
      rows.flat(),
    );
  }
  await writeOutputs(sql, commit.outputs);
  if (commit.audit !== undefined && commit.audit.length > 0) await appendAudit(sql, commit.audit);
}

async function appendAudit(sql: Sql, entries: readonly AuditEntry[]): Promise<void> {
  // Two writers must not chain to the same entry.
  await sql.query("LOCK TABLE audit IN EXCLUSIVE MODE");
  for (const rows of batches(entries.map((e) => [e.planId, e.event, e.detail, String(e.timeMs)] as const)))
    await writeAudit(sql, rows);
}

async function writeOutputs(sql: Sql, outputs: readonly OutputRecord[]): Promise<void> {
  for (const rows of batches(outputs.map(({ topic, key, value }) => [topic, key, value] as const))) {
    const { rows: numbered } = await sql.query<{ seq: number | bigint | string }>(
      `INSERT INTO records (topic, key, value) VALUES ${places(rows.length, 3)} RETURNING seq`,
      rows.flat(),
    );
    const newest = new Map<string, readonly unknown[]>();
    rows.forEach(([topic, key, value], i) => {
      newest.set(JSON.stringify([topic, key]), [topic, key, numbered[i]!.seq, value]);
    });
    await sql.query(
      `INSERT INTO latest (topic, key, seq, value) VALUES ${places(newest.size, 4)}
       ON CONFLICT (topic, key) DO UPDATE SET seq = excluded.seq, value = excluded.value`,
      [...newest.values()].flat(),
    );
  }
}

async function writeAudit(sql: Sql, rows: readonly (readonly [string, string, string, string])[]): Promise<void> {
  const { rows: last } = await sql.query<{ hash: string }>("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1");
  let hash = last[0]?.hash ?? AUDIT_ROOT;
  const chained = rows.map(([planId, event, detail, timeMs]) => {
    hash = auditHash(hash, { planId, event, detail, timeMs: Number(timeMs) });
    return [planId, event, detail, timeMs, hash];
  });
  await sql.query(
    `INSERT INTO audit (plan_id, event, detail, time_ms, hash) VALUES ${places(rows.length, 5)}`,
    chained.flat(),
  );
}

/** Runs of rows under both limits; a row larger than the limit goes alone. */
function* batches<Row extends readonly (string | Uint8Array)[]>(rows: readonly Row[]): Generator<Row[]> {
  let batch: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = row.reduce((sum, cell) => sum + cell.length, 0);
    if (batch.length > 0 && (batch.length >= MAX_ROWS || bytes + size > MAX_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(row);
    bytes += size;
  }
  if (batch.length > 0) {
    yield batch;
  }
}

/** `($1, $2), ($3, $4)` */
function places(rows: number, columns: number): string {
  const list: string[] = [];
  for (let row = 0; row < rows; row += 1) {
    list.push(`(${Array.from({ length: columns }, (_, column) => `$${row * columns + column + 1}`).join(", ")})`);
  }
  return list.join(", ");
}

function stateBytes(commit: Commit): number {
  let bytes = 0;
  for (const chunks of commit.state.values()) {
    for (const value of chunks.values()) {
      bytes += value?.length ?? 0;
    }
  }
  for (const output of commit.outputs) {
    bytes += output.value.length * 2;
  }
  return bytes;
}

function toRecord(row: RecordRow): StoredRecord {
  return { seq: Number(row.seq), topic: row.topic, key: row.key, value: row.value };
}

/** Data that PostgreSQL cannot hold (SQLSTATE classes 22 and 23, such as a NUL in a text) will fail again, the rest may pass. */
function storeFailed(error: unknown, where: string): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  const { code } = error as { code?: unknown };
  const retriable = !(typeof code === "string" && /^2[23]/.test(code));
  return new PipelineError("STORE_FAILED", where, {
    detail: error instanceof Error ? error.message : String(error),
    retriable,
    cause: error,
  });
}
