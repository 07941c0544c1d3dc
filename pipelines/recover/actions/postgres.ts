import { readFile, stat } from "node:fs/promises";
import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionAdapter, ActionContext, ActionFamily, ActionOutcome, TargetState, TidyOutcome } from "./action.ts";
import { runChecked } from "./common/run-command.ts";
import { linkTarget, switchLink } from "./common/switch-link.ts";
import { targetOf } from "./common/target-of.ts";
import { describeAction } from "./descriptions.ts";
import { acknowledgedSince, lossText, measureLoss } from "./postgres/acknowledged.ts";
import { chooseBackup } from "./postgres/base-backup.ts";
import { archiveWritten, currentTimeline, removeRestored, restoreDirOf, restoreInto } from "./postgres/restore.ts";
import { controlData, ownerOf, pgCtl, postgresServer, postmasterOf } from "./postgres/server.ts";

type Target = UseOf<"postgres">;

/**
 * Recovery of a PostgreSQL server from a base backup and archived WAL, always into a new directory: to just before the
 * fault's onset (`point-in-time-recovery`: a bad DELETE), or to the end of the archive (`restore-latest`: a lost disk).
 * The old directory is the snapshot: it stays as it was, and `undo` goes back to it.
 */
export function postgres({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  const of = (name: string) => targetOf(targets, name);
  return {
    "point-in-time-recovery": adapter("point-in-time-recovery", of),
    "restore-latest": adapter("restore-latest", of),
  };
}

function adapter(kind: "point-in-time-recovery" | "restore-latest", of: (name: string) => Target): ActionAdapter {
  const aim = (t: Target, onsetMs: number | null) =>
    kind === "restore-latest" ? null : onsetMs === null ? undefined : onsetMs - (t.margin ?? 0);

  return {
    kind,
    undoOnFailure: true,
    executeTimeoutMs: 3_600_000,
    probe: (name) => probe(of(name)),
    plan: (name) => describeAction(kind, name, of(name).kind)!,
    verify: (name) => verify(of(name)),
    async dryRun(name, state, { onsetMs }) {
      const t = of(name);
      const targetMs = aim(t, onsetMs);
      if (targetMs === undefined) return no("nobody knows since when the fault is there: no point to go back to");
      const backup = await chooseBackup(t.backups, targetMs);
      if (backup === undefined) return no(`no base backup was complete before ${when(targetMs)}`);
      if (kind === "point-in-time-recovery" && state.release === null) return no("the data directory is gone");
      const given = t.acknowledged && targetMs !== null ? await acknowledgedSince(t.acknowledged.log, targetMs) : null;
      const loss = given === null ? "" : `; gives up ${given} acknowledged writes from then on`;
      return { ok: true, detail: `would restore ${backup.dir} and replay to ${when(targetMs)}${loss}` };
    },
    async execute(name, state, context) {
      const t = of(name);
      const beginMs = performance.now();
      const targetMs = aim(t, context.onsetMs);
      const backup = targetMs === undefined ? undefined : await chooseBackup(t.backups, targetMs);
      if (targetMs === undefined || backup === undefined) return no("no backup to go back to");
      const dir = restoreDirOf(t, context.token);
      if (kind === "point-in-time-recovery") {
        await context.step("archive", "have the server archive what it has written");
        await archiveWritten(t);
      } else {
        await context.guard();
        await context.step("stop", `${state.release}`);
        await stop(t, state.release);
      }
      const timeline = await currentTimeline(t, state.release);
      await context.step("restore", `${backup.dir} into ${dir}`);
      const unarchivedFrom = kind === "restore-latest" ? (state.release ?? undefined) : undefined;
      const restored = await restoreInto(dir, t, backup, targetMs, { unarchivedFrom, timeline }).catch(async (e) => {
        await removeRestored(t, dir);
        throw e;
      });
      const figures: Record<string, number> = { ...restored.figures };
      if (kind === "point-in-time-recovery") {
        await context.guard();
        await context.step("stop", `${state.release}`);
        await stop(t, state.release);
      }
      const downMs = performance.now();
      await context.step("switch", `${state.release} stays as it is; ${t.data} to ${dir}`);
      await switchLink(t.data, dir, context.token);
      await context.step("start", dir);
      await start(t);
      figures.recoveryMs = Math.round(performance.now() - beginMs);
      figures.switchMs = Math.round(performance.now() - downMs);
      return { ok: true, detail: `recovered to ${when(targetMs)} in ${figures.recoveryMs} ms`, figures };
    },
    async undo(name, before, context) {
      const t = of(name);
      const dir = restoreDirOf(t, context.token);
      return back(t, before, context, dir);
    },
    happened: (before, now, intentMs) =>
      now.release !== before.release &&
      now.startedAtMs !== null &&
      now.startedAtMs >= Math.floor(intentMs / 1000) * 1000,
    tidy: (name, before, context) => tidy(of(name), before, context),
  };
}

async function probe(t: Target): Promise<TargetState> {
  const dir = await linkTarget(t.data);
  const exists = dir !== null && (await stat(dir).catch(() => undefined)) !== undefined;
  const control = exists ? await controlData(t.bin, dir).catch(() => undefined) : undefined;
  const running = exists ? await postmasterOf(dir) : undefined;
  const health = running ? await postgresServer(t).health() : { healthy: false, detail: "no server runs" };
  return {
    exists: true,
    healthy: health.healthy,
    fingerprint: JSON.stringify([dir, control?.system ?? null, running?.pid ?? null, running?.startedAtMs ?? null]),
    startedAtMs: running?.startedAtMs ?? null,
    release: control === undefined ? null : dir,
    previousRelease: null,
    detail: control === undefined ? "no readable data directory" : `${dir}, ${health.detail}`,
  };
}

async function verify(t: Target): Promise<ActionOutcome> {
  const health = await postgresServer(t).health();
  if (!health.healthy || t.acknowledged === undefined) return { ok: health.healthy, detail: health.detail };
  const loss = await measureLoss(postgresServer(t), t.acknowledged);
  return { ok: true, detail: `${health.detail}; ${lossText(loss)}`, figures: { ...loss } };
}

/** The link first, then what was stopped: at no moment do two servers run on one port. */
async function back(t: Target, before: TargetState, { token }: ActionContext, dir: string): Promise<ActionOutcome> {
  const now = await linkTarget(t.data);
  if (now === dir) {
    await stop(t, dir);
    if (before.release !== null) await switchLink(t.data, before.release, token);
  } else if (now !== before.release) return no(`the link points to ${now} by now`);
  if (before.release === null) return no("there is no directory to go back to");
  if (before.startedAtMs !== null && (await postmasterOf(before.release)) === undefined) await start(t);
  return { ok: true, detail: `on ${before.release} again; ${dir} is kept` };
}

/** After a crash: past the switch what remains is the start; before it, the old server is started again. */
async function tidy(t: Target, before: TargetState, context: ActionContext): Promise<TidyOutcome> {
  const dir = restoreDirOf(t, context.token);
  if ((await linkTarget(t.data)) === dir) {
    if ((await postmasterOf(dir)) === undefined) await start(t);
    const seen = await verify(t);
    return { ...seen, done: seen.ok };
  }
  await removeRestored(t, dir);
  if (before.release === null || before.startedAtMs === null)
    return { ok: true, done: false, detail: `${dir} removed` };
  if ((await postmasterOf(before.release)) === undefined) await start(t);
  return { ok: true, done: false, detail: `${dir} removed, the old server runs` };
}

async function stop(t: Target, dir: string | null): Promise<void> {
  if (t.stop) await runChecked(t.stop, { timeoutMs: 120_000 });
  if (dir === null || (await postmasterOf(dir)) === undefined) return;
  const owner = await ownerOf(dir);
  const halt = (mode: string) => pgCtl(t.bin, owner, ["stop", "-D", dir, "-m", mode, "-w", "-t", "30"]);
  await halt("fast").catch(() => halt("immediate"));
}

/** Times that a start is tried, half a second apart, while what was killed is still going away. */
const STARTS = 20;
const LOG_BYTES = 4096;

const logEnd = async ({ data }: Target): Promise<string> => {
  const log = await readFile(`${data}/server.log`).catch(() => Buffer.alloc(0));
  return log.subarray(-LOG_BYTES).toString("utf8");
};
/** A killed postmaster's children hold its port and memory until they notice, and itself its lock until it is reaped. */
const HELD = /address already in use|pre-existing shared memory block|lock file "[^"]*" already exists/i;

