import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

export interface CheckpointsOptions {
  /** Made where it is missing. One writer at a time. */
  readonly dir: string;
  /** Several programs may share a directory under different names: letters, digits, dot, dash, underscore. */
  readonly name?: string;
  /** Newest that are kept, at least 2: while one is being written, or is found damaged, there is another. */
  readonly keep?: number;
  /** Hears of a checkpoint that was passed over because it is damaged. */
  readonly onDamaged?: (path: string, why: string) => void;
}

export interface Restored<T> {
  readonly state: T;
  /** Counts up from 1. */
  readonly number: number;
}

export interface Checkpoints<T> {
  /** Resolves once the state survives the death of the process and, as far as the disk keeps its word, a power cut. */
  save(state: T): Promise<number>;
  /** The newest checkpoint that is whole; undefined where there is none. */
  restore(): Promise<Restored<T> | undefined>;
}

const VERSION = 1;
const MAX_HEADER = 1024;

/**
 * State on disk, whole or not at all: written to another name, synced, renamed, and the directory synced; a checksum
 * tells what a disk has damaged since. State is JSON (`undefined`, functions and NaN are not) or bytes.
 *
 * ```ts
 * const saved = await checkpoints<{ next: number }>({ dir: "state" });
 * let { next } = (await saved.restore())?.state ?? { next: 0 };
 * ```
 *
 * @throws RangeError for a bad name or `keep`; the file system's errors, after which the checkpoint before still stands
 * @see Pillai et al. 2014, "All file systems are not created equal", OSDI: why each of these steps is needed
 */
export async function checkpoints<T>(options: CheckpointsOptions): Promise<Checkpoints<T>> {
  const { dir, name = "checkpoint", keep = 3, onDamaged } = options;
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(name)) throw new RangeError(`checkpoints: ${JSON.stringify(name)} is no name`);
  if (!(Number.isInteger(keep) && keep >= 2)) throw new RangeError(`checkpoints: keep is ${keep}; at least 2`);
  await mkdir(dir, { recursive: true });
  const pathOf = (number: number) => join(dir, `${name}-${String(number).padStart(12, "0")}.ckpt`);
  const numbers = async () => {
    const found: number[] = [];
    for (const entry of await readdir(dir)) {
      const digits = entry.startsWith(`${name}-`) && /^(\d{12,})\.ckpt$/.exec(entry.slice(name.length + 1))?.[1];
      if (digits) found.push(Number(digits));
    }
    return found.sort((a, b) => b - a);
  };
  let last = (await numbers())[0] ?? 0;
  let turn: Promise<unknown> = Promise.resolve();

  async function write(state: T): Promise<number> {
    const payload = state instanceof Uint8Array ? state : Buffer.from(jsonOf(state));
    const number = last + 1;
    const [path, draft] = [pathOf(number), `${pathOf(number)}.tmp`];
    const kind = state instanceof Uint8Array ? "bytes" : "json";
    const header = { version: VERSION, kind, bytes: payload.length, sha256: sha256(payload) };
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(header)}\n`);
      await file.writeFile(payload);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncDirectory(dir);
    last = number;
    for (const old of (await numbers()).filter((n) => n <= number).slice(keep)) await rm(pathOf(old), { force: true });
    return number;
  }

  return {
    save(state) {
      // One after another, in the order of the calls.
      const done = turn.then(() => write(state));
      turn = done.catch(() => {});
      return done;
    },
    async restore() {
      for (const number of await numbers()) {
        const path = pathOf(number);
        try {
          return { state: parse(await readFile(path)) as T, number };
        } catch (error) {
          onDamaged?.(path, (error as Error).message);
        }
      }
      return undefined;
    },
  };
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

function jsonOf(state: unknown): string {
  const text = JSON.stringify(state);
  if (text === undefined) throw new RangeError(`checkpoints: ${typeof state} is no JSON`);
  return text;
}

function parse(file: Buffer): unknown {
  const end = file.subarray(0, MAX_HEADER).indexOf(10);
  if (end < 0) throw new Error("it has no header");
  const header = JSON.parse(file.subarray(0, end).toString("utf8"));
  if (header.version !== VERSION) throw new Error(`version ${header.version} is unknown here`);
  const payload = file.subarray(end + 1);
  if (payload.length !== header.bytes) throw new Error(`it has ${payload.length} of ${header.bytes} bytes`);
  if (sha256(payload) !== header.sha256) throw new Error("its checksum is another");
  return header.kind === "bytes" ? new Uint8Array(payload) : JSON.parse(payload.toString("utf8"));
}

/** The new name lies in the directory, which has a write-back cache of its own. Windows has no such thing. */
async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
