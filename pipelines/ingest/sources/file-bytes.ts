/** Bytes of a file at any offset, plain or gzip (offsets are then those of the unpacked content). Memory is bounded. */
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { createGunzip } from "node:zlib";

export interface FileBytes {
  /** Up to `length` bytes from `offset`; fewer only at the end. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** A plain file of which the first `size` bytes count. */
export async function plainBytes(path: string, size: number): Promise<FileBytes> {
  const handle: FileHandle = await open(path, "r");
  return {
    async read(offset, length) {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    close: () => handle.close(),
  };
}

/** A gzip file, unpacked as a stream. Reading before the last offset starts over, since gzip can't be entered midway. */
export function gzipBytes(path: string): FileBytes {
  let stop = () => {};
  let chunks: AsyncIterator<Buffer> | undefined;
  /** Unpacked bytes in hand, the first of them at `start`. */
  let held: Buffer[] = [];
  let heldBytes = 0;
  let start = 0;
  let ended = false;

  const restart = () => {
    stop();
    const file = createReadStream(path);
    const gunzip = createGunzip();
    file.on("error", (e) => gunzip.destroy(e));
    stop = () => {
      file.destroy();
      gunzip.destroy();
    };
    chunks = file.pipe(gunzip)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    held = [];
    heldBytes = 0;
    start = 0;
    ended = false;
  };

  const dropBefore = (offset: number) => {
    while (held.length > 0 && start + (held[0] as Buffer).length <= offset) {
      const gone = (held.shift() as Buffer).length;
      start += gone;
      heldBytes -= gone;
    }
  };

  return {
    async read(offset, length) {
      if (!chunks || offset < start) restart();
      dropBefore(offset);
      while (!ended && start + heldBytes < offset + length) {
        const next = await (chunks as AsyncIterator<Buffer>).next();
        if (next.done) ended = true;
        else {
          held.push(next.value);
          heldBytes += next.value.length;
          dropBefore(offset);
        }
      }
      if (held.length > 1) held = [Buffer.concat(held)];
      const from = Math.max(0, offset - start);
      // A copy: a slice would keep all that is held alive in the records.
      return Buffer.from((held[0] ?? Buffer.alloc(0)).subarray(from, from + length));
    },
    async close() {
      stop();
      chunks = undefined;
    },
  };
}
