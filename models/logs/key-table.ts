/**
 * From two 32-bit hashes to an id > 0: open addressing, cleared when 60 % full (what is in use comes back by itself).
 * Memory: 12 bytes a slot, never grows.
 */
export class KeyTable {
  readonly #mask: number;
  readonly #capacity: number;
  readonly #h: Int32Array;
  readonly #g: Int32Array;
  readonly #id: Int32Array;
  #size = 0;

  constructor(bits: number) {
    const slots = 1 << bits;
    this.#mask = slots - 1;
    this.#capacity = Math.floor(slots * 0.6);
    this.#h = new Int32Array(slots);
    this.#g = new Int32Array(slots);
    this.#id = new Int32Array(slots);
  }

  /** 0 where the key is unknown. */
  get(h: number, g: number): number {
    for (let i = h & this.#mask; ; i = (i + 1) & this.#mask) {
      const id = this.#id[i]!;
      if (id === 0 || (this.#h[i] === h && this.#g[i] === g)) return id;
    }
  }

  set(h: number, g: number, id: number): void {
    if (this.#size >= this.#capacity) this.clear();
    let i = h & this.#mask;
    while (this.#id[i] !== 0 && !(this.#h[i] === h && this.#g[i] === g)) i = (i + 1) & this.#mask;
    if (this.#id[i] === 0) this.#size++;
    this.#h[i] = h;
    this.#g[i] = g;
    this.#id[i] = id;
  }

  clear(): void {
    this.#id.fill(0);
    this.#size = 0;
  }
}
