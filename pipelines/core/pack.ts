/** Model states as JSON beside one block of doubles: exact to the bit, NaN and -0 too, and no code. */

const LEAST_LENGTH = 8;

interface Reference {
  readonly $f64: readonly [offset: number, length: number];
}

export interface Packed {
  readonly json: string;
  /** Little-endian doubles. */
  readonly bytes: Buffer;
}

/** Arrays of numbers go to the block; the rest is JSON. The same state gives the same bytes. */
export function pack(state: unknown): Packed {
  const arrays: ArrayLike<number>[] = [];
  let offset = 0;
  const place = (array: ArrayLike<number>): Reference => {
    arrays.push(array);
    offset += array.length;
    return { $f64: [offset - array.length, array.length] };
  };
  const walk = (value: unknown): unknown => {
    if (value instanceof Float64Array) return place(value);
    if (Array.isArray(value)) {
      const numbers = value.length > 0 && value.every((v) => typeof v === "number");
      const odd = numbers && value.some((v) => !Number.isFinite(v) || Object.is(v, -0));
      return numbers && (odd || value.length >= LEAST_LENGTH) ? place(value as number[]) : value.map(walk);
    }
    if (value !== null && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, walk(v)]));
    return value;
  };
  const json = `${JSON.stringify(walk(state))}\n`;
  const bytes = Buffer.alloc(offset * 8);
  let at = 0;
  for (const array of arrays) for (let i = 0; i < array.length; i++, at += 8) bytes.writeDoubleLE(array[i]!, at);
  return { json, bytes };
}

/** @throws RangeError on a reference beyond the block, SyntaxError on broken JSON */
export function unpack({ json, bytes }: Packed): unknown {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== "object") return value;
    const ref = (value as Partial<Reference>).$f64;
    if (!ref) return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, walk(v)]));
    const [offset, length] = ref;
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0)
      throw new RangeError("packed state: a reference is no range");
    if ((offset + length) * 8 > bytes.length) throw new RangeError("packed state: a reference lies beyond the block");
    return Array.from({ length }, (_, i) => bytes.readDoubleLE((offset + i) * 8));
  };
  return walk(JSON.parse(json));
}

const PREFIX_BYTES = 4;

/** A state as one piece of bytes: the length of the JSON, the JSON, the doubles. */
export function packedBytes(state: unknown): Uint8Array {
  const { json, bytes } = pack(state);
  const text = Buffer.from(json);
  const head = Buffer.alloc(PREFIX_BYTES);
  head.writeUInt32LE(text.length);
  return Buffer.concat([head, text, bytes]);
}

/** The inverse. @throws RangeError, SyntaxError on other bytes */
export function unpackedBytes<T>(packed: Uint8Array): T {
  const all = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const end = PREFIX_BYTES + all.readUInt32LE(0);
  return unpack({ json: all.subarray(PREFIX_BYTES, end).toString("utf8"), bytes: all.subarray(end) }) as T;
}
