/** What the span rankers share: who called whom, own times, entry spans; worked out once a case. */
import type { SpanTable } from "../core/case-events.ts";
import type { CallEdge } from "../core/records.ts";
import { byTime, kept } from "./timed-sums.ts";

export interface SpanStats {
  readonly spans: SpanTable;
  /** Slots of spans whose parent belongs to another owner. */
  readonly crossings: Int32Array;
  /** Those of them whose parent is the caller's client span: a parent that serves a request itself works besides waiting. */
  readonly calls: Int32Array;
  /** Duration less the children's, us, at least 0. */
  readonly selfUs: Float64Array;
  /** 1 for operations of client spans: their own time is the way to the callee. */
  readonly calling: Uint8Array;
  /** Slots of roots and of crossings: the requests an owner serves. */
  readonly entries: Int32Array;
  /** Slots in order of start. */
  readonly order: Int32Array;
}

export const spanStats = kept((spans: SpanTable): SpanStats => {
  const { length, parent, owner, operation, durationUs } = spans;
  const children = new Float64Array(length);
  const calling = new Uint8Array(spans.operations.length);
  const crossings: number[] = [];
  const calls: number[] = [];
  const entries: number[] = [];
  for (let i = 0; i < length; i++) {
    const p = parent[i] as number;
    if (p < 0) {
      entries.push(i);
      continue;
    }
    children[p] = (children[p] as number) + (durationUs[i] as number);
    if (owner[p] === owner[i]) continue;
    crossings.push(i);
    entries.push(i);
    const above = parent[p] as number;
    if (above < 0 || owner[above] !== owner[p]) continue;
    calls.push(i);
    calling[operation[p] as number] = 1;
  }
  return {
    spans,
    crossings: Int32Array.from(crossings),
    calls: Int32Array.from(calls),
    selfUs: children.map((c, i) => Math.max(0, (durationUs[i] as number) - c)),
    calling,
    entries: Int32Array.from(entries),
    order: byTime(spans.startMs),
  };
});

/** Calls between owners as edges; errors are not known. */
export function edgesOf(spans: SpanTable): CallEdge[] {
  const sums = new Map<string, { caller: string; callee: string; calls: number; us: number }>();
  for (const i of spanStats(spans).crossings) {
    const p = spans.parent[i] as number;
    const caller = spans.owners[spans.owner[p] as number] as string;
    const callee = spans.owners[spans.owner[i] as number] as string;
    const key = `${caller}\u0000${callee}`;
    const sum = sums.get(key) ?? { caller, callee, calls: 0, us: 0 };
    sum.calls += 1;
    sum.us += spans.durationUs[p] as number;
    sums.set(key, sum);
  }
  return [...sums.values()].map(({ caller, callee, calls, us }) => ({
    caller,
    callee,
    calls,
    errorRatio: 0,
    durationMs: us / calls / 1000,
  }));
}

/** Middle of a list of numbers, 0 when empty; for even n the mean of the middle two. */
export function medianOf(values: Float64Array): number {
  const sorted = values.slice().sort();
  const n = sorted.length;
  if (n === 0) return 0;
  return ((sorted[(n - 1) >> 1] as number) + (sorted[n >> 1] as number)) / 2;
}
