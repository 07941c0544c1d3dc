/** Odd multipliers nobody can foresee: chosen ids can't be made to meet in one place (multiply-shift, Dietzfelbinger et al. 1997). */
const [P, Q] = crypto.getRandomValues(new Uint32Array(2)).map((n) => n | 1) as unknown as [number, number];
const FREE = -1;

/** Ids of two words to whole numbers from 0 on: linear probing, at most half full. */
export class IdTable {
  #bits: number;
  #high: Int32Array;
  #low: Int32Array;
  #value: Int32Array;
  #size = 0;

  constructor(bits = 10) {
    this.#bits = bits;
    this.#high = new Int32Array(2 ** bits);
    this.#low = new Int32Array(2 ** bits);
    this.#value = new Int32Array(2 ** bits).fill(FREE);
  }

  /** -1 where it is not known. */
  get(high: number, low: number): number {
    return this.#value[this.#place(high, low)]!;
  }

  set(high: number, low: number, value: number): void {
    const at = this.#place(high, low);
    if (this.#value[at] === FREE) {
      this.#high[at] = high;
      this.#low[at] = low;
      this.#size++;
    }
    this.#value[at] = value;
    if (this.#size * 2 > this.#value.length) this.#grow();
  }

  /** What probed past the place that gets free moves up, so that no mark of the dead is needed (Knuth 6.4, R). */
  delete(high: number, low: number): void {
    let hole = this.#place(high, low);
    if (this.#value[hole] === FREE) return;
    this.#size--;
    const mask = this.#value.length - 1;
    for (let at = (hole + 1) & mask; this.#value[at] !== FREE; at = (at + 1) & mask) {
      const home = this.#home(this.#high[at]!, this.#low[at]!);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#high[hole] = this.#high[at]!;
      this.#low[hole] = this.#low[at]!;
      this.#value[hole] = this.#value[at]!;
      hole = at;
    }
    this.#value[hole] = FREE;
  }

  clear(): void {
    this.#value.fill(FREE);
    this.#size = 0;
  }

  #home(high: number, low: number): number {
    return (Math.imul(high, P) + Math.imul(low, Q)) >>> (32 - this.#bits);
  }

  #place(high: number, low: number): number {
    const mask = this.#value.length - 1;
    let at = this.#home(high, low);
    while (this.#value[at] !== FREE && (this.#low[at] !== low || this.#high[at] !== high)) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const [high, low, value] = [this.#high, this.#low, this.#value];
    this.#bits++;
    this.#high = new Int32Array(2 ** this.#bits);
    this.#low = new Int32Array(2 ** this.#bits);
    this.#value = new Int32Array(2 ** this.#bits).fill(FREE);
    for (let i = 0; i < value.length; i++) {
      if (value[i] === FREE) continue;
      const at = this.#place(high[i]!, low[i]!);
      this.#high[at] = high[i]!;
      this.#low[at] = low[i]!;
      this.#value[at] = value[i]!;
    }
  }
}
