/**
 * The compressions of Kafka, for kafkajs, which has only gzip and no bound on what it inflates. Each reads what Java and
 * librdkafka write, and writes what Java reads. What comes out is bounded before it is allocated: a batch of a few kB
 * can claim gigabytes.
 */
import { promisify } from "node:util";
import { gunzip as gunzipCallback, gunzipSync, gzip as gzipCallback } from "node:zlib";
import * as zstdWasm from "@bokuweb/zstd-wasm";
import kafkajs from "kafkajs";
import { compressFrame, decompressFrameSync, uncompressSync as lz4Block } from "lz4-napi";
import { compressSync as snappyBlock, uncompressSync as snappyPlain } from "snappy";

/** Of one batch, uncompressed. Java's producers fill at most `max.request.size`, 1 MiB unless set otherwise. */
export const MAX_BATCH_BYTES = 64 * 1024 * 1024;
/** Of all batches in one answer of a broker: they are in memory together. */
export const MAX_FETCH_BYTES = 512 * 1024 * 1024;

/**
 * A batch that can't be decompressed. kafkajs keeps only the innermost cause of an error, so this is no PipelineError
 * with a cause: `failed` makes one of it.
 */
export class BatchError extends Error {
  override readonly name = "BatchError";
  readonly retriable = false;
  readonly code: "LIMIT_BYTES" | "KAFKA_BAD_BATCH";
  constructor(code: BatchError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export interface Codec {
  compress(plain: Buffer): Promise<Buffer>;
  /** @throws BatchError also where `maxBytes` might be passed */
  decompress(packed: Buffer, maxBytes: number): Promise<Buffer>;
}

const bad = (text: string) => new BatchError("KAFKA_BAD_BATCH", text);
const within = (bytes: number, maxBytes: number): number => {
  if (bytes <= maxBytes) return bytes;
  const some = Number.isFinite(bytes) ? `up to ${bytes} bytes, more than` : "more than";
  throw new BatchError("LIMIT_BYTES", `a compressed batch holds ${some} ${maxBytes}`);
};
/** What a library throws, and reading beyond the end, is a bad batch. */
const checked =
  (name: string, work: (packed: Buffer, maxBytes: number) => Promise<Buffer> | Buffer) =>
  async (packed: Buffer, maxBytes: number): Promise<Buffer> => {
    try {
      return await work(packed, maxBytes);
    } catch (error) {
      if (error instanceof BatchError) throw error;
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") within(Number.POSITIVE_INFINITY, maxBytes);
      throw bad(`${name}: ${(error as Error).message ?? error}`);
    }
  };

const gzipAsync = promisify(gzipCallback);
const gunzipAsync = promisify(gunzipCallback);
/** Smaller ones are inflated sooner than handed to another thread. */
const GZIP_SYNC_BYTES = 32 * 1024;

export const gzip: Codec = {
  compress: (plain) => gzipAsync(plain),
  decompress: checked("gzip", (packed, maxBytes) => {
    // The trailer tells the size; it is only a hint of how much to allocate at a time.
    const told = packed.length < 18 ? 0 : packed.readUInt32LE(packed.length - 4);
    const chunkSize = Math.min(Math.max(told, 16 * 1024), 1024 * 1024);
    const options = { maxOutputLength: maxBytes, chunkSize };
    return packed.length < GZIP_SYNC_BYTES ? gunzipSync(packed, options) : gunzipAsync(packed, options);
  }),
};

/** Java wraps raw blocks: magic, version and oldest version that reads it, then size (big-endian) and block each. */
const XERIAL = Buffer.from("82534e41505059000000000100000001", "hex");
const XERIAL_BLOCK_BYTES = 32 * 1024;

/** The plain size that a raw snappy block begins with. */
function snappySize(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return size;
  }
  throw bad("snappy: a block without a size");
}
// `copyOutputData`: memory that is handed over instead of copied costs more than the copy.
const COPY = { copyOutputData: true };
const snappyRaw = (block: Buffer) => snappyPlain(block, COPY) as Buffer;

export const snappy: Codec = {
  async compress(plain) {
    const parts: Buffer[] = [XERIAL];
    for (let at = 0; at < plain.length; at += XERIAL_BLOCK_BYTES) {
      const block = snappyBlock(plain.subarray(at, at + XERIAL_BLOCK_BYTES), COPY);
      const size = Buffer.allocUnsafe(4);
      size.writeUInt32BE(block.length);
      parts.push(size, block);
    }
    return Buffer.concat(parts);
  },
  decompress: checked("snappy", (packed, maxBytes) => {
    if (!packed.subarray(0, 8).equals(XERIAL.subarray(0, 8))) {
      within(snappySize(packed), maxBytes);
      return snappyRaw(packed);
    }
    const blocks: Buffer[] = [];
    let total = 0;
    for (let at = 16; at < packed.length; ) {
      const end = at + 4 + packed.readUInt32BE(at);
      if (end > packed.length) throw bad("snappy: a block is cut off");
      const block = packed.subarray(at + 4, end);
      total = within(total + snappySize(block), maxBytes);
      blocks.push(block);
      at = end;
    }
    const plain = blocks.map(snappyRaw);
    return plain.length === 1 ? (plain[0] as Buffer) : Buffer.concat(plain);
  }),
};

const LZ4_MAGIC = 0x184d2204;
/** No byte of a block stands for more. */
const LZ4_MOST = 255;
let scratch = Buffer.allocUnsafeSlow(64 * 1024 + 4);

/**
 * LZ4 frames, one a batch. Blocks are decompressed one by one: exactly bounded, and up to twice as fast as the frame
 * as a whole, whose size the library has to find out by growing a buffer.
 */
export const lz4: Codec = {
  compress: (plain) => compressFrame(plain),
  decompress: checked("lz4", (packed, maxBytes) => {
    if (packed.readUInt32LE(0) !== LZ4_MAGIC) throw bad("lz4: no frame begins here");
    const [flags, sizes] = [packed.readUInt8(4), (packed.readUInt8(5) >> 4) & 7];
    if (flags >> 6 !== 1 || sizes < 4) throw bad("lz4: unknown version of frames");
    const [independent, blockSums, hasSize, hasDictionary] = [flags & 0x20, flags & 0x10, flags & 8, flags & 1];
    const blockBytes = 2 ** (8 + 2 * sizes);
    const first = 7 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0);
    let bound = 0;
    for (let at = first; ; ) {
      const word = packed.readUInt32LE(at);
      if (word === 0) break;
      const bytes = word & 0x7fffffff;
      const stored = word > 0x7fffffff;
      if (bytes > blockBytes) throw bad("lz4: a block is larger than its frame allows");
      bound += stored ? bytes : Math.min(blockBytes, LZ4_MOST * bytes);
      within(bound - blockBytes, maxBytes); // the last block may hold less
      at += 4 + bytes + (blockSums ? 4 : 0);
    }
    if (!independent) {
      const plain = decompressFrameSync(packed);
      within(plain.length, maxBytes);
      return plain;
    }
    const out = Buffer.allocUnsafe(bound);
    let end = 0;
    for (let at = first; ; ) {
      const word = packed.readUInt32LE(at);
      if (word === 0) return out.subarray(0, within(end, maxBytes));
      const bytes = word & 0x7fffffff;
      const block = packed.subarray(at + 4, at + 4 + bytes);
      end += (word > 0x7fffffff ? block : lz4Plain(block, Math.min(blockBytes, LZ4_MOST * bytes))).copy(out, end);
      at += 4 + bytes + (blockSums ? 4 : 0);
    }
  }),
};

