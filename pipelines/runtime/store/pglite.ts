import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { PGlite } from "@electric-sql/pglite";
import { PipelineError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import { call } from "../../tolerance/policies.ts";
import { lockDirectory } from "../directory-lock.ts";
import type { SqlDatabase } from "./migrations.ts";
import { migrate } from "./migrations.ts";
import { sqlStore } from "./sql-store.ts";

/** One client, small state: these halve the memory of an open store and bound the write-ahead log. */
const SETTINGS = [
  "shared_buffers=4MB",
  "wal_buffers=1MB",
  "max_connections=4",
  "max_wal_size=64MB",
  "min_wal_size=32MB",
  // Nobody gathers statistics here, and without them the planner would read and sort a million rows for one page.
  "enable_sort=off",
  "enable_seqscan=off",
  "enable_bitmapscan=off",
];

/** PGlite's own conversion of bytes goes one by one: six times slower for a commit of 1 MB. */
const BYTEA_TYPE = 17;
const BYTEA = {
  serializers: {
    [BYTEA_TYPE]: (bytes: Uint8Array) =>
      `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`,
  },
  parsers: { [BYTEA_TYPE]: (text: string) => new Uint8Array(Buffer.from(text.slice(2), "hex")) },
};

/** PGlite runs neither autovacuum nor a checkpointer: the store does it after this much was written or committed. */
const UPKEEP_BYTES = 8 << 20;
const UPKEEP_COMMITS = 256;

/**
 * Opens, or creates, the store in a directory, or in memory for tests. One process at a time.
 * An acknowledged commit outlives the death of the process, at any moment. A power cut is another matter: PGlite
 * hands its writes to the operating system but never flushes them to the disk (`fsync` is off and cannot be put on).
 * After a STORE_FAILED that stays, close and open again: the positions then tell whether the commit went in.
 * @throws PipelineError STORE_LOCKED when another process has the directory, STORE_FAILED when it cannot be opened,
 *   STATE_MISMATCH when a newer version wrote it
 */
export async function openStore(dir: string | "memory"): Promise<Store> {
  if (dir === "memory") {
    return prepare(await open(undefined, dir), dir, async () => undefined);
  }
  const lock = await lockDirectory(dir, "store.lock");
  try {
    const data = join(dir, "pg");
    await create(data);
    return await prepare(await open(data, dir), dir, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function prepare(pg: PGlite, where: string, onClose: () => Promise<void>): Promise<Store> {
  const database: SqlDatabase = {
    query: (text, parameters) => pg.query(text, parameters as unknown[]),
    transaction: (work) => pg.transaction((tx) => work({ query: (text, list) => tx.query(text, list as unknown[]) })),
    close: () => pg.close(),
  };
  try {
    await migrate(database, where);
  } catch (error) {
    await pg.close().catch(() => undefined);
    throw error instanceof PipelineError ? error : openFailed(error, where);
  }
  const afterForget = async () => void (await pg.exec("VACUUM records, latest"));
  return sqlStore(database, { where, beforeCommit: upkeep(pg), afterForget, onClose });
}

/**
 * Reclaims dead rows and old log before a commit, now and then. Before rather than after: a failure here then means
 * that the commit did not happen, and the caller may simply try again.
 */
function upkeep(pg: PGlite): (bytes: number) => Promise<void> {
  let bytes = 0;
  let commits = 0;
  return async (size) => {
    if (bytes >= UPKEEP_BYTES || commits >= UPKEEP_COMMITS) {
      await pg.exec("VACUUM state_chunks, positions, latest");
      await pg.exec("CHECKPOINT");
      bytes = 0;
      commits = 0;
    }
    bytes += size;
    commits += 1;
  };
}

async function open(data: string | undefined, where: string): Promise<PGlite> {
  try {
    const { PGlite } = await import("@electric-sql/pglite");
    const startParams = [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ["-c", setting])];
    return await PGlite.create({ dataDir: data, relaxedDurability: false, startParams, ...BYTEA });
  } catch (error) {
    throw openFailed(error, where);
  }
}

/**
 * Creates the database files in a process of its own, because creation takes half a gigabyte of memory that this one
 * would keep; under another name, because a half-created database cannot be opened.
 */
async function create(data: string): Promise<void> {
  if (existsSync(data)) {
    return;
  }
  const dir = dirname(data);
  for (const name of readdirSync(dir).filter((entry) => entry.startsWith(`${basename(data)}.new-`))) {
    await rm(join(dir, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
  // A name of our own: the helper of a killed process may still be writing to the old one.
  const draft = await mkdtemp(`${data}.new-`);
  const module = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const code = `
    const { PGlite } = require(${JSON.stringify(module)});
    PGlite.create({ dataDir: ${JSON.stringify(draft)} }).then((pg) => pg.close());
  `;
  try {
    await call({ policy: "start", destination: "PGlite", code: "STORE_FAILED" }, (signal) =>
      promisify(execFile)(process.execPath, ["-e", code], { env: { ...process.env, NODE_OPTIONS: "" }, signal }),
    );
    await rename(draft, data);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw openFailed(error, data);
  }
}

function openFailed(error: unknown, where: string): PipelineError {
  return new PipelineError("STORE_FAILED", where, {
    detail: error instanceof Error ? error.message : String(error),
    hint: "is there room on the disk, and may this user write there?",
    cause: error,
  });
}
