import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { PipelineError } from "../../core/errors.ts";
import { encodeFrame, frameBytes } from "./frames.ts";
import type { Segment } from "./segments.ts";
import { segmentPath, syncDirectory } from "./segments.ts";

/** Appends that wait are written together up to this size, and share one sync. */
const MAX_BATCH_BYTES = 8 << 20;

interface Waiting {
  readonly ingestTimeMs: number;
  readonly format: Uint8Array;
  readonly value: Uint8Array;
  readonly bytes: number;
  readonly resolve: (position: string) => void;
  readonly reject: (error: PipelineError) => void;
}

/** Writes frames behind the last segment's end, which moves only once they are on the disk. */
export class JournalWriter {
  private readonly dir: string;
  private readonly segmentBytes: number;
  private readonly segments: Segment[];
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private handle: FileHandle | undefined;
  private handleBase = -1;
  /** The file may hold bytes behind its end: they go before anything is written. */
  private torn = true;

  constructor(dir: string, segmentBytes: number, segments: Segment[]) {
    this.dir = dir;
    this.segmentBytes = segmentBytes;
    this.segments = segments;
  }

  append(ingestTimeMs: number, format: string, value: Uint8Array): Promise<string> {
    const name = Buffer.from(format);
    const bytes = frameBytes(name, value, this.dir);
    return new Promise((resolve, reject) => {
      this.waiting.push({ ingestTimeMs, format: name, value, bytes, resolve, reject });
      this.running ??= this.drain();
    });
  }

  /** Cuts what an unfinished write left behind the end. */
  async cut(): Promise<void> {
    await this.ready();
  }

  async close(): Promise<void> {
    await this.running;
    await this.handle?.close();
    this.handle = undefined;
  }

  private async drain(): Promise<void> {
    // Appends of the same turn of the event loop go together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      let batch: Waiting[] = [];
      try {
        const { handle, segment } = await this.ready();
        batch = this.take(segment);
        await this.write(handle, segment, batch);
      } catch (error) {
        // Nothing was acknowledged: all that waited so far fails alike, and may be tried again.
        const failed = batch.length > 0 ? batch : this.waiting.splice(0);
        const detail = error instanceof Error ? error.message : String(error);
        for (const { reject } of failed) {
          reject(
            new PipelineError("STORE_FAILED", this.dir, {
              detail: `append to the journal: ${detail}`,
              hint: "is there room on the disk?",
              retriable: true,
              cause: error,
            }),
          );
        }
      }
    }
    this.running = undefined;
  }

  /** As many as fit into the segment, at least one. */
  private take(segment: Segment): Waiting[] {
    const room = Math.min(MAX_BATCH_BYTES, this.segmentBytes - (segment.end - segment.base));
    let bytes = 0;
    let count = 0;
    while (count < this.waiting.length && (count === 0 || bytes + this.waiting[count]!.bytes <= room)) {
      bytes += this.waiting[count]!.bytes;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async write(handle: FileHandle, segment: Segment, batch: readonly Waiting[]): Promise<void> {
    const buffer = Buffer.allocUnsafe(batch.reduce((sum, { bytes }) => sum + bytes, 0));
    const ends: number[] = [];
    let at = 0;
    for (const record of batch) {
      encodeFrame(buffer, at, segment.end + at, record);
      at += record.bytes;
      ends.push(segment.end + at);
    }
    this.torn = true;
    const start = segment.end - segment.base;
    for (let done = 0; done < buffer.length; ) {
      done += (await handle.write(buffer, done, buffer.length - done, start + done)).bytesWritten;
    }
    await handle.datasync();
    this.torn = false;
    segment.end += buffer.length;
    batch.forEach(({ resolve }, i) => {
      resolve(String(ends[i]!));
    });
  }

  /** The segment to write to, open, with nothing behind its end. */
  private async ready(): Promise<{ handle: FileHandle; segment: Segment }> {
    let segment = this.segments.at(-1);
    if (segment === undefined || segment.end - segment.base >= this.segmentBytes) {
      const base = segment?.end ?? 0;
      const path = segmentPath(this.dir, base);
      await (await open(path, "a")).close();
      await syncDirectory(this.dir);
      segment = { base, path, end: base };
      this.segments.push(segment);
    }
    if (this.handle === undefined || this.handleBase !== segment.base) {
      await this.handle?.close();
      this.handle = undefined;
      this.handle = await open(segment.path, "r+");
      this.handleBase = segment.base;
      this.torn = true;
    }
    if (this.torn) {
      await this.handle.truncate(segment.end - segment.base);
      await this.handle.datasync();
      this.torn = false;
    }
    return { handle: this.handle, segment };
  }
}
