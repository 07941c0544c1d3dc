/**
 * What a store no longer keeps. Rows bear no time: every hour a mark says which number had been given by then, and what
 * was last written before a mark is at least as old as the mark. Nothing of an incident goes before the incident, no
 * incident while it is open, and the audit never: its chain is worth something only from its first entry on.
 */
import type { Topic } from "../../core/records.ts";
import { TOPICS } from "../../core/records.ts";
import type { Forgotten, KeepOptions } from "../../core/store.ts";
import type { Sql, SqlDatabase } from "./migrations.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Less than what the rest is kept, as on Kafka. */
const KEPT_MS: Partial<Record<Topic, number>> = {
  anomalies: 30 * DAY_MS,
  scores: 30 * DAY_MS,
  "dead-letters": 14 * DAY_MS,
};
/** Records that a newer one of their key has replaced. */
const VERSIONS_MS = 7 * DAY_MS;
/** Rows of one transaction, and of one call: commits go in between. */
const BATCH = 500;
const MOST = 10_000;

/** No such record any more. A scalar, so that it is looked up row by row and nothing large is joined. */
const gone = (topic: Topic, key: string): string =>
  `(SELECT count(*) FROM latest o WHERE o.topic = '${topic}' AND o.key = ${key}) = 0`;

/** What must hold besides its age. $3 is the time before which it must have ended. */
const ALSO: Partial<Record<Topic, string>> = {
  incidents: `position('"state":"resolved"' in value) > 0`,
  anomalies: `position('"endMs":null' in value) = 0`,
  actions: gone("incidents", "l.value::json -> 'plan' ->> 'incidentId'"),
  notifications: gone("incidents", "l.value::json ->> 'incidentId'"),
  // A notification without its mark would be sent again.
  deliveries: gone("notifications", "l.value::json ->> 'notificationId'"),
  silences: "(l.value::json ->> 'endsMs')::numeric < $3",
  suppressions: "l.value::json ->> 'state' IN ('expired', 'removed')",
};

export async function forget(database: SqlDatabase, { nowMs, keepMs }: KeepOptions): Promise<Forgotten> {
  await database.transaction((sql) => mark(sql, nowMs, keepMs));
  const incidents: string[] = [];
  let rows = 0;
  const inBatches = async (work: (sql: Sql) => Promise<readonly { key: string }[]>, keys?: string[]) => {
    for (let full = true; full && rows < MOST; ) {
      const removed = await database.transaction(work);
      rows += removed.length;
      keys?.push(...removed.map((r) => r.key));
      full = removed.length === BATCH;
    }
  };
  for (const topic of TOPICS) {
    const beforeMs = nowMs - Math.min(keepMs, KEPT_MS[topic] ?? keepMs);
    const seq = await newestAt(database, beforeMs);
    if (seq === undefined) continue;
    const also = ALSO[topic] ?? "true";
    await inBatches(
      async (sql) => {
        const parameters: unknown[] = [topic, seq];
        if (also.includes("$3")) parameters.push(beforeMs);
        const { rows: removed } = await sql.query<{ key: string }>(
          `DELETE FROM latest USING (
             SELECT key, seq FROM latest l WHERE topic = $1 AND seq <= $2 AND ${also} ORDER BY seq LIMIT ${BATCH}
           ) AS old WHERE latest.topic = $1 AND latest.key = old.key AND latest.seq = old.seq RETURNING latest.key`,
          parameters,
        );
        return removed;
      },
      topic === "incidents" ? incidents : undefined,
    );
  }
  const seq = await newestAt(database, nowMs - Math.min(keepMs, VERSIONS_MS));
  if (seq !== undefined)
    await inBatches(async (sql) => {
      const { rows: removed } = await sql.query<{ key: string }>(
        `DELETE FROM records USING (SELECT seq FROM records WHERE seq <= $1 ORDER BY seq LIMIT ${BATCH}) AS old
         WHERE records.seq = old.seq RETURNING records.key`,
        [seq],
      );
      return removed;
    });
  return { rows, incidents, more: rows >= MOST };
}

/** Says how far the numbers have come; marks that nothing rests on any longer go. A clock that was put back adds none. */
async function mark(sql: Sql, nowMs: number, keepMs: number): Promise<void> {
  const { rows } = await sql.query<{ newest: number | string | null }>("SELECT max(time_ms) AS newest FROM marks");
  const newest = rows[0]?.newest ?? null;
  if (newest !== null && nowMs - Number(newest) < HOUR_MS) return;
  await sql.query("INSERT INTO marks (time_ms, seq) SELECT $1, last_value FROM records_seq_seq", [nowMs]);
  await sql.query("DELETE FROM marks WHERE time_ms < (SELECT max(time_ms) FROM marks WHERE time_ms <= $1)", [
    nowMs - keepMs,
  ]);
}

/** The last number that had been given by then; undefined where nobody knows. */
async function newestAt(sql: Sql, timeMs: number): Promise<number | undefined> {
  const { rows } = await sql.query<{ seq: number | string | null }>(
    "SELECT max(seq) AS seq FROM marks WHERE time_ms <= $1",
    [timeMs],
  );
  const seq = rows[0]?.seq ?? null;
  return seq === null ? undefined : Number(seq);
}
