import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PipelineError } from "../../../core/errors.ts";
import type { UseOf } from "../../../core/recover-config.ts";
import { runChecked } from "../common/run-command.ts";
import { lossText, measureLoss } from "./acknowledged.ts";
import { type BaseBackup, verifyBackup } from "./base-backup.ts";
import { controlData, ownerOf, pgCtl, postgresServer, postmasterOf } from "./server.ts";

const MARK = "# faultwright: recovery, until the switch";
const SEGMENT = /^([0-9A-F]{24}|[0-9A-F]{8}\.history)$/;

export interface Restored {
  readonly dir: string;
  readonly detail: string;
  readonly figures: Readonly<Record<string, number>>;
}

/** The new directory of an attempt: beside the live one, so on the same disk. */
export const restoreDirOf = (target: UseOf<"postgres">, token: string): string =>
  join(dirname(target.data), `restore-${token}`);

/** Has the live server archive what it has written so far. Nothing where it does not answer. */
export async function archiveWritten(target: UseOf<"postgres">, waitMs = 30_000): Promise<void> {
  const server = postgresServer(target);
  const segment = await server.sql("select pg_walfile_name(pg_switch_wal())").catch(() => undefined);
  if (segment === undefined) return;
  const endMs = performance.now() + waitMs;
  while (performance.now() < endMs) {
    if (await stat(join(target.archive, segment)).catch(() => undefined)) return;
    await new Promise((go) => setTimeout(go, 50));
  }
  throw new PipelineError("ACTION_FAILED", target.archive, { detail: `${segment} is not archived after ${waitMs} ms` });
}

/**
 * The timeline to follow, as eight hex digits. PostgreSQL's own choice, the latest, would be one that an undone recovery
 * left in the archive. So: that of the live server, of its directory, or of the newest segment in the archive.
 */
export async function currentTimeline(target: UseOf<"postgres">, dataDir: string | null): Promise<string | undefined> {
  const live = await postgresServer(target)
    .sql("select pg_walfile_name(pg_current_wal_lsn())")
    .catch(() => "");
  if (SEGMENT.test(live)) return live.slice(0, 8);
  const control = dataDir === null ? undefined : await controlData(target.bin, dataDir).catch(() => undefined);
  if (control !== undefined) return Number(control.timeline).toString(16).toUpperCase().padStart(8, "0");
  let newest = { name: "", atMs: 0 };
  for (const name of await readdir(target.archive)) {
    if (!/^[0-9A-F]{24}$/.test(name)) continue;
    const { mtimeMs } = await stat(join(target.archive, name));
    if (mtimeMs > newest.atMs) newest = { name, atMs: mtimeMs };
  }
  return newest.name === "" ? undefined : newest.name.slice(0, 8);
}

/**
 * Restores a base backup into `dir`, replays WAL from the archive up to just before `targetMs` (null: all there is) and
 * stops there, read-only, behind a private socket; runs the config's checks; stops it, ready to be promoted at its next
 * start. Touches neither the live directory nor the archive.
 * @throws PipelineError ACTION_FAILED when the target is not reached, a check fails, or more was lost than is allowed
 * @see PostgreSQL documentation, 26.3 Continuous Archiving and Point-in-Time Recovery
 */
