import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../../core/errors.ts";
import type { UseOf } from "../../../core/recover-config.ts";
import { runChecked } from "../common/run-command.ts";
import { ownerOf } from "./server.ts";

export interface BaseBackup {
  readonly dir: string;
  /** When it was complete: pg_basebackup writes its manifest last. Nothing earlier can be recovered from it. */
  readonly endMs: number;
}

/** Complete base backups, newest first. Others (`.partial`, without manifest) are not seen. */
export async function baseBackups(folder: string): Promise<BaseBackup[]> {
  const out: BaseBackup[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.endsWith(".partial")) continue;
    const dir = join(folder, entry.name);
    const manifest = await stat(join(dir, "backup_manifest")).catch(() => undefined);
    if (manifest !== undefined) out.push({ dir, endMs: manifest.mtimeMs });
  }
  return out.sort((a, b) => b.endMs - a.endMs);
}

/** The newest backup that was complete before `beforeMs`. */
export async function chooseBackup(folder: string, beforeMs: number | null): Promise<BaseBackup | undefined> {
  return (await baseBackups(folder)).find((b) => beforeMs === null || b.endMs < beforeMs);
}

/**
 * Checks a backup against its own manifest (SHA-256 or CRC of each file).
 * @throws PipelineError ACTION_FAILED when a file is missing or changed, ACTION_REFUSED for one with table spaces
 */
export async function verifyBackup(bin: string, { dir }: BaseBackup, timeoutMs: number): Promise<void> {
  const spaces = await readdir(join(dir, "pg_tblspc")).catch(() => []);
  if (spaces.length > 0)
    throw new PipelineError("ACTION_REFUSED", dir, {
      detail: "it has table spaces: a second server would write into those of the first",
    });
  // WAL comes from the archive, so the backup need not hold it.
  await runChecked([join(bin, "pg_verifybackup"), "--no-parse-wal", "--quiet", dir], {
    ...(await ownerOf(dir)),
    timeoutMs,
  });
}

/** Takes a base backup; its folder gets its name only when it is complete and verified. */
export async function takeBaseBackup(
  target: Pick<UseOf<"postgres">, "bin" | "host" | "port" | "user" | "backups">,
  name: string,
  timeoutMs = 3_600_000,
): Promise<BaseBackup> {
  const dir = join(target.backups, name);
  const partial = `${dir}.partial`;
  await mkdir(target.backups, { recursive: true });
  await rm(partial, { recursive: true, force: true });
  await runChecked(
    [
      ...[join(target.bin, "pg_basebackup"), "-D", partial, "-F", "plain", "-X", "none", "-c", "fast", "--no-password"],
      ...["--manifest-checksums", "SHA256", "-h", target.host, "-p", String(target.port), "-U", target.user],
    ],
    { ...(await ownerOf(target.backups)), timeoutMs },
  );
  await verifyBackup(target.bin, { dir: partial, endMs: 0 }, timeoutMs);
  await rename(partial, dir);
  return { dir, endMs: (await stat(join(dir, "backup_manifest"))).mtimeMs };
}
