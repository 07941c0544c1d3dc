import type { UseOf } from "../../core/recover-config.ts";
import { type ActionFamily, cannotUndo, type TargetState } from "./action.ts";
import { runChecked } from "./common/run-command.ts";
import { targetOf } from "./common/target-of.ts";
import { describeAction } from "./descriptions.ts";
import { lossText, measureLoss } from "./postgres/acknowledged.ts";
import { postgresServer } from "./postgres/server.ts";

type Target = UseOf<"postgres-replica">;

/**
 * A standby takes over from its primary. Never from one that still answers: two servers that take writes is the worst
 * outcome of all. `fence`, where the config has it, makes sure that the old one stays off.
 */
export function postgresReplica({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  const of = (name: string) => targetOf(targets, name);

  async function probe(name: string): Promise<TargetState> {
    const t = of(name);
    const row = await postgresServer(t)
      .sql(
        "select pg_is_in_recovery(), (extract(epoch from pg_postmaster_start_time()) * 1000)::bigint," +
          " (select system_identifier from pg_control_system()), coalesce(pg_last_wal_replay_lsn()::text, '')",
      )
      .then((text) => text.split("|"))
      .catch(() => undefined);
    if (row === undefined) return { ...NONE, fingerprint: "silent", detail: "the standby does not answer" };
    const [recovery, started, system, lsn] = row;
    const standby = recovery === "t";
    const primary = standby ? await primaryAnswers(t) : false;
    return {
      exists: true,
      // What the target is for: a server that takes writes, this one or its primary.
      healthy: standby ? primary : (await postgresServer(t).health()).healthy,
      fingerprint: JSON.stringify([recovery, started, system]),
      startedAtMs: Number(started),
      release: standby ? "standby" : "primary",
      previousRelease: null,
      detail: standby ? `standby at ${lsn}, its primary ${primary ? "answers" : "is silent"}` : "takes writes",
    };
  }
  const verify = async (name: string) => {
    const t = of(name);
    const health = await postgresServer(t).health();
    if (!health.healthy || t.acknowledged === undefined) return { ok: health.healthy, detail: health.detail };
    const loss = await measureLoss(postgresServer(t), t.acknowledged);
    return { ok: true, detail: `${health.detail}; ${lossText(loss)}`, figures: { ...loss } };
  };

  return {
    "promote-replica": {
      kind: "promote-replica",
      executeTimeoutMs: 120_000,
      probe,
      verify,
      plan: (name) => describeAction("promote-replica", name, of(name).kind)!,
      async dryRun(name, state) {
        if (state.release !== "standby") return { ok: false, detail: `no standby: ${state.detail}` };
        if (await primaryAnswers(of(name)))
          return { ok: false, detail: "its primary answers: never two that take writes" };
        return { ok: true, detail: `would promote the ${state.detail}` };
      },
      async execute(name, state, context) {
        const t = of(name);
        const beginMs = performance.now();
        if (t.fence) {
          await context.step("fence", "the old primary");
          await runChecked(t.fence, { signal: context.signal, timeoutMs: 60_000 });
        }
        await context.guard();
        if (await primaryAnswers(t)) return { ok: false, detail: "its primary answers again" };
        await context.step("promote", state.detail);
        const promoted = await postgresServer(t).sql("select pg_promote(true, 60)", 70_000);
        const recoveryMs = Math.round(performance.now() - beginMs);
        return { ok: promoted === "t", detail: `promoted in ${recoveryMs} ms`, figures: { recoveryMs } };
      },
      // A primary cannot become a standby again without being built anew.
      undo: cannotUndo,
      happened: (before, now) => before.release === "standby" && now.release === "primary",
    },
  };
}

async function primaryAnswers(t: Target): Promise<boolean> {
  return (
    postgresServer(t, t.primary)
      .sql("select not pg_is_in_recovery()")
      .then((answer) => answer === "t")
      // A server that answers with an error still is one that runs.
      .catch(
        (e: Error) =>
          /FATAL|authentication|starting up|too many/i.test(e.message) && !/No such file|refused/i.test(e.message),
      )
  );
}

const NONE = { exists: true, healthy: false, startedAtMs: null, release: null, previousRelease: null };
