import { IdTable } from "./id-table.ts";
import { SpanId } from "./span-id.ts";
import type { TraceSpan } from "./trace.ts";
import { WaitingSpans } from "./waiting-spans.ts";

/** Traces that were closed, remembered to tell their late spans. */
const MOST_CLOSED = 100_000;

/**
 * Waiting spans by trace. Traces stand in a ring in the order in which they began: those that are open, and the last that
 * were closed. Memory: 28 bytes for each that fits the ring, and the waiting spans.
 */
export class OpenTraces {
  readonly waiting = new WaitingSpans();
  /** Spans that wait. */
  held = 0;
  readonly #id = new SpanId();
  readonly #places = new IdTable();
  readonly #mask: number;
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  /** Waiting spans of each; 0 for a closed one. */
  readonly #spans: Int32Array;
  readonly #sinceMs: Float64Array;
  /** Ever-growing counts of traces; their place in the ring is the count by its length. Below `#open` all are closed. */
  #oldest = 0;
  #open = 0;
  #next = 0;

  /** There is room for `most` open ones; each holds a span at least. */
  constructor(most: number) {
    const length = 2 ** Math.ceil(Math.log2(most + MOST_CLOSED + 1));
    this.#mask = length - 1;
    this.#high = new Int32Array(length);
    this.#low = new Int32Array(length);
    this.#first = new Int32Array(length);
    this.#last = new Int32Array(length);
    this.#spans = new Int32Array(length);
    this.#sinceMs = new Float64Array(length);
  }

  /** Place of the span's trace, -1 when that was closed before; `node` and `operation` as in `WaitingSpans`. */
  add(span: TraceSpan, nowMs: number, node: number, operation: number): number {
    const { high, low } = this.#id.read(span.traceId);
    let at = this.#places.get(high, low);
    if (at >= 0 && this.#spans[at] === 0) return -1;
    const row = this.waiting.put(span, this.#id, node, operation);
    if (at < 0) {
      at = this.#begin(high, low, nowMs);
      this.#first[at] = row;
    } else this.waiting.next[this.#last[at]!] = row;
    this.#last[at] = row;
    this.#spans[at]!++;
    this.held++;
    return at;
  }

  spansOf(at: number): number {
    return this.#spans[at]!;
  }

  firstOf(at: number): number {
    return this.#first[at]!;
  }

  /** The open trace that began first, and at or before `untilMs`; -1 without one. */
  oldest(untilMs = Number.POSITIVE_INFINITY): number {
    while (this.#open < this.#next && this.#spans[this.#open & this.#mask] === 0) this.#open++;
    if (this.#open === this.#next) return -1;
    const at = this.#open & this.#mask;
    return this.#sinceMs[at]! <= untilMs ? at : -1;
  }

  /** No trace can begin before the oldest open one is closed. */
  get full(): boolean {
    return this.#next - this.#oldest > this.#mask && this.#spans[this.#oldest & this.#mask]! > 0;
  }

  /** Lets go of its spans; the trace is remembered. */
  close(at: number): void {
    let row = this.#first[at]!;
    for (let left = this.#spans[at]!; left > 0; left--) row = this.waiting.drop(row);
    this.held -= this.#spans[at]!;
    this.#spans[at] = 0;
  }

  #begin(high: number, low: number, nowMs: number): number {
    if (this.#next - this.#oldest > this.#mask || this.#open - this.#oldest >= MOST_CLOSED) this.#forgetOldest();
    const at = this.#next++ & this.#mask;
    this.#high[at] = high;
    this.#low[at] = low;
    this.#sinceMs[at] = nowMs;
    this.#places.set(high, low, at);
    return at;
  }

  #forgetOldest(): void {
    const at = this.#oldest++ & this.#mask;
    this.#places.delete(this.#high[at]!, this.#low[at]!);
  }
}
