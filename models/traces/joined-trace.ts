import { IdTable } from "./id-table.ts";
import { END, type WaitingSpans } from "./waiting-spans.ts";

const NONE = -1;
const FIRST_ROOM = 64;
/** Below, looking through all is faster than a table. */
const FEW = 12;

/**
 * The spans of one trace, by start, each with its parent and its children; made anew for each trace in the same memory.
 * Places are 0 to `size`. Of spans with one id the first that came counts.
 */
export class JoinedTrace {
  size = 0;
  row = new Int32Array(FIRST_ROOM);
  startMs = new Float64Array(FIRST_ROOM);
  endMs = new Float64Array(FIRST_ROOM);
  /** -1 where the parent was not seen. */
  parent = new Int32Array(FIRST_ROOM);
  /** First child by start, and the next one of the same parent; -1 after the last. */
  child = new Int32Array(FIRST_ROOM);
  sibling = new Int32Array(FIRST_ROOM);
  #last = new Int32Array(FIRST_ROOM);
  /** Children of one span, and what is left to do. */
  #order = new Int32Array(FIRST_ROOM);
  #todo = new Int32Array(FIRST_ROOM);
  #todoFromMs = new Float64Array(FIRST_ROOM);
  #todoUntilMs = new Float64Array(FIRST_ROOM);
  readonly #places = new IdTable();

  /** `count` spans from row `first` on, by their `next`. O(n log n). */
  join(spans: WaitingSpans, first: number, count: number): void {
    if (count > this.row.length) this.#room(count);
    const few = count <= FEW;
    if (!few) this.#places.clear();
    let n = 0;
    for (let row = first; row !== END; row = spans.next[row]!) {
      if (few ? this.#among(spans, n, row) : this.#places.get(spans.idHigh[row]!, spans.idLow[row]!) >= 0) continue;
      if (!few) this.#places.set(spans.idHigh[row]!, spans.idLow[row]!, n);
      this.row[n++] = row;
    }
    this.size = n;
    sortBy(this.row, n, spans.startMs);
    for (let i = 0; i < n; i++) {
      const row = this.row[i]!;
      this.startMs[i] = spans.startMs[row]!;
      this.endMs[i] = spans.startMs[row]! + spans.durationMs[row]!;
      this.child[i] = NONE;
      if (!few) this.#places.set(spans.idHigh[row]!, spans.idLow[row]!, i);
    }
    for (let i = 0; i < n; i++) {
      const p = this.#parentOf(spans, i, few);
      this.parent[i] = p;
      this.sibling[i] = NONE;
      if (p < 0) continue;
      if (this.child[p] === NONE) this.child[p] = i;
      else this.sibling[this.#last[p]!] = i;
      this.#last[p] = i;
    }
  }

  /** Time of a span in which none of its children ran, ms. */
  selfMs(i: number): number {
    const end = this.endMs[i]!;
    let until = this.startMs[i]!;
    let covered = 0;
    for (let c = this.child[i]!; c !== NONE; c = this.sibling[c]!) {
      const from = Math.max(until, this.startMs[c]!);
      const to = Math.min(end, this.endMs[c]!);
      if (to <= from) continue;
      covered += to - from;
      until = to;
    }
    return Math.max(0, end - this.startMs[i]! - covered);
  }

  /**
   * Tells the stretches of the critical path from a root's start to its end, ms: at each moment the span that the answer
   * waited for, found from the end backwards as the child that ended last. They add up to the root's duration.
   * O(spans log spans), no recursion.
   * @see Zhang et al. 2022, USENIX ATC (CRISP)
   */
  criticalPath(root: number, tell: (place: number, ms: number) => void): void {
    if (this.parent[root] !== NONE) return;
    const { startMs, endMs } = this;
    let left = 1;
    this.#todo[0] = root;
    this.#todoFromMs[0] = startMs[root]!;
    this.#todoUntilMs[0] = endMs[root]!;
    while (left > 0) {
      const i = this.#todo[--left]!;
      const from = this.#todoFromMs[left]!;
      let t = this.#todoUntilMs[left]!;
      let own = 0;
      for (let k = this.#childrenByEnd(i) - 1; k >= 0; k--) {
        const c = this.#order[k]!;
        const end = Math.min(t, endMs[c]!);
        const start = Math.max(from, startMs[c]!);
        if (end <= start) continue;
        own += t - end;
        // A child that began before its parent is waited for from the parent's start on.
        this.#todo[left] = c;
        this.#todoFromMs[left] = start;
        this.#todoUntilMs[left++] = end;
        t = start;
      }
      if (t > from) own += t - from;
      if (own > 0) tell(i, own);
    }
  }

  /** The children in `#order`, the one that ended first in front, of two at once the one that began later; gives how many. */
  #childrenByEnd(i: number): number {
    let n = 0;
    for (let c = this.child[i]!; c !== NONE; c = this.sibling[c]!) this.#order[n++] = c;
    if (n < 2) return n;
    this.#order.subarray(0, n).reverse();
    sortBy(this.#order, n, this.endMs);
    return n;
  }

  #among(spans: WaitingSpans, n: number, row: number): boolean {
    for (let i = 0; i < n; i++) {
      const other = this.row[i]!;
      if (spans.idLow[other] === spans.idLow[row] && spans.idHigh[other] === spans.idHigh[row]) return true;
    }
    return false;
  }

  #parentOf(spans: WaitingSpans, i: number, few: boolean): number {
    const row = this.row[i]!;
    const [high, low] = [spans.parentHigh[row]!, spans.parentLow[row]!];
    if (high === 0 && low === 0) return NONE;
    if (!few) {
      const p = this.#places.get(high, low);
      return p === i ? NONE : p;
    }
    for (let p = 0; p < this.size; p++) {
      const other = this.row[p]!;
      if (p !== i && spans.idLow[other] === low && spans.idHigh[other] === high) return p;
    }
    return NONE;
  }

  #room(count: number): void {
    const length = 2 ** Math.ceil(Math.log2(count));
    this.row = new Int32Array(length);
    this.startMs = new Float64Array(length);
    this.endMs = new Float64Array(length);
    this.parent = new Int32Array(length);
    this.child = new Int32Array(length);
    this.sibling = new Int32Array(length);
    this.#last = new Int32Array(length);
    this.#order = new Int32Array(length);
    this.#todo = new Int32Array(length);
    this.#todoFromMs = new Float64Array(length);
    this.#todoUntilMs = new Float64Array(length);
  }
}

/** Insertion: stable, and traces come nearly in order; a long list is left to the engine's sort, stable as well. */
function sortBy(list: Int32Array, n: number, by: Float64Array): void {
  if (n > 64) {
    list.subarray(0, n).sort((a, b) => by[a]! - by[b]!);
    return;
  }
  for (let i = 1; i < n; i++) {
    const moved = list[i]!;
    const key = by[moved]!;
    let at = i;
    for (; at > 0 && by[list[at - 1]!]! > key; at--) list[at] = list[at - 1]!;
    list[at] = moved;
  }
}
