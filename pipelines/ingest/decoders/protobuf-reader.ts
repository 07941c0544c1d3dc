/**
 * A walker over the protobuf wire format (https://protobuf.dev/programming-guides/encoding/).
 * It builds no messages: callers ask for tags and values within the end of the message they are in.
 */
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";

/** Groups and attribute values may nest this deep. */
export const MAX_DEPTH = 32;

/** `source@position`: where a payload came from, for errors. */
export const whereOf = (record: Pick<RawRecord, "source" | "position">) => `${record.source}@${record.position}`;

/** Whole milliseconds in `high * 2^32 + low` nanoseconds, rounded down; exact, since no term reaches 2^53. */
export function nanosToMs(high: number, low: number): number {
  // 2^32 ns are 4294 ms and 967296 ns.
  return high * 4294 + Math.floor((high * 967_296 + low) / 1_000_000);
}

/** Tag of a field: what `tag()` gives. Wire types: 0 varint, 1 eight bytes, 2 with length, 5 four bytes. */
export const tagOf = (field: number, wire: 0 | 1 | 2 | 5) => field * 8 + wire;

export class ProtobufReader {
  readonly bytes: Buffer;
  /** Offset of the next unread byte; never beyond the `end` of the message last read from. */
  pos = 0;
  /** Halves of the last varint or fixed 64-bit number, unsigned. */
  low = 0;
  high = 0;
  readonly view: DataView;
  readonly #where: string;

  constructor(record: RawRecord) {
    const { buffer, byteOffset, byteLength } = record.value;
    this.bytes = Buffer.from(buffer, byteOffset, byteLength);
    this.view = new DataView(buffer, byteOffset, byteLength);
    this.#where = whereOf(record);
  }

  fail(detail: string): never {
    throw new PipelineError("DECODE_BAD_PROTOBUF", this.#where, { detail: `${detail} at byte ${this.pos}` });
  }

  /** Field number and wire type of the next field (`tagOf`). */
  tag(end: number): number {
    const tag = this.varint(end);
    if (tag < 8 || tag > 0xffff_ffff) this.fail("bad tag");
    return tag;
  }

  /** An unsigned varint, rounded to a double above 2^53; exact in `high` and `low`. */
  varint(end: number): number {
    const bytes = this.bytes;
    let pos = this.pos;
    if (pos < end) {
      const first = bytes[pos] as number;
      if (first < 128) {
        this.pos = pos + 1;
        this.high = 0;
        this.low = first;
        return first;
      }
    }
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) this.fail("cut off in a varint");
      const b = bytes[pos++] as number;
      const part = b & 127;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high = part >>> 4;
      } else if (shift < 63) high |= part << (shift - 32);
      else high |= (part & 1) << 31;
      if (b < 128) {
        this.pos = pos;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return this.high * 4_294_967_296 + this.low;
      }
    }
    return this.fail("varint longer than 10 bytes");
  }

  /** The varint just read as a zigzag-coded 32-bit number (sint32). */
  zigzag32(end: number): number {
    this.varint(end);
    return (this.low >>> 1) ^ -(this.low & 1);
  }

  /** A zigzag-coded 64-bit number (sint64), rounded to a double. */
  zigzag64(end: number): number {
    const value = this.varint(end);
    return this.low & 1 ? -(value + 1) / 2 : value / 2;
  }

  /** A varint as a signed 64-bit number (int64), rounded to a double. */
  int64(end: number): number {
    this.varint(end);
    return (this.high | 0) * 4_294_967_296 + this.low;
  }

  /** Reads a length and gives the end of what it spans, which lies within `end`. */
  length(end: number): number {
    const n = this.varint(end);
    if (n > end - this.pos) this.fail("a length leaves its message");
    return this.pos + n;
  }

  fixed64(end: number): void {
    if (end - this.pos < 8) this.fail("cut off in a fixed64");
    this.low = this.view.getUint32(this.pos, true);
    this.high = this.view.getUint32(this.pos + 4, true);
    this.pos += 8;
  }

  /** A fixed64 as a double. */
  unsigned64(end: number): number {
    this.fixed64(end);
    return this.high * 4_294_967_296 + this.low;
  }

  /** An sfixed64 as a double. */
  signed64(end: number): number {
    this.fixed64(end);
    return (this.high | 0) * 4_294_967_296 + this.low;
  }

  double(end: number): number {
    if (end - this.pos < 8) this.fail("cut off in a double");
    const value = this.view.getFloat64(this.pos, true);
    this.pos += 8;
    return value;
  }

  /** A fixed64 in nanoseconds as whole milliseconds. */
  nanos(end: number): number {
    this.fixed64(end);
    return nanosToMs(this.high, this.low);
  }

  string(end: number): string {
    const to = this.length(end);
    const from = this.pos;
    this.pos = to;
    return this.bytes.toString("utf8", from, to);
  }

  hex(end: number): string {
    const to = this.length(end);
    const from = this.pos;
    this.pos = to;
    // An id has at most 16 bytes; anything longer is no id, however long.
    return this.bytes.toString("hex", from, Math.min(to, from + 17));
  }

  base64(end: number): string {
    const to = this.length(end);
    const from = this.pos;
    this.pos = to;
    return this.bytes.toString("base64", from, to);
  }

  /** Steps over the value of a field that is not wanted. */
  skip(tag: number, end: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.varint(end);
        return;
      case 1:
        this.#jump(8, end);
        return;
      case 2:
        this.pos = this.length(end);
        return;
      case 3: {
        if (depth >= MAX_DEPTH) this.fail("groups nest too deep");
        for (;;) {
          const inner = this.tag(end);
          if ((inner & 7) !== 4) this.skip(inner, end, depth + 1);
          else if (inner >>> 3 === tag >>> 3) return;
          else this.fail("a group ends that never began");
        }
      }
      case 5:
        this.#jump(4, end);
        return;
      default:
        this.fail("bad wire type");
        return;
    }
  }

  #jump(bytes: number, end: number): void {
    if (end - this.pos < bytes) this.fail("cut off");
    this.pos += bytes;
  }
}
