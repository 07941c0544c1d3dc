/** Files that people give to a command: plain or gzipped, in the encoding that they say, never more than a bound. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { type ErrorCode, PipelineError } from "../core/errors.ts";

/** Of one file, unpacked. */
export const MAX_TEXT_BYTES = 64 << 20;

/**
 * The text of a file, `.gz` unpacked, byte-order mark removed. Encoding: by the mark, by the XML declaration, else UTF-8.
 * @throws PipelineError `code` where it can't be read, is longer than `maxBytes`, or is not text of its encoding
 */
export async function readText(
  path: string,
  { code, maxBytes = MAX_TEXT_BYTES }: { code: ErrorCode; maxBytes?: number },
): Promise<string> {
  const refuse = (detail: string, cause?: unknown) => new PipelineError(code, path, { detail, cause });
  const tooLong = () => refuse(`it is longer than ${maxBytes} bytes`);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw refuse("it is a directory");
    if (info.size > maxBytes) throw tooLong();
    const raw = createReadStream(path);
    const packed = path.endsWith(".gz");
    const stream = packed ? raw.on("error", (e) => unpacked.destroy(e)).pipe(createGunzip()) : raw;
    const unpacked = stream;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        raw.destroy();
        throw tooLong();
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    const { code: reason, message } = error as NodeJS.ErrnoException;
    throw refuse(reason === "ENOENT" ? "there is no such file" : message, error);
  }
  const bytes = Buffer.concat(chunks);
  const label = encodingOf(bytes);
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(label, { fatal: true });
  } catch {
    throw refuse(`"${label}" is no encoding that is known here`);
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw refuse(`it is not ${label} text`);
  }
}

function encodingOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  const head = bytes.subarray(0, 200).toString("latin1");
  return /^\s*<\?xml[^>]*\bencoding\s*=\s*["']([A-Za-z][\w.:-]*)["']/.exec(head)?.[1]?.toLowerCase() ?? "utf-8";
}
