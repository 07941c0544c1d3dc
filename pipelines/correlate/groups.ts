import type { Anomaly } from "../core/records.ts";
import { isSelf } from "../core/self.ts";
import type { CallGraph } from "./call-graph.ts";

/**
 * Waiting anomalies that hang together, by the graph or because they were learned to; those the graph doesn't know belong
 * to every group, but link none.
 */
export function groups(
  graph: Pick<CallGraph, "has" | "near">,
  list: readonly Anomaly[],
  linked?: (a: string, b: string) => boolean,
): Anomaly[][] {
  // What befalls the pipeline itself is no part of what befalls the system, nor the other way round.
  const own = list.filter((a) => isSelf(a.entity));
  if (own.length > 0) {
    const others = groups(
      graph,
      list.filter((a) => !isSelf(a.entity)),
      linked,
    );
    return [...others, own];
  }
  const loose = list.filter((a) => !graph.has(a.entity));
  const rest = new Set(list.filter((a) => graph.has(a.entity)).map((a) => a.entity));
  const out: Anomaly[][] = [];
  while (rest.size > 0) {
    const first = [...rest].sort()[0] as string;
    const group = new Set([first]);
    for (const e of group) {
      rest.delete(e);
      for (const n of graph.near(e)) if (rest.has(n)) group.add(n);
      if (linked) for (const n of rest) if (linked(e, n)) group.add(n);
    }
    out.push(list.filter((a) => group.has(a.entity) || !graph.has(a.entity)));
  }
  return loose.length > 0 ? [...out, loose] : out;
}
