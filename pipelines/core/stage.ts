import type { Message, Topic, TopicRecords } from "./records.ts";

/** What a stage gives out while it works on one input: records for topics, messages for the next stage. */
export interface Outbox {
  emit<T extends Topic>(topic: T, key: string, record: TopicRecords[T]): void;
  send(message: Message): void;
}

/** Writes one piece of state; `undefined` deletes it. */
export type PutChunk = (key: string, value: Uint8Array | undefined) => void;

/**
 * State as named chunks of bytes. A commit stores only what changed, in the same atomic unit as positions and outputs,
 * whether the store is SQL or a compacted topic.
 */
export interface Stateful {
  /** Hands over every chunk that changed since the last call (all of them if `full`), and forgets the change marks. */
  snapshot(put: PutChunk, full?: boolean): void;
  /** Takes over stored chunks; called at most once, before any input. */
  restore(chunks: ReadonlyMap<string, Uint8Array>): void;
}

/**
 * A pure, deterministic function of (state, input) to (state, outputs): no clock, network or disk.
 * The result must not depend on how inputs were batched, only on their order.
 */
export interface Stage<In> extends Stateful {
  readonly name: string;
  /** Raised when stored state of an older version can't be read. */
  readonly version: number;
  process(input: In, out: Outbox): void;
  /** What has to be in memory before this input is processed: models of a switch. Undefined: nothing. */
  prepare?(input: In): Promise<void> | undefined;
  /** The same before these chunks are restored. */
  prepareRestore?(chunks: ReadonlyMap<string, Uint8Array>): Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** State that is small and irregular is kept as JSON. */
export const toChunk = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));
export const fromChunk = <T>(bytes: Uint8Array): T => JSON.parse(decoder.decode(bytes)) as T;

/** Typed-array slices as bytes and back (host byte order: all supported platforms are little-endian). */
export const bytesOf = (a: ArrayBufferView): Uint8Array =>
  new Uint8Array(a.buffer.slice(a.byteOffset, a.byteOffset + a.byteLength) as ArrayBuffer);
/** The bytes of an array that nobody writes to any more: no copy. */
export const bytesIn = (a: ArrayBufferView): Uint8Array =>
  new Uint8Array(a.buffer as ArrayBuffer, a.byteOffset, a.byteLength);
export const float64Of = (b: Uint8Array): Float64Array => new Float64Array(copyOf(b));
export const uint32Of = (b: Uint8Array): Uint32Array => new Uint32Array(copyOf(b));
const copyOf = (b: Uint8Array): ArrayBuffer => b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength) as ArrayBuffer;

/** Chunks under `prefix/`, keys without it; and the inverse, for parts that own a share of a stage's state. */
export function scoped(put: PutChunk, prefix: string): PutChunk {
  return (key, value) => put(`${prefix}/${key}`, value);
}
export function scopedChunks(chunks: ReadonlyMap<string, Uint8Array>, prefix: string): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const [k, v] of chunks) if (k.startsWith(`${prefix}/`)) out.set(k.slice(prefix.length + 1), v);
  return out;
}