/** The library wants the most that may come out in front of the block. */
function lz4Plain(block: Buffer, most: number): Buffer {
  if (scratch.length < block.length + 4) scratch = Buffer.allocUnsafeSlow(block.length + 4);
  scratch.writeUInt32LE(most);
  block.copy(scratch, 4);
  return lz4Block(scratch.subarray(0, block.length + 4));
}

const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_BLOCK_BYTES = 128 * 1024;
/** 3 packs a tenth tighter and takes twice the time. */
const ZSTD_LEVEL = 1;
let zstdReady: Promise<void> | undefined;

export const zstd: Codec = {
  async compress(plain) {
    zstdReady ??= zstdWasm.init();
    await zstdReady;
    const packed = zstdWasm.compress(plain, ZSTD_LEVEL);
    return Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  },
  decompress: checked("zstd", async (packed, maxBytes) => {
    zstdReady ??= zstdWasm.init();
    await zstdReady;
    let total = 0;
    const parts: Buffer[] = [];
    for (const { start, end, bound } of zstdFrames(packed)) {
      within(total + bound - ZSTD_BLOCK_BYTES, maxBytes); // the last block may hold less
      const plain = zstdWasm.decompress(packed.subarray(start, end), { defaultHeapSize: Math.max(bound, 1) });
      total = within(total + plain.length, maxBytes);
      parts.push(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength));
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }),
};

