import { PipelineError } from "../../core/errors.ts";

/** What a migration or the store needs of a PostgreSQL: PGlite and a server's client both fit. */
export interface Sql {
  query<Row>(text: string, parameters?: readonly unknown[]): Promise<{ readonly rows: Row[] }>;
}

export interface SqlDatabase extends Sql {
  /** Runs `work` in one transaction, one at a time; rolls back when it throws. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface Migration {
  readonly id: number;
  readonly statements: readonly string[];
}

/** Never change one that was released: add the next. */
export const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    statements: [
      "CREATE TABLE positions (source text PRIMARY KEY, position text NOT NULL)",
      "CREATE TABLE state_chunks (task text NOT NULL, key text NOT NULL, value bytea NOT NULL, PRIMARY KEY (task, key))",
      // Chunks are packed numbers: trying to compress them costs time and wins nothing.
      "ALTER TABLE state_chunks ALTER COLUMN value SET STORAGE EXTERNAL",
      "CREATE TABLE records (seq bigserial PRIMARY KEY, topic text NOT NULL, key text NOT NULL, value text NOT NULL)",
      "CREATE INDEX records_topic_seq ON records (topic, seq)",
      "CREATE TABLE latest (topic text NOT NULL, key text NOT NULL, seq bigint NOT NULL, value text NOT NULL, PRIMARY KEY (topic, key))",
      "CREATE INDEX latest_topic_seq ON latest (topic, seq)",
      "CREATE TABLE audit (seq bigserial PRIMARY KEY, plan_id text NOT NULL, time_ms bigint NOT NULL, event text NOT NULL, detail text NOT NULL, hash text NOT NULL)",
    ],
  },
  { id: 2, statements: ["CREATE INDEX audit_plan ON audit (plan_id)"] },
  {
    id: 3,
    statements: [
      // Records are canonical JSON: within a string the quotes would be escaped, and no other part has a `state`.
      `CREATE INDEX latest_open ON latest (seq) WHERE topic = 'incidents' AND position('"state":"resolved"' in value) = 0`,
      "CREATE INDEX latest_incident ON latest ((value::json -> 'plan' ->> 'incidentId'), seq) WHERE topic = 'actions'",
    ],
  },
  { id: 4, statements: ["CREATE TABLE marks (time_ms bigint PRIMARY KEY, seq bigint NOT NULL)"] },
];

/**
 * Brings a database up to date in one transaction.
 * @throws PipelineError STATE_MISMATCH when a newer version wrote it
 */
export async function migrate(database: SqlDatabase, where: string): Promise<void> {
  await database.transaction(async (sql) => {
    await sql.query("CREATE TABLE IF NOT EXISTS migrations (id integer PRIMARY KEY)");
    const { rows } = await sql.query<{ id: number }>("SELECT id FROM migrations");
    const done = new Set(rows.map((row) => row.id));
    const newest = MIGRATIONS.at(-1)?.id ?? 0;
    for (const id of done) {
      if (id > newest) {
        throw new PipelineError("STATE_MISMATCH", where, {
          detail: `migration ${id} is unknown here`,
          hint: "use the version that wrote this directory, or a newer one",
        });
      }
    }
    for (const migration of MIGRATIONS) {
      if (!done.has(migration.id)) {
        for (const statement of migration.statements) {
          await sql.query(statement);
        }
        await sql.query("INSERT INTO migrations (id) VALUES ($1)", [migration.id]);
      }
    }
  });
}