export async function restoreInto(
  dir: string,
  target: UseOf<"postgres">,
  backup: BaseBackup,
  targetMs: number | null,
  { unarchivedFrom, timeline }: { unarchivedFrom?: string | undefined; timeline?: string | undefined } = {},
): Promise<Restored> {
  const { bin, timeout: timeoutMs } = target;
  const owner = await ownerOf(backup.dir);
  await verifyBackup(bin, backup, timeoutMs);
  await runChecked(["cp", "-a", "--reflink=auto", backup.dir, dir], { timeoutMs });
  await chmod(dir, 0o700);
  const wal = join(dir, "pg_wal");
  if (unarchivedFrom !== undefined) await takeUnarchived(unarchivedFrom, wal);
  const socketDir = join(dir, "faultwright-socket");
  await mkdir(socketDir, { mode: 0o700, recursive: true });
  const settings = join(dir, "postgresql.auto.conf");
  const had = await readFile(settings, "utf8").catch(() => "");
  const [base] = had.split(MARK);
  const goal =
    targetMs === null
      ? []
      : [
          `recovery_target_time = '${new Date(targetMs).toISOString().replace("T", " ").replace("Z", "+00")}'`,
          "recovery_target_inclusive = off",
        ];
  const along = timeline === undefined ? [] : [`recovery_target_timeline = '0x${timeline}'`];
  const restore = [`restore_command = 'cp "${target.archive}/%f" "%p"'`, ...along, ...goal];
  const write = (lines: readonly string[]) =>
    writeFile(settings, `${base?.trimEnd()}\n${MARK}\n${[...restore, ...lines].join("\n")}\n`);
  const apart = [
    ...["listen_addresses = ''", `unix_socket_directories = '${socketDir}'`, "archive_mode = off", "hot_standby = on"],
    ...["recovery_target_action = 'pause'", "shared_preload_libraries = ''", "primary_conninfo = ''", "ssl = off"],
  ];
  // Without a target replay never pauses: as a standby it stays read-only at the end of what there is.
  await write(targetMs === null ? [...apart, "wal_retrieve_retry_interval = '200ms'"] : apart);
  const standby = join(dir, "standby.signal");
  await rm(standby, { force: true });
  await writeFile(targetMs === null ? standby : join(dir, "recovery.signal"), "");
  if (owner.uid !== undefined) await runChecked(["chown", "-R", `${owner.uid}:${owner.gid}`, dir], { timeoutMs });
  const server = postgresServer(target, { host: socketDir });
  const startMs = performance.now();
  await pgCtl(
    bin,
    owner,
    ["start", "-D", dir, "-l", join(dir, "faultwright.log"), "-w", "-t", seconds(timeoutMs)],
    timeoutMs,
  );
  try {
    await replayed(server, dir, targetMs === null, timeoutMs);
    const replayMs = performance.now() - startMs;
    const health = await server.health({ writable: false });
    if (!health.healthy) throw failed(`the restored database: ${health.detail}`);
    const { acknowledged } = target;
    const loss = acknowledged && (await measureLoss(server, acknowledged, { targetMs }));
    if (loss !== undefined && loss.lostBeforeTarget > (acknowledged?.maxLost ?? Number.POSITIVE_INFINITY))
      throw failed(`${loss.lostBeforeTarget} writes acknowledged before the target are missing: not switched`);
    const figures: Record<string, number> = { replayMs: Math.round(replayMs), ...loss };
    return { dir, figures, detail: `${health.detail}${loss === undefined ? "" : `, ${lossText(loss)}`}` };
  } finally {
    await pgCtl(bin, owner, ["stop", "-D", dir, "-m", "fast", "-w", "-t", "60"]);
    await rm(socketDir, { recursive: true, force: true });
    // At the next start it replays to the same point and takes writes from there on.
    await rm(standby, { force: true });
    await writeFile(join(dir, "recovery.signal"), "");
    await write(["recovery_target_action = 'promote'"]);
    if (owner.uid !== undefined)
      await runChecked(["chown", `${owner.uid}:${owner.gid}`, settings, join(dir, "recovery.signal")]);
  }
}

/** Stops and removes what an attempt left. Never the directory that is in use. */
export async function removeRestored(target: UseOf<"postgres">, dir: string): Promise<void> {
  if ((await stat(dir).catch(() => undefined)) === undefined) return;
  if ((await postmasterOf(dir)) !== undefined)
    await pgCtl(target.bin, await ownerOf(dir), ["stop", "-D", dir, "-m", "immediate", "-w", "-t", "30"]);
  await rm(dir, { recursive: true, force: true });
}

/** Segments that the old server had not archived yet: between the archive's end and the crash. */
async function takeUnarchived(from: string, to: string): Promise<void> {
  const names = await readdir(join(from, "pg_wal")).catch(() => []);
  for (const name of names) if (SEGMENT.test(name)) await copyFile(join(from, "pg_wal", name), join(to, name));
}

async function replayed(server: ReturnType<typeof postgresServer>, dir: string, all: boolean, timeoutMs: number) {
  const endMs = performance.now() + timeoutMs;
  let [last, same] = ["", 0];
  while (performance.now() < endMs) {
    const state = await server
      .sql("select pg_get_wal_replay_pause_state() || ' ' || coalesce(pg_last_wal_replay_lsn()::text, '')")
      .catch(() => undefined);
    if (state === undefined && (await postmasterOf(dir)) === undefined) break;
    if (state?.startsWith("paused")) return;
    // As a standby: at the end once nothing has come for longer than it waits between two looks at the archive.
    same = state !== undefined && state === last ? same + 1 : 0;
    last = state ?? "";
    if (all && same >= 10) return;
    await new Promise((go) => setTimeout(go, 100));
  }
  const log = await readFile(join(dir, "faultwright.log"), "utf8").catch(() => "");
  const fatal = log.split("\n").findLast((l) => /FATAL|PANIC|ERROR/.test(l)) ?? "";
  throw failed(`recovery did not reach its target ${fatal.slice(0, 200)}`);
}

const seconds = (ms: number) => String(Math.ceil(ms / 1000));
const failed = (detail: string) => new PipelineError("ACTION_FAILED", "postgres", { detail });
