import { type FileHandle, mkdir, open, readdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

const DATA_FILE = "orders.log";
const ROTATE_BYTES = 2 * 1024 * 1024;
const SPILL_BYTES = 256 * 1024;

export interface Storage {
  /** Resolves once the record is on disk (fsync). Rejects with code ENOSPC when the directory is at its limit. */
  append(record: string): Promise<void>;
  /** Real bytes of all files in the directory. */
  usedBytes(): Promise<number>;
  /** From now on the temporary files of finished batches stay where they are. */
  keepSpills(): void;
}

interface Pending {
  record: string;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Shaped like the error the kernel gives, since callers look at `code` and `message`. */
function noSpace(path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`ENOSPC: no space left on device, write '${path}'`);
  return Object.assign(error, { code: "ENOSPC", errno: -28, syscall: "write", path });
}

async function directoryBytes(dir: string): Promise<number> {
  const names = await readdir(dir);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(dir, name))
        .then((s) => s.size)
        .catch(() => 0),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Opens an append-only order log in `dir` that never lets the directory grow past `limitBytes`.
 * Waiting records are written as one batch; each batch first goes to a spill file, then to the log with one fsync.
 * Spill files left by an earlier process are removed on opening.
 */
export async function openStorage(dir: string, limitBytes: number): Promise<Storage> {
  await mkdir(dir, { recursive: true });
  for (const name of await readdir(dir)) {
    if (name.endsWith(".spill")) await unlink(join(dir, name));
  }
  const dataPath = join(dir, DATA_FILE);
  let log: FileHandle = await open(dataPath, "a");
  let queue: Pending[] = [];
  let writing = false;
  let batches = 0;
  let deleteSpills = true;
  // One buffer for all batches: a fresh one each time would be most of the process's garbage.
  const spill = Buffer.alloc(SPILL_BYTES);

  async function rotateIfLarge(): Promise<void> {
    if ((await log.stat()).size < ROTATE_BYTES) return;
    await log.close();
    await rename(dataPath, `${dataPath}.1`);
    log = await open(dataPath, "a");
  }

  async function writeBatch(batch: Pending[]): Promise<void> {
    const bytes = Buffer.from(batch.map((p) => `${p.record}\n`).join(""));
    const spillPath = join(dir, `batch-${process.pid}-${batches++}.spill`);
    if ((await directoryBytes(dir)) + SPILL_BYTES + bytes.length > limitBytes) throw noSpace(spillPath);
    await writeFile(spillPath, spill.fill(bytes));
    await log.write(bytes);
    await log.sync();
    if (deleteSpills) await unlink(spillPath);
    await rotateIfLarge();
  }

  async function drain(): Promise<void> {
    writing = true;
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        await writeBatch(batch);
        for (const p of batch) p.resolve();
      } catch (error) {
        for (const p of batch) p.reject(error);
      }
    }
    writing = false;
  }

  return {
    append: (record) =>
      new Promise((resolve, reject) => {
        queue.push({ record, resolve, reject });
        if (!writing) void drain();
      }),
    usedBytes: () => directoryBytes(dir),
    keepSpills: () => {
      deleteSpills = false;
    },
  };
}
