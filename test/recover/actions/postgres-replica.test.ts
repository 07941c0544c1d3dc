import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recoveryTarget, type UseOf } from "../../../pipelines/core/recover-config.ts";
import { postgresServer, postmasterOf } from "../../../pipelines/recover/actions/postgres/server.ts";
import { postgresReplica } from "../../../pipelines/recover/actions/postgres-replica.ts";
import { type Act, afterwards, carryOut, dieAt } from "../crash.ts";
import { testContext } from "../fixtures.ts";
import { bin, startPostgres } from "../postgres-server.ts";
import { describeReal } from "../real.ts";

describeReal("a real standby", bin !== undefined, () => {
  let pg: Awaited<ReturnType<typeof startPostgres>>;
  let use: UseOf<"postgres-replica">;
  beforeAll(async () => {
    pg = await startPostgres();
    const [dir, host] = [join(pg.root, "standby"), join(pg.root, "socket")];
    await pg.run([
      ...[join(bin!, "pg_basebackup"), "-D", dir, "-R", "-X", "stream", "-c", "fast"],
      ...["-d", `host=${host} port=5499 user=postgres application_name=standby`],
    ]);
    appendFileSync(join(dir, "postgresql.conf"), "port = 5498\narchive_mode = off\n");
    await pg.run([join(bin!, "pg_ctl"), "start", "-D", dir, "-l", join(pg.root, "standby.log"), "-w"]);
    await pg.server.sql("alter system set synchronous_standby_names = 'standby'");
    await pg.server.sql("select pg_reload_conf()");
    const { acknowledged } = pg.target;
    use = recoveryTarget.parse({
      name: "db",
      use: { kind: "postgres-replica", bin, host, port: 5498, primary: { host, port: 5499 }, acknowledged },
    }).use as UseOf<"postgres-replica">;
  });
  afterAll(() => pg?.stop());
  const act = (name: string): Act => ({
    ...{ use, target: "db", kind: "promote-replica", createdMs: Date.now() },
    trail: join(pg.root, `audit-${name}.jsonl`),
  });

  it("is not promoted while its primary answers: not by the dry run, and not by the act", async () => {
    const promote = postgresReplica({ targets: { db: use } })["promote-replica"]!;
    const state = await promote.probe("db");
    expect(await promote.dryRun("db", state, { onsetMs: null })).toMatchObject({ ok: false });
    expect(await promote.execute("db", state, testContext())).toMatchObject({ ok: false });
    expect(await postgresServer(use).sql("select pg_is_in_recovery()")).toBe("t");
  });

  it("takes over from a dead primary after kill -9 of an actor, and loses no acknowledged write", async () => {
    await pg.write(0, 200);
    const primary = await postmasterOf(join(pg.root, "first"));
    process.kill(primary!.pid, "SIGKILL");
    await new Promise((go) => setTimeout(go, 100));
    const first = act("killed");
    expect(await dieAt({ ...first, dieAt: "promote" })).toBe("SIGKILL");
    expect((await afterwards(first)).result).toMatchObject({ ok: false, detail: "unknown, not repeated" });
    const { result, trail } = await carryOut(act("again"));
    expect(result).toMatchObject({ ok: true });
    const { figures } = JSON.parse(trail.at(-1)!.detail);
    process.stderr.write(`promotion: ${JSON.stringify(figures)}\n`);
    expect(figures).toMatchObject({ acknowledged: 200, lost: 0 });
    await postgresServer(use).sql("insert into orders values (999999, 'x')");
  });
});
