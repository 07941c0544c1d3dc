/** A real PostgreSQL server with WAL archive and base backups, in a directory of its own, reached by its socket. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UseOf } from "../../pipelines/core/recover-config.ts";
import { recoveryTarget } from "../../pipelines/core/recover-config.ts";
import { runChecked } from "../../pipelines/recover/actions/common/run-command.ts";
import { postgresServer, postmasterOf } from "../../pipelines/recover/actions/postgres/server.ts";

const ROOT = "/usr/lib/postgresql";
const versions = existsSync(ROOT) ? readdirSync(ROOT).sort((a, b) => Number(b) - Number(a)) : [];
/** Folder of the newest PostgreSQL that is installed. */
export const bin = versions.map((v) => join(ROOT, v, "bin")).find((d) => existsSync(join(d, "initdb")));

const id = (flag: "-u" | "-g") => Number(execFileSync("id", [flag, "postgres"]).toString());
const owner = () => (process.getuid?.() === 0 ? { uid: id("-u"), gid: id("-g") } : {});

export async function startPostgres() {
  const root = mkdtempSync(join(tmpdir(), "fw-pg-"));
  const run = (argv: string[]) => runChecked(argv, { ...owner(), timeoutMs: 60_000 });
  for (const name of ["wal", "base", "socket"]) mkdirSync(join(root, name));
  chmodSync(root, 0o755);
  if (process.getuid?.() === 0) execFileSync("chown", ["-R", "postgres:postgres", root]);
  const first = join(root, "first");
  await run([join(bin!, "initdb"), "-D", first, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"]);
  const settings = {
    ...{ listen_addresses: "", unix_socket_directories: join(root, "socket"), port: "5499", fsync: "off" },
    ...{
      wal_level: "replica",
      archive_mode: "on",
      max_wal_senders: "4",
      shared_buffers: "16MB",
      max_connections: "20",
    },
    archive_command: `test ! -f ${root}/wal/%f && cp %p ${root}/wal/%f.part && mv ${root}/wal/%f.part ${root}/wal/%f`,
  };
  appendFileSync(
    join(first, "postgresql.conf"),
    Object.entries(settings)
      .map(([k, v]) => `${k} = '${v}'\n`)
      .join(""),
  );
  symlinkSync(first, join(root, "current"));
  await run([join(bin!, "pg_ctl"), "start", "-D", first, "-l", join(root, "first.log"), "-w"]);
  const log = join(root, "acknowledged.jsonl");
  const target = recoveryTarget.parse({
    name: "db",
    use: {
      ...{ kind: "postgres", bin, host: settings.unix_socket_directories, port: 5499 },
      ...{ data: join(root, "current"), backups: join(root, "base"), archive: join(root, "wal") },
      acknowledged: { log, query: "select id from orders", maxLost: 0 },
      checks: [{ sql: "select count(*) > 0 from orders" }],
    },
  }).use as UseOf<"postgres">;
  const server = postgresServer(target);
  await server.sql("create table orders (id bigint primary key, note text)");
  appendFileSync(log, "");
  return {
    ...{ root, target, server, log, owner: owner(), run },
    /** Writes rows one transaction each, and logs each once the server has said yes. */
    async write(from: number, to: number) {
      for (let i = from; i < to; i += 10) {
        const ids = Array.from({ length: Math.min(10, to - i) }, (_, k) => i + k);
        await server.sql(`insert into orders select unnest(array[${ids}]), 'n'`);
        const timeMs = Date.now();
        appendFileSync(log, ids.map((n) => `${JSON.stringify({ id: n, timeMs })}\n`).join(""));
      }
    },
    async stop() {
      for (const name of readdirSync(root)) {
        const running = await postmasterOf(join(root, name));
        if (running) await run([join(bin!, "pg_ctl"), "stop", "-D", join(root, name), "-m", "immediate", "-w"]);
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
}
