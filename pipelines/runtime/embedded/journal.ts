import type { FileHandle } from "node:fs/promises";
import { mkdir, open, unlink } from "node:fs/promises";
import type { Clock } from "../../core/clock.ts";
import { systemClock } from "../../core/clock.ts";
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Source } from "../../core/source.ts";
import { lockDirectory } from "../directory-lock.ts";
import { decodeFrame, frameLength, HEADER_BYTES } from "./frames.ts";
import { JournalWriter } from "./journal-writer.ts";
import type { Segment } from "./segments.ts";
import { corrupt, findSegments, syncDirectory } from "./segments.ts";

const NAME = "signals";
/** One read never takes more memory than this, unless a single record is larger. */
const MAX_READ_BYTES = 16 << 20;
const MIN_READ_BYTES = 64 << 10;

export interface JournalOptions {
  readonly dir: string;
  readonly segmentBytes?: number;
  /** What `trim` keeps at least. */
  readonly retainBytes?: number;
  readonly clock?: Clock;
  /** For replay: takes no lock, writes nothing, and is finished at its end. */
  readonly readOnly?: boolean;
}

/** The log of all that arrived, on one machine: what the topic `signals` is on Kafka. Positions are byte offsets. */
export interface Journal extends Source {
  /** Bytes of an unfinished append that opening cut off; none of it was ever acknowledged. */
  readonly tornBytes: number;
  /**
   * Resolves with the position after the record once it is on the disk.
   * @throws PipelineError LIMIT_BYTES for a record over 64 MiB, STORE_FAILED (retriable) when the disk refuses: the
   *   record is then not in the journal, and later appends work again as soon as the disk does
   */
  append(record: {
    readonly format: string;
    readonly value: Uint8Array;
    /** Of a record that comes again; now, otherwise. */
    readonly ingestTimeMs?: number;
  }): Promise<string>;
  endPosition(): string;
  /** How much there is to read after a position (`undefined`: the start). */
  bytesAfter(position: string | undefined): number;
  /** Deletes whole segments that lie before the position and beyond what is retained; the bytes set free. */
  trim(beforePosition: string): Promise<number>;
}

/**
 * Opens or creates the journal of a directory, for one process. A torn last append is cut off.
 * @throws PipelineError STORE_LOCKED, or JOURNAL_CORRUPT (with segment and offset) when anything else is damaged
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { dir, segmentBytes = 64 << 20, retainBytes = 1 << 30, clock = systemClock, readOnly = false } = options;
  if (!readOnly) {
    await mkdir(dir, { recursive: true });
  }
  const lock = readOnly ? undefined : await lockDirectory(dir, "journal.lock");
  try {
    const { segments, tornBytes, lastIngestTimeMs } = await findSegments(dir);
    const writer = readOnly ? undefined : new JournalWriter(dir, segmentBytes, segments);
    await writer?.cut();
    let lastMs = lastIngestTimeMs;
    let closed = false;
    const reader = new JournalReader(dir, segments);
    return {
      name: NAME,
      tornBytes,
      append: async ({ format, value, ingestTimeMs }) => {
        if (writer === undefined || closed) {
          throw new PipelineError("STORE_FAILED", dir, { detail: `the journal is ${closed ? "closed" : "read-only"}` });
        }
        if (ingestTimeMs !== undefined) return writer.append(ingestTimeMs, format, value);
        lastMs = Math.max(lastMs, clock.nowMs());
        return writer.append(lastMs, format, value);
      },
      read: (position, maxBytes) => reader.read(position, maxBytes),
      finished: async (position) => readOnly && reader.offsetOf(position) >= reader.end(),
      endPosition: () => String(reader.end()),
      bytesAfter: (position) => reader.end() - reader.offsetOf(position),
      trim: async (beforePosition) => {
        const limit = Math.min(reader.offsetOf(beforePosition), reader.end() - retainBytes);
        return writer === undefined ? 0 : trimSegments(dir, segments, limit);
      },
      close: async () => {
        closed = true;
        await writer?.close();
        await reader.close();
        await lock?.release();
      },
    };
  } catch (error) {
    await lock?.release();
    throw unreadable(error, dir);
  }
}

/** Oldest first, so that a crash leaves no gap; the last segment stays, for it holds the end. */
async function trimSegments(dir: string, segments: Segment[], limit: number): Promise<number> {
  let freed = 0;
  while (segments.length > 1 && segments[0]!.end <= limit) {
    const [first] = segments;
    await unlink(first!.path);
    segments.shift();
    freed += first!.end - first!.base;
  }
  if (freed > 0) {
    await syncDirectory(dir);
  }
  return freed;
}

