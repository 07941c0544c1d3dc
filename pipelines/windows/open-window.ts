import type { WindowBatch } from "../core/records.ts";
import { bytesOf, float64Of } from "../core/stage.ts";

const grow = (a: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
  const b = new Float64Array(a.length * 2);
  b.set(a);
  return b;
};

/** Aggregates of one window [startMs, endMs): a row for each series that had a value. O(1) a value. */
export class OpenWindow {
  readonly startMs: number;
  readonly endMs: number;
  dirty = true;
  #rowOf = new Map<number, number>();
  #ids: number[] = [];
  #sum = new Float64Array(256);
  #count = new Float64Array(256);
  #min = new Float64Array(256);
  #max = new Float64Array(256);

  constructor(startMs: number, endMs: number) {
    this.startMs = startMs;
    this.endMs = endMs;
  }

  add(seriesId: number, value: number): void {
    this.dirty = true;
    const row = this.#rowOf.get(seriesId);
    if (row !== undefined) {
      this.#sum[row] = (this.#sum[row] as number) + value;
      this.#count[row] = (this.#count[row] as number) + 1;
      if (value < (this.#min[row] as number)) this.#min[row] = value;
      if (value > (this.#max[row] as number)) this.#max[row] = value;
      return;
    }
    const i = this.#ids.length;
    if (i >= this.#sum.length) {
      this.#sum = grow(this.#sum);
      this.#count = grow(this.#count);
      this.#min = grow(this.#min);
      this.#max = grow(this.#max);
    }
    this.#rowOf.set(seriesId, i);
    this.#ids.push(seriesId);
    this.#sum[i] = this.#min[i] = this.#max[i] = value;
    this.#count[i] = 1;
  }

  /** Rows by series id, so that the batch does not tell in which order values came. */
  close(): WindowBatch {
    const n = this.#ids.length;
    const order = Uint32Array.from({ length: n }, (_, i) => i).sort(
      (a, b) => (this.#ids[a] as number) - (this.#ids[b] as number),
    );
    const seriesIds = new Uint32Array(n);
    const value = new Float64Array(n);
    const count = new Float64Array(n);
    const min = new Float64Array(n);
    const max = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      const i = order[k] as number;
      seriesIds[k] = this.#ids[i] as number;
      count[k] = this.#count[i] as number;
      min[k] = this.#min[i] as number;
      max[k] = this.#max[i] as number;
      // A sum of huge values may overflow where their mean does not.
      const mean = (this.#sum[i] as number) / (count[k] as number);
      value[k] = Number.isFinite(mean) ? mean : ((min[k] as number) + (max[k] as number)) / 2;
    }
    return { startMs: this.startMs, endMs: this.endMs, length: n, seriesIds, value, count, min, max };
  }

  save(): Uint8Array {
    const n = this.#ids.length;
    const all = new Float64Array(1 + 5 * n);
    all[0] = this.endMs;
    for (let i = 0; i < n; i++)
      all.set(
        [
          this.#ids[i] as number,
          this.#sum[i] as number,
          this.#count[i] as number,
          this.#min[i] as number,
          this.#max[i] as number,
        ],
        1 + 5 * i,
      );
    return bytesOf(all);
  }

  static load(startMs: number, bytes: Uint8Array): OpenWindow {
    const all = float64Of(bytes);
    const w = new OpenWindow(startMs, all[0] as number);
    for (let at = 1, i = 0; at < all.length; at += 5, i++) {
      while (i >= w.#sum.length) {
        w.#sum = grow(w.#sum);
        w.#count = grow(w.#count);
        w.#min = grow(w.#min);
        w.#max = grow(w.#max);
      }
      w.#ids.push(all[at] as number);
      w.#rowOf.set(all[at] as number, i);
      w.#sum[i] = all[at + 1] as number;
      w.#count[i] = all[at + 2] as number;
      w.#min[i] = all[at + 3] as number;
      w.#max[i] = all[at + 4] as number;
    }
    w.dirty = false;
    return w;
  }
}
