import { crc32 } from "node:zlib";
import { PipelineError } from "../../core/errors.ts";

/**
 * A frame: u32 length of what follows the checksum, u32 crc32, f64 ingest time, u8 length of the format, format, payload;
 * little-endian. The checksum starts from the frame's offset in the journal, so that bytes copied from elsewhere, say a
 * payload that holds a frame, never pass for one.
 */
export interface Frame {
  readonly ingestTimeMs: number;
  readonly format: string;
  readonly value: Uint8Array;
  readonly byteLength: number;
}

export const HEADER_BYTES = 8;
const FIXED_BYTES = 9;
export const MAX_FRAME_BYTES = 64 << 20;

/** @throws PipelineError LIMIT_BYTES when format or payload is too long */
export function frameBytes(format: Uint8Array, value: Uint8Array, where: string): number {
  const bytes = HEADER_BYTES + FIXED_BYTES + format.length + value.length;
  if (format.length > 255 || bytes > MAX_FRAME_BYTES) {
    throw new PipelineError("LIMIT_BYTES", where, { detail: `${bytes} bytes, at most ${MAX_FRAME_BYTES}` });
  }
  return bytes;
}

/** Writes one frame at `at` of `target`; `offset` is where it will lie in the journal. */
export function encodeFrame(
  target: Buffer,
  at: number,
  offset: number,
  record: { readonly ingestTimeMs: number; readonly format: Uint8Array; readonly value: Uint8Array },
): void {
  const length = FIXED_BYTES + record.format.length + record.value.length;
  const body = at + HEADER_BYTES;
  target.writeUInt32LE(length, at);
  target.writeDoubleLE(record.ingestTimeMs, body);
  target[body + 8] = record.format.length;
  target.set(record.format, body + FIXED_BYTES);
  target.set(record.value, body + FIXED_BYTES + record.format.length);
  target.writeUInt32LE(crc32(target.subarray(body, body + length), offset % 2 ** 32), at + 4);
}

/** Bytes of the frame whose header starts at `at`, or undefined when the length cannot be one. */
export function frameLength(bytes: Buffer, at: number): number | undefined {
  const length = bytes.readUInt32LE(at);
  const total = length + HEADER_BYTES;
  return length < FIXED_BYTES || total > MAX_FRAME_BYTES ? undefined : total;
}

/** The frame at `at` of `bytes`, or undefined when there is no whole and sound one. */
export function decodeFrame(bytes: Buffer, at: number, offset: number): Frame | undefined {
  if (at + HEADER_BYTES > bytes.length) {
    return undefined;
  }
  const byteLength = frameLength(bytes, at);
  const body = at + HEADER_BYTES;
  if (byteLength === undefined || at + byteLength > bytes.length) {
    return undefined;
  }
  const formatEnd = body + FIXED_BYTES + bytes[body + 8]!;
  const end = at + byteLength;
  if (formatEnd > end || crc32(bytes.subarray(body, end), offset % 2 ** 32) !== bytes.readUInt32LE(at + 4)) {
    return undefined;
  }
  return {
    ingestTimeMs: bytes.readDoubleLE(body),
    format: bytes.toString("utf8", body + FIXED_BYTES, formatEnd),
    value: bytes.subarray(formatEnd, end),
    byteLength,
  };
}

export interface Scan {
  /** Bytes of sound frames from the start. */
  readonly soundBytes: number;
  readonly lastIngestTimeMs: number | undefined;
  /** Where, after something that is no frame, a sound one follows: proof of damage rather than of an unfinished write. */
  readonly resumesAt: number | undefined;
}

/** Walks all frames of a segment whose first byte is at `base` of the journal. */
export function scanFrames(bytes: Buffer, base: number): Scan {
  let at = 0;
  let lastIngestTimeMs: number | undefined;
  for (let frame = decodeFrame(bytes, 0, base); frame !== undefined; frame = decodeFrame(bytes, at, base + at)) {
    at += frame.byteLength;
    lastIngestTimeMs = frame.ingestTimeMs;
  }
  let resumesAt: number | undefined;
  for (let probe = at + 1; probe < bytes.length && resumesAt === undefined; probe += 1) {
    if (decodeFrame(bytes, probe, base + probe) !== undefined) {
      resumesAt = probe;
    }
  }
  return { soundBytes: at, lastIngestTimeMs, resumesAt };
}