class JournalReader {
  private readonly dir: string;
  private readonly segments: readonly Segment[];
  private handle: FileHandle | undefined;
  private handleBase = -1;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(dir: string, segments: readonly Segment[]) {
    this.dir = dir;
    this.segments = segments;
  }

  end(): number {
    return this.segments.at(-1)?.end ?? 0;
  }

  /** @throws PipelineError SOURCE_UNREADABLE for a position that was trimmed away or never was */
  offsetOf(position: string | undefined): number {
    const start = this.segments[0]?.base ?? 0;
    if (position === undefined) {
      return start;
    }
    const offset = /^\d{1,16}$/.test(position) ? Number(position) : Number.NaN;
    if (!(offset >= start && offset <= this.end())) {
      throw new PipelineError("SOURCE_UNREADABLE", `${NAME}@${position}`, {
        detail: `${this.dir} holds ${start} to ${this.end()}`,
        hint: "store and journal belong together: was one of them restored or deleted alone?",
      });
    }
    return offset;
  }

  /** One read at a time: they share the open file. */
  read(position: string | undefined, maxBytes: number): Promise<RawRecord[]> {
    const result = this.queue
      .then(() => this.readNow(position, maxBytes))
      .catch((error: unknown) => {
        throw unreadable(error, this.dir);
      });
    this.queue = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    await this.queue;
    await this.handle?.close();
    this.handle = undefined;
  }

  private async readNow(position: string | undefined, maxBytes: number): Promise<RawRecord[]> {
    const offset = this.offsetOf(position);
    const segment = this.segments.find(({ base, end }) => offset >= base && offset < end);
    if (segment === undefined) {
      return [];
    }
    const { end } = segment;
    const wanted = Math.max(MIN_READ_BYTES, Math.min(maxBytes, MAX_READ_BYTES));
    let bytes = await this.load(segment, offset, Math.min(wanted, end - offset));
    const first = bytes.length < HEADER_BYTES ? undefined : frameLength(bytes, 0);
    if (first !== undefined && first > bytes.length && offset + first <= end) {
      bytes = await this.load(segment, offset, first);
    }
    const records: RawRecord[] = [];
    let at = 0;
    while (at < bytes.length && (at === 0 || at < maxBytes)) {
      const frame = decodeFrame(bytes, at, offset + at);
      if (frame === undefined) {
        const length = at + HEADER_BYTES > bytes.length ? undefined : frameLength(bytes, at);
        const cutOff = offset + bytes.length < end && (length === undefined || at + length > bytes.length);
        if (at > 0 && cutOff) {
          break;
        }
        throw corrupt(segment.path, offset + at - segment.base, "no sound frame here");
      }
      at += frame.byteLength;
      const { ingestTimeMs, format, value } = frame;
      records.push({ source: NAME, position: String(offset + at), ingestTimeMs, format, value });
    }
    return records;
  }

  private async load(segment: Segment, offset: number, length: number): Promise<Buffer> {
    if (this.handle === undefined || this.handleBase !== segment.base) {
      await this.handle?.close();
      this.handle = undefined;
      this.handle = await open(segment.path, "r");
      this.handleBase = segment.base;
    }
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.handle.read(buffer, done, length - done, offset - segment.base + done);
      if (bytesRead === 0) {
        throw corrupt(segment.path, offset - segment.base + done, "the file ends before its end");
      }
      done += bytesRead;
    }
    return buffer;
  }
}

function unreadable(error: unknown, where: string): PipelineError {
  return error instanceof PipelineError
    ? error
    : new PipelineError("SOURCE_UNREADABLE", where, { detail: String(error), retriable: true, cause: error });
}
