import { grown } from "../core/interning.ts";
import type { WindowBatch } from "../core/records.ts";
import { bytesOf, float64Of } from "../core/stage.ts";

/** Doubles a row: series id, sum, count, min, max. The first double of the array is the window's end. */
const ROW = 5;
/** Fewer rows than one in so many ids are put in order by sorting, more by walking over all ids. */
const SPARSE = 16;

/** Arrays of a closed window, for the next one: a window of a million series is 44 MB, needed anew every few seconds. */
export class WindowArrays {
  #free: { rows: Float64Array<ArrayBuffer>; rowOf: Int32Array<ArrayBuffer> }[] = [];

  take(): { rows: Float64Array<ArrayBuffer>; rowOf: Int32Array<ArrayBuffer> } {
    return this.#free.pop() ?? { rows: new Float64Array(1 + 64 * ROW), rowOf: new Int32Array(256) };
  }
  /** `rowOf` must be all zero. */
  give(rows: Float64Array<ArrayBuffer>, rowOf: Int32Array<ArrayBuffer>): void {
    if (this.#free.length < 2) this.#free.push({ rows, rowOf });
  }
}

/** Aggregates of one window [startMs, endMs): a row for each series that had a value. O(1) a value. */
export class OpenWindow {
  readonly startMs: number;
  readonly endMs: number;
  dirty = true;
  readonly #arrays: WindowArrays;
  #rows: Float64Array<ArrayBuffer>;
  /** Row + 1 of each series, 0 for none. */
  #rowOf: Int32Array<ArrayBuffer>;
  #count = 0;

  constructor(startMs: number, endMs: number, arrays = new WindowArrays()) {
    this.startMs = startMs;
    this.endMs = endMs;
    this.#arrays = arrays;
    const { rows, rowOf } = arrays.take();
    this.#rows = rows;
    this.#rowOf = rowOf;
    rows[0] = endMs;
  }

  add(seriesId: number, value: number): void {
    this.dirty = true;
    const row = seriesId < this.#rowOf.length ? (this.#rowOf[seriesId] as number) : 0;
    if (row === 0) {
      this.#insert(seriesId, value);
      return;
    }
    const rows = this.#rows;
    const at = row * 5 - 4;
    rows[at + 1] = (rows[at + 1] as number) + value;
    rows[at + 2] = (rows[at + 2] as number) + 1;
    if (value < (rows[at + 3] as number)) rows[at + 3] = value;
    if (value > (rows[at + 4] as number)) rows[at + 4] = value;
  }

  #insert(seriesId: number, value: number): void {
    const at = 1 + this.#count * ROW;
    if (at + ROW > this.#rows.length) this.#rows = grown(this.#rows, at + ROW);
    if (seriesId >= this.#rowOf.length) this.#rowOf = grown(this.#rowOf, seriesId + 1);
    this.#count += 1;
    this.#rowOf[seriesId] = this.#count;
    const rows = this.#rows;
    rows[at] = seriesId;
    rows[at + 1] = value;
    rows[at + 2] = 1;
    rows[at + 3] = value;
    rows[at + 4] = value;
  }

  /** Rows by series id, so that the batch does not tell in which order values came. The window ends here. */
  close(): WindowBatch {
    const n = this.#count;
    const rows = this.#rows;
    const order = this.#inOrder();
    const seriesIds = new Uint32Array(n);
    const value = new Float64Array(n);
    const count = new Float64Array(n);
    const min = new Float64Array(n);
    const max = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      const at = 1 + (order[k] as number) * 5;
      const times = rows[at + 2] as number;
      const low = rows[at + 3] as number;
      const high = rows[at + 4] as number;
      // A sum of huge values may overflow where their mean does not.
      const mean = (rows[at + 1] as number) / times;
      seriesIds[k] = rows[at] as number;
      value[k] = Number.isFinite(mean) ? mean : (low + high) / 2;
      count[k] = times;
      min[k] = low;
      max[k] = high;
    }
    this.#arrays.give(this.#rows, this.#rowOf);
    this.#count = 0;
    return { startMs: this.startMs, endMs: this.endMs, length: n, seriesIds, value, count, min, max };
  }

  /** Row numbers by series id; clears the map of rows. */
  #inOrder(): Uint32Array {
    const n = this.#count;
    const rows = this.#rows;
    const rowOf = this.#rowOf;
    const order = new Uint32Array(n);
    if (n * SPARSE < rowOf.length) {
      for (let row = 0; row < n; row++) order[row] = rows[1 + row * ROW] as number;
      order.sort();
      for (let k = 0; k < n; k++) {
        const id = order[k] as number;
        order[k] = (rowOf[id] as number) - 1;
        rowOf[id] = 0;
      }
      return order;
    }
    for (let id = 0, k = 0; k < n; id++) {
      const row = rowOf[id] as number;
      if (row === 0) continue;
      order[k++] = row - 1;
      rowOf[id] = 0;
    }
    return order;
  }

  save(): Uint8Array {
    return bytesOf(this.#rows.subarray(0, 1 + this.#count * ROW));
  }

  static load(startMs: number, bytes: Uint8Array, arrays?: WindowArrays): OpenWindow {
    const all = float64Of(bytes);
    const w = new OpenWindow(startMs, all[0] as number, arrays);
    w.#rows = grown(w.#rows, all.length);
    w.#rows.set(all);
    for (let at = 1; at < all.length; at += ROW) {
      const id = all[at] as number;
      w.#rowOf = grown(w.#rowOf, id + 1);
      w.#rowOf[id] = ++w.#count;
    }
    w.dirty = false;
    return w;
  }
}
