import { mkdirSync, readFileSync } from "node:fs";
import { link, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../core/errors.ts";

export interface DirectoryLock {
  release(): Promise<void>;
}

let sequence = 0;

/**
 * Makes this process the only user of a directory until `release` or its death: the file holds the process id and
 * its start time, so that a lock left by a killed process, or one whose id was given out again, is taken over.
 * It sees processes of this machine only; two containers that share a volume are not kept apart.
 * @throws PipelineError STORE_LOCKED when a living process holds it
 */
export async function lockDirectory(dir: string, name: string): Promise<DirectoryLock> {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, name);
  sequence += 1;
  const own = `${path}.${process.pid}.${sequence}`;
  const content = JSON.stringify({ pid: process.pid, start: startOf(process.pid), n: sequence });
  await writeFile(own, content);
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (await linked(own, path)) {
        return { release: () => release(path, content) };
      }
      await removeStale(path, `${own}.stale`);
    }
  } finally {
    await unlink(own).catch(() => undefined);
  }
  throw new PipelineError("STORE_LOCKED", path, { detail: "other processes compete for it", retriable: true });
}

/** A hard link appears with its whole content or not at all, which a file opened with O_EXCL and then written does not. */
async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

async function removeStale(path: string, aside: string): Promise<void> {
  const seen = await readFile(path, "utf8").catch(() => undefined);
  if (seen === undefined) {
    return;
  }
  const holder = livingHolder(seen);
  if (holder !== undefined) {
    throw new PipelineError("STORE_LOCKED", path, {
      detail: `process ${holder}`,
      hint: "ask the running process through its HTTP interface, or stop it first",
    });
  }
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  // Between reading and renaming somebody else may have put a fresh lock there: give it back.
  if ((await readFile(aside, "utf8")) !== seen) {
    await linked(aside, path);
  }
  await unlink(aside);
}

async function release(path: string, content: string): Promise<void> {
  if ((await readFile(path, "utf8").catch(() => undefined)) === content) {
    await unlink(path).catch(() => undefined);
  }
}

function livingHolder(content: string): number | undefined {
  let lock: { pid?: unknown; start?: unknown };
  try {
    lock = JSON.parse(content) as typeof lock;
  } catch {
    return undefined;
  }
  if (typeof lock.pid !== "number") {
    return undefined;
  }
  try {
    process.kill(lock.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") {
      return undefined;
    }
  }
  const start = startOf(lock.pid);
  return typeof lock.start === "string" && start !== null && start !== lock.start ? undefined : lock.pid;
}

/** Boot and start time of a process, or null where there is no /proc. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name may hold spaces and brackets: fields count from the last one.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${ticks}`;
  } catch {
    return null;
  }
}
