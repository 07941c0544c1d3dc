/** Lines of a text file, plain or gzip (known by its first bytes), in constant memory. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { PipelineError } from "../../core/errors.ts";

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 10;

export interface TextLinesOptions {
  /** Of a longer line that spans two reads the beginning is kept. */
  readonly mostLineBytes?: number;
}

/**
 * Batches of lines in order, without line ends (`\n` or `\r\n`); a last line without one counts. Invalid UTF-8 becomes
 * U+FFFD, a byte order mark is left out. Throws SOURCE_UNREADABLE with the byte where reading stopped.
 */
export async function* textLines(
  path: string,
  { mostLineBytes = 64 * 1024 }: TextLinesOptions = {},
): AsyncGenerator<string[]> {
  let at = 0;
  try {
    let held: Buffer[] = [];
    let heldBytes = 0;
    let first = true;
    const lineEnds = (lines: string[]): string[] => {
      if (first && lines[0]?.startsWith("\u{feff}")) lines[0] = lines[0].slice(1);
      first = false;
      for (let i = 0; i < lines.length; i++) if (lines[i]?.endsWith("\r")) lines[i] = lines[i]?.slice(0, -1) as string;
      return lines;
    };
    const hold = (part: Buffer) => {
      const kept = part.subarray(0, Math.max(0, mostLineBytes - heldBytes));
      if (kept.length > 0) held.push(Buffer.from(kept));
      heldBytes += part.length;
    };
    for await (const chunk of await bytesOf(path)) {
      const end = chunk.lastIndexOf(NEWLINE);
      if (end < 0) hold(chunk);
      else {
        const newline = chunk.indexOf(NEWLINE);
        hold(chunk.subarray(0, newline));
        const lines = [Buffer.concat(held).toString("utf8")];
        held = [];
        heldBytes = 0;
        if (end > newline) lines.push(...chunk.toString("utf8", newline + 1, end).split("\n"));
        yield lineEnds(lines);
        hold(chunk.subarray(end + 1));
      }
      at += chunk.length;
    }
    if (heldBytes > 0) yield lineEnds([Buffer.concat(held).toString("utf8")]);
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError("SOURCE_UNREADABLE", `${path}@${at}`, { detail, cause });
  }
}

async function bytesOf(path: string): Promise<AsyncIterable<Buffer>> {
  const handle = await open(path, "r");
  const magic = Buffer.alloc(2);
  try {
    await handle.read(magic, 0, 2, 0);
  } finally {
    await handle.close();
  }
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return file;
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES });
  file.on("error", (error) => unpacked.destroy(error));
  return file.pipe(unpacked);
}
