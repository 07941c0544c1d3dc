/** Words of a slot: the two hashes, the id, one free, so that a slot never lies in two cache lines. */
const WIDTH = 4;

/**
 * From two 32-bit hashes to an id > 0: open addressing, cleared when 60 % full (what is in use comes back by itself).
 * Memory: 16 bytes a slot, never grows.
 */
export class KeyTable {
  readonly #mask: number;
  readonly #capacity: number;
  readonly #slots: Int32Array;
  #size = 0;

  constructor(bits: number) {
    const slots = 1 << bits;
    this.#mask = slots - 1;
    this.#capacity = Math.floor(slots * 0.6);
    this.#slots = new Int32Array(slots * WIDTH);
  }

  /** 0 where the key is unknown. */
  get(h: number, g: number): number {
    const slots = this.#slots;
    for (let i = h & this.#mask; ; i = (i + 1) & this.#mask) {
      const at = i * WIDTH;
      const id = slots[at + 2]!;
      if (id === 0 || (slots[at] === h && slots[at + 1] === g)) return id;
    }
  }

  set(h: number, g: number, id: number): void {
    if (this.#size >= this.#capacity) this.clear();
    const slots = this.#slots;
    let at = (h & this.#mask) * WIDTH;
    while (slots[at + 2] !== 0 && !(slots[at] === h && slots[at + 1] === g)) at = (at + WIDTH) % slots.length;
    if (slots[at + 2] === 0) this.#size++;
    slots[at] = h;
    slots[at + 1] = g;
    slots[at + 2] = id;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#size = 0;
  }
}
