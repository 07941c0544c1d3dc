import type { Anomaly } from "../core/records.ts";
import type { CallGraph } from "./call-graph.ts";
import { benign } from "./evidence.ts";

const isSlow = (a: Anomaly) => (a.family === "latency" || a.family === "cpu") && a.entityKind !== "host" && !benign(a);

/**
 * Ids of the anomalies that a stall of the machine would explain: slowness that was seen first within `spreadMs` at two or more
 * entities, none of which waits for another one that is slow. One slow service slows those who call it, never its siblings.
 * What has ended meanwhile still tells that all began together. Empty where there is no such thing.
 */
export function commonMode(
  graph: Pick<CallGraph, "callees" | "has">,
  recent: readonly Anomaly[],
  spreadMs: number,
): ReadonlySet<string> {
  const slow = recent.filter(isSlow).sort((a, b) => a.detectedMs - b.detectedMs);
  const ids = new Set<string>();
  for (let from = 0, to = 0; from < slow.length; from++) {
    while (to < slow.length && slow[to]!.detectedMs - slow[from]!.detectedMs <= spreadMs) to += 1;
    const bunch = slow.slice(from, to);
    const names = new Set(bunch.map((a) => a.entity));
    const roots = [...names].filter((e) => graph.has(e) && ![...graph.callees(e)].some((c) => names.has(c)));
    if (roots.length >= 2) for (const a of bunch) ids.add(a.id);
    if (to === slow.length) break;
  }
  return ids;
}