/**
 * Where frames begin and end, and the most that each can hold: what its header says, or the sum over its blocks. Java
 * writes streams, whose header says nothing.
 */
function* zstdFrames(packed: Buffer): Generator<{ start: number; end: number; bound: number }> {
  for (let start = 0; start < packed.length; ) {
    const magic = packed.readUInt32LE(start);
    if (magic >>> 4 === 0x184d2a5) {
      start += 8 + packed.readUInt32LE(start + 4); // a frame to be skipped
      continue;
    }
    if (magic !== ZSTD_MAGIC) throw bad("zstd: no frame begins here");
    const flags = packed.readUInt8(start + 4);
    const single = (flags & 0x20) !== 0;
    let at = start + 5;
    const window = single ? Number.POSITIVE_INFINITY : windowBytes(packed.readUInt8(at++));
    at += [0, 1, 2, 4][flags & 3] as number;
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6] as number;
    const told = sizeBytes === 0 ? undefined : contentBytes(packed, at, sizeBytes);
    at += sizeBytes;
    let sum = 0;
    for (let last = false; !last; ) {
      const word = packed.readUIntLE(at, 3);
      const [kind, bytes] = [(word >> 1) & 3, word >> 3];
      last = (word & 1) === 1;
      if (kind === 3) throw bad("zstd: a block of no known kind");
      sum += kind === 2 ? Math.min(ZSTD_BLOCK_BYTES, window) : bytes;
      at += 3 + (kind === 1 ? 1 : bytes);
    }
    const end = at + (flags & 4 ? 4 : 0);
    if (end > packed.length) throw bad("zstd: a frame is cut off");
    yield { start, end, bound: told ?? sum };
    start = end;
  }
}

const windowBytes = (byte: number) => 2 ** (10 + (byte >> 3)) * (1 + (byte & 7) / 8);

function contentBytes(packed: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(packed.readBigUInt64LE(at));
  return packed.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}

/** What has come out of each answer: kafkajs slices all its batches from one piece of memory. */
const spent = new WeakMap<ArrayBufferLike, number>();

const forKafkajs = (codec: Codec) => () => ({
  compress: ({ buffer }: { buffer: Buffer }) => codec.compress(buffer),
  async decompress(packed: Buffer): Promise<Buffer> {
    const used = spent.get(packed.buffer) ?? 0;
    const plain = await codec.decompress(packed, Math.min(MAX_BATCH_BYTES, MAX_FETCH_BYTES - used));
    spent.set(packed.buffer, used + plain.length);
    return plain;
  },
});

/** kafkajs keeps codecs for the whole process; doing it again changes nothing. */
export function registerCodecs(): void {
  // Not a name that Node finds in a CommonJS module, so not one to import.
  const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
  Object.assign(kafkajs.CompressionCodecs, {
    [GZIP]: forKafkajs(gzip),
    [Snappy]: forKafkajs(snappy),
    [LZ4]: forKafkajs(lz4),
    [ZSTD]: forKafkajs(zstd),
  });
}
