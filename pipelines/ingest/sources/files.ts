/**
 * A file of lines (CSV, JSON lines, any format of text) as a source. Where records are cut depends only on the file and `chunkBytes`, never on
 * `maxBytes` or restarts. What is appended to a plain file after its first opening is not read: a replay sees the same.
 */
import { stat } from "node:fs/promises";
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Source } from "../../core/source.ts";
import { oversized } from "../decoders/plain.ts";
import { type FileBytes, gzipBytes, plainBytes } from "./file-bytes.ts";

/** A longer line becomes a record that its decoder refuses with LIMIT_BYTES. */
export const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 10;
const DEFAULT_CHUNK_BYTES = 64 * 1024;

export interface FileSourceOptions {
  readonly path: string;
  /** What records carry, `csv:NAME` for a decoder of its own; by default csv or jsonl, as the extension before `.gz` says. */
  readonly format?: string;
  /** False for a CSV whose first line is a row already. */
  readonly header?: boolean;
  /** Records hold whole lines up to this many bytes (a single longer line has its own), at most MAX_LINE_BYTES. */
  readonly chunkBytes?: number;
}

/**
 * Stored as JSON. `arrivedMs` is when the file was last written at the first opening: rows can't be from later, and two
 * runs over one file see the same arrival. `size` is that of a plain file when it was first opened, null for gzip.
 */
interface Position {
  readonly offset: number;
  readonly arrivedMs: number;
  readonly size: number | null;
}

/** Opens nothing until it is read. Not for concurrent calls. Throws SOURCE_UNREADABLE, CONFIG_INVALID. */
export function fileSource(options: FileSourceOptions): Source {
  return new FileSource(options);
}

class FileSource implements Source {
  readonly name: string;
  readonly #path: string;
  readonly #gzip: boolean;
  readonly #format: string;
  /** Each record begins with the file's first line. */
  readonly #headed: boolean;
  readonly #chunkBytes: number;
  #first: Position | undefined;
  #bytes: FileBytes | undefined;
  #openSize: number | null = null;
  /** The CSV header with its line end; empty for JSON lines. */
  #header: Buffer = Buffer.alloc(0);

  constructor({ path, format, header = true, chunkBytes = DEFAULT_CHUNK_BYTES }: FileSourceOptions) {
    this.name = `file:${path}`;
    this.#path = path;
    this.#gzip = /\.gz$/i.test(path);
    const extension = /\.(csv|jsonl)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
    const known = format ?? extension;
    if (known === undefined) {
      throw new PipelineError("CONFIG_INVALID", path, {
        detail: "unknown file format",
        hint: ".csv or .jsonl, also .gz; or name its format",
      });
    }
    this.#format = known;
    this.#headed = header && /^csv(:|$)/.test(known);
    this.#chunkBytes = Math.max(1, Math.min(chunkBytes, MAX_LINE_BYTES));
  }

  async read(position: string | undefined, maxBytes: number): Promise<readonly RawRecord[]> {
    return this.#guarded(position, async () => {
      const from = await this.#open(position);
      const records: RawRecord[] = [];
      let { offset } = from;
      for (let total = 0; total === 0 || total < maxBytes; ) {
        const next = await this.#next(offset);
        if (!next) break;
        offset = next.offset;
        records.push({
          source: this.name,
          position: JSON.stringify({ ...from, offset } satisfies Position),
          ingestTimeMs: from.arrivedMs,
          format: this.#format,
          value: next.value,
        });
        total += next.value.length;
      }
      return records;
    });
  }

  async finished(position: string | undefined): Promise<boolean> {
    return this.#guarded(position, async () => {
      const { offset } = await this.#open(position);
      return (await this.#opened().read(offset, 1)).length === 0;
    });
  }

  async close(): Promise<void> {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    await bytes?.close();
  }

  async #guarded<T>(position: string | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (e) {
      if (e instanceof PipelineError) throw e;
      const detail = e instanceof Error ? e.message : String(e);
      throw new PipelineError("SOURCE_UNREADABLE", `${this.name}@${position ?? "start"}`, { detail, cause: e });
    }
  }

  #opened(): FileBytes {
    return this.#bytes as FileBytes;
  }

  /** Makes the file ready for reading and gives the position to read from, which for CSV is behind the header. */
  async #open(position: string | undefined): Promise<Position> {
    let at: Position;
    if (position !== undefined) at = this.#parse(position);
    else {
      if (!this.#first) {
        const { mtimeMs, size } = await stat(this.#path);
        this.#first = { offset: 0, arrivedMs: Math.floor(mtimeMs), size: this.#gzip ? null : size };
      }
      at = this.#first;
    }
    if (!this.#bytes || this.#openSize !== at.size) {
      await this.close();
      if (at.size !== null && (await stat(this.#path)).size < at.size) throw new Error("the file has become shorter");
      this.#bytes = at.size === null ? gzipBytes(this.#path) : await plainBytes(this.#path, at.size);
      this.#openSize = at.size;
      if (this.#headed) this.#header = await this.#readHeader();
    }
    return at.offset < this.#header.length ? { ...at, offset: this.#header.length } : at;
  }

  #parse(position: string): Position {
    const p = JSON.parse(position) as Partial<Position> | null;
    const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
    if (!whole(p?.offset) || !whole(p.arrivedMs) || !(p.size === null ? this.#gzip : whole(p.size)))
      throw new Error("not a position of this source");
    return { offset: p.offset, arrivedMs: p.arrivedMs, size: p.size as number | null };
  }

  async #readHeader(): Promise<Buffer> {
    const start = await this.#opened().read(0, MAX_LINE_BYTES);
    const end = start.indexOf(NEWLINE);
    if (end < 0 && start.length === MAX_LINE_BYTES) throw new Error(`the header is over ${MAX_LINE_BYTES} bytes`);
    return Buffer.from(start.subarray(0, end < 0 ? start.length : end + 1));
  }

  /** The record that starts at `offset`, and where the next one does. */
  async #next(offset: number): Promise<{ value: Uint8Array; offset: number } | undefined> {
    const chunk = await this.#opened().read(offset, this.#chunkBytes);
    if (chunk.length === 0) return undefined;
    const end = chunk.length < this.#chunkBytes ? chunk.length : chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) return this.#record(chunk.subarray(0, end), offset);
    const line = await this.#opened().read(offset, MAX_LINE_BYTES + 1);
    const newline = line.indexOf(NEWLINE);
    if (newline >= 0) return this.#record(line.subarray(0, newline + 1), offset);
    if (line.length <= MAX_LINE_BYTES) return this.#record(line, offset);
    return { value: oversized(MAX_LINE_BYTES, line), offset: await this.#lineEnd(offset + line.length) };
  }

  #record(lines: Buffer, offset: number) {
    const value = this.#header.length === 0 ? lines : Buffer.concat([this.#header, lines]);
    return { value, offset: offset + lines.length };
  }

  /** Where the line that `offset` is in ends. */
  async #lineEnd(offset: number): Promise<number> {
    for (let at = offset; ; ) {
      const block = await this.#opened().read(at, DEFAULT_CHUNK_BYTES);
      const newline = block.indexOf(NEWLINE);
      if (newline >= 0) return at + newline + 1;
      if (block.length === 0) return at;
      at += block.length;
    }
  }
}
