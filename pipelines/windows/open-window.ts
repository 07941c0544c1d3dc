import type { WindowBatch } from "../core/batches.ts";
import { grown } from "../core/interning.ts";
import { bytesOf, float64Of, type PutChunk } from "../core/stage.ts";

/** Doubles a row: series id, sum, count, min, max. */
const ROW = 5;
/** Rows a chunk of state: a commit in the middle of a window writes what changed, not the window. */
const BLOCK = 4096;
/** Fewer rows than one in so many ids are put in order by sorting, more by walking over all ids. */
const SPARSE = 16;

/** Arrays of a closed window, for the next one: a window of a million series is 44 MB, needed anew every few seconds. */
export class WindowArrays {
  #free: { rows: Float64Array<ArrayBuffer>; rowOf: Int32Array<ArrayBuffer> }[] = [];

  take(): { rows: Float64Array<ArrayBuffer>; rowOf: Int32Array<ArrayBuffer> } {
    return this.#free.pop() ?? { rows: new Float64Array(64 * ROW), rowOf: new Int32Array(256) };
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
  readonly #arrays: WindowArrays;
  #rows: Float64Array<ArrayBuffer>;
  /** Row + 1 of each series, 0 for none. */
  #rowOf: Int32Array<ArrayBuffer>;
  #count = 0;
  #dirty = new Uint8Array(4);
  /** Blocks that have been saved. */
  #saved = 0;

  constructor(startMs: number, endMs: number, arrays = new WindowArrays()) {
    this.startMs = startMs;
    this.endMs = endMs;
    this.#arrays = arrays;
    const { rows, rowOf } = arrays.take();
    this.#rows = rows;
    this.#rowOf = rowOf;
  }

  add(seriesId: number, value: number): void {
    const row = seriesId < this.#rowOf.length ? (this.#rowOf[seriesId] as number) : 0;
    if (row === 0) {
      this.#insert(seriesId, value);
      return;
    }
    const rows = this.#rows;
    const at = row * 5 - 5;
    this.#dirty[(row - 1) >>> 12] = 1; // BLOCK is 2 ** 12
    rows[at + 1] = (rows[at + 1] as number) + value;
    rows[at + 2] = (rows[at + 2] as number) + 1;
    if (value < (rows[at + 3] as number)) rows[at + 3] = value;
    if (value > (rows[at + 4] as number)) rows[at + 4] = value;
  }

  #insert(seriesId: number, value: number): void {
    const at = this.#count * ROW;
    const block = Math.floor(this.#count / BLOCK);
    if (block >= this.#dirty.length) this.#dirty = grown(this.#dirty, block + 1);
    this.#dirty[block] = 1;
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
      const at = (order[k] as number) * 5;
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
      for (let row = 0; row < n; row++) order[row] = rows[row * ROW] as number;
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

  /** State as chunks `startMs/block`. */
  snapshot(put: PutChunk, full: boolean): void {
    for (let block = 0; block * BLOCK < this.#count; block++) {
      if (!this.#dirty[block] && !full) continue;
      const to = Math.min(this.#count, (block + 1) * BLOCK);
      put(`${this.startMs}/${block}`, bytesOf(this.#rows.subarray(block * BLOCK * ROW, to * ROW)));
      this.#saved = Math.max(this.#saved, block + 1);
    }
    this.#dirty.fill(0);
  }

  /** Keys of the chunks that `snapshot` has written. */
  savedKeys(): string[] {
    return Array.from({ length: this.#saved }, (_, block) => `${this.startMs}/${block}`);
  }

  /** Takes back one chunk. */
  restore(block: number, bytes: Uint8Array): void {
    const state = float64Of(bytes);
    const from = block * BLOCK;
    this.#rows = grown(this.#rows, from * ROW + state.length);
    this.#rows.set(state, from * ROW);
    for (let i = 0; i < state.length / ROW; i++) {
      const id = state[i * ROW] as number;
      this.#rowOf = grown(this.#rowOf, id + 1);
      this.#rowOf[id] = from + i + 1;
    }
    this.#count = Math.max(this.#count, from + state.length / ROW);
    this.#dirty = grown(this.#dirty, block + 1);
    this.#saved = Math.max(this.#saved, block + 1);
  }
}
