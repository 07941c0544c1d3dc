/** Compact sets of numbers: what lets a table hold a million rows without a million objects. */

/** A copy of at least `need` slots, at least twice as long; the new slots are 0. Untouched pages cost no memory yet. */
export function grown<T extends Float64Array | Uint32Array | Int32Array | Uint8Array>(a: T, need: number): T {
  if (need <= a.length) return a;
  const b = new (a.constructor as new (n: number) => T)(Math.max(need, a.length * 2));
  b.set(a);
  return b;
}

/** Mixes a 32-bit word into a hash. @see Appleby, MurmurHash3 (public domain) */
export function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Spreads the bits of a hash; call it last. */
export function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Open-addressing index over rows that somebody else keeps: it holds row numbers, the owner hashes and compares.
 * 4 bytes a slot, at most half full: 8 to 16 bytes a row.
 */
export class RowIndex {
  #slots = new Int32Array(64); // row + 1, 0 = free
  #used = 0;
  readonly #hashOf: (row: number) => number;

  constructor(hashOf: (row: number) => number) {
    this.#hashOf = hashOf;
  }

  /** First slot to look at for a hash. */
  start(hash: number): number {
    return hash & (this.#slots.length - 1);
  }
  next(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1);
  }
  /** Row in a slot, -1 when it is free. */
  row(slot: number): number {
    return (this.#slots[slot] as number) - 1;
  }

  /** `slot` must be the free one that a search of the row's hash ended at. */
  put(slot: number, row: number): void {
    this.#slots[slot] = row + 1;
    if (++this.#used * 2 <= this.#slots.length) return;
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    for (let i = 0; i < old.length; i++) {
      const held = old[i] as number;
      if (held === 0) continue;
      let at = this.start(this.#hashOf(held - 1));
      while (this.#slots[at] !== 0) at = this.next(at);
      this.#slots[at] = held;
    }
  }
}
