import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { measureLoss } from "../../../pipelines/recover/actions/postgres/acknowledged.ts";
import { takeBaseBackup } from "../../../pipelines/recover/actions/postgres/base-backup.ts";
import { postmasterOf } from "../../../pipelines/recover/actions/postgres/server.ts";
import { postgres } from "../../../pipelines/recover/actions/postgres.ts";
import { type Act, carryOut } from "../crash.ts";
import { testContext } from "../fixtures.ts";
import { bin, startPostgres } from "../postgres-server.ts";
import { describeReal } from "../real.ts";

const PITR = "point-in-time-recovery";
const pause = (ms: number) => new Promise((go) => setTimeout(go, ms));

describeReal("a real PostgreSQL server", bin !== undefined, () => {
  let pg: Awaited<ReturnType<typeof startPostgres>>;
  let next = 0;
  let use: typeof pg.target;
  /** A new log, about the rows from here on. */
  function begin() {
    writeFileSync(pg.log, "");
    const query = `select id from orders where id >= ${next}`;
    use = { ...pg.target, acknowledged: { ...pg.target.acknowledged!, query } };
  }
  /** Rows on both sides of a moment, and a bad DELETE after it. Gives the moment. */
  async function badDelete() {
    begin();
    await pg.write(next, next + 100);
    await pause(30);
    const onsetMs = Date.now();
    await pause(30);
    await pg.server.sql(`delete from orders where id >= ${next + 50}`);
    await pg.write(next + 100, next + 120);
    next += 120;
    return onsetMs;
  }
  const count = async () => Number(await pg.server.sql("select count(*) from orders"));
  const act = (kind: string, onsetMs: number | null, name: string): Act => ({
    ...{ use, target: "db", kind, onsetMs, createdMs: Date.now() },
    trail: join(pg.root, `audit-${name}.jsonl`),
  });
  beforeAll(async () => {
    pg = await startPostgres();
    await takeBaseBackup(pg.target, "one");
    await pause(50);
  });
  afterAll(() => pg?.stop());

  it("undoes a bad DELETE: every row of before is there, and what is given up is what the log says", async () => {
    const onsetMs = await badDelete();
    expect(await count()).toBe(70);
    const { result, trail, controls } = await carryOut(act(PITR, onsetMs, "pitr"));
    expect(controls[0]).toMatchObject({ ok: true, detail: expect.stringContaining("gives up 20 acknowledged writes") });
    expect(result).toMatchObject({ ok: true });
    expect(await pg.server.sql("select count(*), min(id), max(id), count(distinct id) from orders")).toBe(
      "100|0|99|100",
    );
    const loss = await measureLoss(pg.server, use.acknowledged!, { targetMs: onsetMs });
    expect(loss).toMatchObject({ acknowledged: 120, lost: 20, lostBeforeTarget: 0, unacknowledged: 0 });
    const told = JSON.parse(trail.at(-1)!.detail);
    expect(told.figures).toMatchObject({ acknowledged: 120, lost: 20, lostBeforeTarget: 0 });
    process.stderr.write(`PITR: ${JSON.stringify(told.figures)}\n`);
    const steps = trail.filter((e) => e.event === "step").map((e) => JSON.parse(e.detail).name);
    expect(steps).toEqual(["archive", "restore", "stop", "switch", "start"]);
    // It takes writes again.
    await pg.server.sql("insert into orders values (1000000, 'new')");
    await pg.server.sql("delete from orders where id = 1000000");
  });

  it("goes back to the old directory when it is undone", async () => {
    const { [PITR]: pitr } = postgres({ targets: { db: use } });
    const onsetMs = await badDelete();
    const before = await pitr!.probe("db");
    const rows = await count();
    const context = testContext({ onsetMs });
    expect(await pitr!.execute("db", before, context)).toMatchObject({ ok: true });
    expect(await count()).not.toBe(rows);
    expect(await pitr!.undo("db", before, context)).toMatchObject({ ok: true });
    expect(await count()).toBe(rows);
    expect((await pitr!.probe("db")).release).toBe(before.release);
  });

  it("switches to nothing when a check of the restored database fails, or a row is missing", async () => {
    const onsetMs = await badDelete();
    const before = await postgres({ targets: { db: use } })[PITR]!.probe("db");
    for (const wrong of [
      { ...use, checks: [{ sql: "select count(*) from orders", expect: "-1" }] },
      { ...use, acknowledged: { ...use.acknowledged!, query: "select id from orders where id < 0" } },
    ]) {
      const pitr = postgres({ targets: { db: wrong } })[PITR]!;
      await expect(pitr.execute("db", before, testContext({ onsetMs }))).rejects.toThrow(/gives|missing/);
      expect((await pitr.probe("db")).fingerprint).toBe(before.fingerprint);
    }
  });

  it.each([
    ["nobody knows the onset", () => null, "nobody knows"],
    ["no backup is that old", () => 1000, "no base backup"],
  ])("refuses in the dry run when %s", async (_, onset, text) => {
    const pitr = postgres({ targets: { db: use } })[PITR]!;
    const seen = await pitr.dryRun("db", await pitr.probe("db"), { onsetMs: onset() });
    expect(seen).toMatchObject({ ok: false, detail: expect.stringContaining(text) });
  });

  it("disk lost: what is lost is what the log says was acknowledged and never archived", async () => {
    begin();
    const from = next;
    await pg.write(from, from + 100);
    const segment = (await pg.server.sql("select pg_walfile_name(pg_switch_wal())")).trim();
    await expect
      .poll(async () => (await pg.server.sql("select last_archived_wal from pg_stat_archiver")).trim(), {
        timeout: 20_000,
      })
      .toBe(segment);
    await pg.write(from + 100, from + 120);
    next += 120;
    const { [PITR]: _, "restore-latest": latest } = postgres({ targets: { db: use } });
    const { release } = await latest!.probe("db");
    const running = await postmasterOf(release!);
    process.kill(running!.pid, "SIGKILL");
    rmSync(release!, { recursive: true });
    const { result, trail } = await carryOut(act("restore-latest", null, "lost"));
    expect(result, JSON.stringify(result)).toMatchObject({ ok: true });
    const { figures } = JSON.parse(trail.at(-1)!.detail);
    process.stderr.write(`disk lost: ${JSON.stringify(figures)}\n`);
    const there = Number(await pg.server.sql(`select count(*) from orders where id >= ${from}`));
    expect(there).toBe(100);
    const loss = await measureLoss(pg.server, use.acknowledged!);
    expect(loss.lost).toBe(figures.lost);
    expect(loss.acknowledged - loss.lost).toBe(there);
  });
});
