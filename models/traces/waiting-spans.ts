import type { SpanId } from "./span-id.ts";
import type { TraceSpan } from "./trace.ts";

const FIRST_ROOM = 1024;
export const END = -1;

/**
 * Spans that wait for the rest of their trace, in columns: an object each would be moved by the garbage collector while it
 * waits, which cost more than the graph itself. About 70 bytes a span; a row is used again once its trace is closed.
 */
export class WaitingSpans {
  startMs = new Float64Array(FIRST_ROOM);
  durationMs = new Float64Array(FIRST_ROOM);
  weight = new Float64Array(FIRST_ROOM);
  kind = new Uint8Array(FIRST_ROOM);
  error = new Uint8Array(FIRST_ROOM);
  idHigh = new Int32Array(FIRST_ROOM);
  idLow = new Int32Array(FIRST_ROOM);
  /** Both words 0 where the span has no parent. */
  parentHigh = new Int32Array(FIRST_ROOM);
  parentLow = new Int32Array(FIRST_ROOM);
  /** The next span of the trace, `END` after the last. */
  next = new Int32Array(FIRST_ROOM);
  /** Places in the graph's own lists, -1 beyond its limits. */
  node = new Int32Array(FIRST_ROOM);
  operation = new Int32Array(FIRST_ROOM);
  readonly peer: string[] = [];
  #free = END;
  #used = 0;

  /** Gives the row. */
  put(span: TraceSpan, id: SpanId, node: number, operation: number): number {
    let row = this.#free;
    if (row !== END) this.#free = this.next[row]!;
    else {
      row = this.#used++;
      if (row === this.next.length) this.#grow();
    }
    this.startMs[row] = span.startMs;
    this.durationMs[row] = span.durationMs;
    this.weight[row] = span.weight;
    this.kind[row] = span.kind;
    this.error[row] = span.error ? 1 : 0;
    id.read(span.spanId);
    this.idHigh[row] = id.high;
    this.idLow[row] = id.low;
    id.read(span.parentId);
    this.parentHigh[row] = id.high;
    this.parentLow[row] = id.low;
    this.next[row] = END;
    this.node[row] = node;
    this.operation[row] = operation;
    this.peer[row] = span.peer;
    return row;
  }

  /** Frees a row and gives the next one of its trace. */
  drop(row: number): number {
    const next = this.next[row]!;
    this.next[row] = this.#free;
    this.#free = row;
    return next;
  }

  hasParent(row: number): boolean {
    return this.parentHigh[row] !== 0 || this.parentLow[row] !== 0;
  }

  #grow(): void {
    this.startMs = larger(this.startMs, Float64Array);
    this.durationMs = larger(this.durationMs, Float64Array);
    this.weight = larger(this.weight, Float64Array);
    this.kind = larger(this.kind, Uint8Array);
    this.error = larger(this.error, Uint8Array);
    this.idHigh = larger(this.idHigh, Int32Array);
    this.idLow = larger(this.idLow, Int32Array);
    this.parentHigh = larger(this.parentHigh, Int32Array);
    this.parentLow = larger(this.parentLow, Int32Array);
    this.next = larger(this.next, Int32Array);
    this.node = larger(this.node, Int32Array);
    this.operation = larger(this.operation, Int32Array);
  }
}

function larger<T extends { length: number; set(from: T): void }>(array: T, of: new (length: number) => T): T {
  const out = new of(array.length * 2);
  out.set(array);
  return out;
}
