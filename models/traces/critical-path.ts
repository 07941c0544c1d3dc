import type { Trace, TraceSpan } from "./trace.ts";

/**
 * Time of each span on the critical path from a root's start to its end, ms: at each moment the span that the answer
 * waited for, found from the end backwards as the child that ended last. They add up to the root's duration.
 * O(spans log spans), no recursion.
 * @see Zhang et al. 2022, USENIX ATC (CRISP)
 */
export function criticalPath({ spans, parent, children }: Trace, root: number): number[] {
  const out = new Array<number>(spans.length).fill(0);
  if (parent[root] !== -1) return out;
  const endOf = (i: number) => (spans[i] as TraceSpan).startMs + (spans[i] as TraceSpan).durationMs;
  const todo: [span: number, fromMs: number, untilMs: number][] = [
    [root, (spans[root] as TraceSpan).startMs, endOf(root)],
  ];
  for (let next = todo.pop(); next; next = todo.pop()) {
    const [i, startMs, untilMs] = next;
    let t = untilMs;
    const own = children[i] as readonly number[];
    const byEnd = own.length > 1 ? [...own].sort((a, b) => endOf(b) - endOf(a)) : own;
    for (const c of byEnd) {
      const end = Math.min(t, endOf(c));
      const start = Math.max(startMs, (spans[c] as TraceSpan).startMs);
      if (end <= start) continue;
      out[i]! += t - end;
      // A child that began before its parent is waited for from the parent's start on.
      todo.push([c, start, end]);
      t = start;
    }
    if (t > startMs) out[i]! += t - startMs;
  }
  return out;
}