async function start(t: Target): Promise<void> {
  if (t.start) {
    await runChecked(t.start, { timeoutMs: 600_000 });
    return;
  }
  const owner = await ownerOf(`${t.data}/`);
  const args = ["start", "-D", t.data, "-l", `${t.data}/server.log`, "-w", "-t", "600"];
  for (let tries = 1; ; tries++)
    try {
      await pgCtl(t.bin, owner, args, 600_000);
      break;
    } catch (error) {
      const log = await logEnd(t);
      if (tries === STARTS || !HELD.test(log)) {
        const said = log.trim().split("\n").slice(-3).join(" / ");
        throw new PipelineError("ACTION_FAILED", `${t.data}/server.log`, { detail: said, cause: error });
      }
      await new Promise((go) => setTimeout(go, 500));
    }
  const server = postgresServer(t);
  // Up is not enough: until its recovery has ended it takes no writes.
  for (let i = 0; i < 600; i++) {
    if ((await server.sql("select pg_is_in_recovery()").catch(() => "t")) === "f") return;
    await new Promise((go) => setTimeout(go, 100));
  }
}

const no = (detail: string): ActionOutcome => ({ ok: false, detail });
const when = (targetMs: number | null) =>
  targetMs === null ? "the end of the archive" : new Date(targetMs).toISOString();
