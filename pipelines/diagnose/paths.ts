/** Walks over the call graph. */
import type { CallEdge } from "../core/records.ts";

/** Shortest way from each entity that reaches `cause` by calls, itself included; ties go to the earlier name. */
export function waysTo(cause: string, edges: readonly CallEdge[]): Map<string, readonly string[]> {
  const callers = new Map<string, string[]>();
  for (const e of edges) if (e.caller !== e.callee) callers.set(e.callee, [...(callers.get(e.callee) ?? []), e.caller]);
  const ways = new Map<string, readonly string[]>([[cause, [cause]]]);
  for (const [entity, way] of ways)
    for (const caller of (callers.get(entity) ?? []).sort()) if (!ways.has(caller)) ways.set(caller, [caller, ...way]);
  return ways;
}

/** From the farthest entity with a symptom down to the cause; only the cause when nobody waits for it. */
export function pathTo(cause: string, symptoms: ReadonlySet<string>, edges: readonly CallEdge[]): readonly string[] {
  let best: readonly string[] = [cause];
  for (const [entity, way] of waysTo(cause, edges)) if (symptoms.has(entity) && way.length > best.length) best = way;
  return best;
}
