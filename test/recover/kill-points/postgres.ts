/** Real PostgreSQL servers: a bad DELETE, a lost disk, a dead primary. */
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { linkTarget } from "../../../pipelines/recover/actions/common/switch-link.ts";
import { takeBaseBackup } from "../../../pipelines/recover/actions/postgres/base-backup.ts";
import { postgresServer, postmasterOf } from "../../../pipelines/recover/actions/postgres/server.ts";
import { postgres } from "../../../pipelines/recover/actions/postgres.ts";
import { postgresReplica } from "../../../pipelines/recover/actions/postgres-replica.ts";
import { testContext } from "../fixtures.ts";
import { bin, startPostgres } from "../postgres-server.ts";
import { type KillSite, until } from "./site.ts";

const pause = (ms: number) => new Promise((go) => setTimeout(go, ms));
const ROWS = 100;

export const postgresSite: KillSite = {
  present: bin !== undefined,
  async start() {
    const pg = await startPostgres();
    await takeBaseBackup(pg.target, "one");
    await pause(50);
    let next = 0;
    let before: string | null = null;
    const use = (): UseOf<"postgres"> => {
      const query = `select id from orders where id >= ${next}`;
      return { ...pg.target, acknowledged: { ...pg.target.acknowledged!, query } };
    };
    const family = postgres({ targets: { db: pg.target } });
    const rows = async () => Number(await pg.server.sql(`select count(*) from orders where id >= ${next}`));
    const restored = () => readdirSync(pg.root).filter((n) => n.startsWith("restore-")).length;
    let made = 0;
    return {
      ...{ dir: pg.root, family },
      async due(kind) {
        const latest = family["restore-latest"]!;
        // No server runs any more: an act on a lost disk was not finished.
        const now = await latest.probe("db");
        if (now.startedAtMs === null) await latest.execute("db", now, testContext());
        writeFileSync(pg.log, "");
        next += 1000;
        await pg.write(next, next + ROWS);
        await pause(30);
        const onsetMs = Date.now();
        await pause(30);
        before = await linkTarget(pg.target.data);
        made = restored();
        if (kind === "point-in-time-recovery") {
          await pg.server.sql(`delete from orders where id >= ${next + ROWS / 2}`);
          return { use: use(), target: "db", kind, onsetMs };
        }
        const segment = (await pg.server.sql("select pg_walfile_name(pg_switch_wal())")).trim();
        const archived = async () => (await pg.server.sql("select last_archived_wal from pg_stat_archiver")).trim();
        await until(async () => (await archived()) === segment, 30_000);
        process.kill((await postmasterOf(before as string))!.pid, "SIGKILL");
        rmSync(before as string, { recursive: true, maxRetries: 5 });
        made = restored();
        return { use: use(), target: "db", kind, onsetMs: null };
      },
      effects: async () => ({ switch: (await linkTarget(pg.target.data)) === before ? 0 : 1 }),
      async settled(kind, done) {
        // After the switch the rows of before the fault are there, before it what the fault has left.
        if (done) expect(await rows()).toBe(ROWS);
        else if (kind === "point-in-time-recovery") expect(await rows()).toBe(ROWS / 2);
        // What an attempt had begun, and is not in use, is gone.
        expect(restored()).toBe(made + (done ? 1 : 0));
      },
      stop: () => pg.stop(),
    };
  },
};

/** A primary with a synchronous standby, and the primary killed. */
async function deadPrimary() {
  const pg = await startPostgres();
  const [dir, host] = [join(pg.root, "standby"), join(pg.root, "socket")];
  await pg.run([
    ...[join(bin!, "pg_basebackup"), "-D", dir, "-R", "-X", "stream", "-c", "fast"],
    ...["-d", `host=${host} port=5499 user=postgres application_name=standby`],
  ]);
  appendFileSync(join(dir, "postgresql.conf"), "port = 5498\narchive_mode = off\n");
  await pg.run([join(bin!, "pg_ctl"), "start", "-D", dir, "-l", join(pg.root, "standby.log"), "-w"]);
  await pg.server.sql("alter system set synchronous_standby_names = 'standby'");
  await pg.server.sql("select pg_reload_conf()");
  await pg.write(0, ROWS);
  process.kill((await postmasterOf(join(pg.root, "first")))!.pid, "SIGKILL");
  await pause(100);
  const fenced = join(pg.root, "fenced");
  const use = recoveryTarget.parse({
    name: "db",
    use: {
      ...{ kind: "postgres-replica", bin, host, port: 5498, primary: { host, port: 5499 } },
      ...{ acknowledged: pg.target.acknowledged, fence: ["sh", "-c", `echo fenced >>"${fenced}"`] },
    },
  }).use as UseOf<"postgres-replica">;
  return { pg, use, fenced };
}

export const postgresReplicaSite: KillSite = {
  present: bin !== undefined,
  async start() {
    const dir = mkdtempSync(join(tmpdir(), "fw-kill-"));
    let now = await deadPrimary();
    let fresh = true;
    /** A promotion has no way back: each act has servers of its own. */
    const renew = async () => {
      if (!fresh) {
        await now.pg.stop();
        now = await deadPrimary();
      }
      fresh = false;
    };
    // Not from the control file: it tells of a promotion only after the next checkpoint.
    const timeline = async () =>
      Number.parseInt(await postgresServer(now.use).sql("select left(pg_walfile_name(pg_current_wal_lsn()), 8)"), 16);
    return {
      dir,
      // The allow-list is by name, and the name stays.
      family: postgresReplica({ targets: { db: now.use } }),
      async due(kind) {
        await renew();
        return { use: now.use, target: "db", kind };
      },
      async effects() {
        const standby = (await postgresServer(now.use).sql("select pg_is_in_recovery()")) === "t";
        const fence = existsSync(now.fenced) ? readFileSync(now.fenced, "utf8").split("\n").length - 1 : 0;
        // Each promotion begins a timeline.
        return { fence, promote: standby ? 0 : (await timeline()) - 1 };
      },
      async settled(_kind, done) {
        // Acknowledged by both, so none may be missing on either side of a promotion.
        expect(await postgresServer(now.use).sql("select count(*) from orders")).toBe(String(ROWS));
        if (done) await postgresServer(now.use).sql("insert into orders values (999999, 'x')");
      },
      async stop() {
        await now.pg.stop();
        rmSync(dir, { recursive: true });
      },
    };
  },
};
