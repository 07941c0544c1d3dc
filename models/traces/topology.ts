/** Who calls whom, as plain JSON. Times in ms; counts are of requests, not of kept samples. */
export interface Topology {
  readonly version: 1;
  readonly fromMs: number;
  readonly toMs: number;
  readonly nodes: readonly TopologyNode[];
  readonly edges: readonly TopologyEdge[];
  readonly counts: TraceCounts;
}

export interface OperationFigures {
  readonly name: string;
  readonly calls: number;
  readonly errorRatio: number;
  readonly meanMs: number;
  readonly p95Ms: number;
  /** Mean time in which it waited for no call of its own. */
  readonly selfMs: number;
  /** Share of all critical time that is its. */
  readonly criticalShare: number;
}

export interface TopologyNode extends Omit<OperationFigures, "name"> {
  readonly name: string;
  /** Known by its address alone: it sends no spans. */
  readonly external: boolean;
  readonly ratePerSec: number;
  readonly operations: readonly OperationFigures[];
}

export interface TopologyEdge {
  readonly caller: string;
  readonly callee: string;
  readonly calls: number;
  readonly ratePerSec: number;
  readonly errorRatio: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface TraceCounts {
  readonly spans: number;
  readonly traces: number;
  /** Spans whose trace had been closed: they count for their node, not for edges. */
  readonly lateSpans: number;
  /** Traces closed before their time, for want of space. */
  readonly earlyTraces: number;
  /** Spans whose parent was never seen. */
  readonly orphans: number;
  /** Nodes, operations or edges beyond the limit, not kept. */
  readonly beyondLimit: number;
}

export interface TopologyChange {
  readonly kind: "new-edge" | "vanished-edge" | "new-operation" | "vanished-operation" | "new-node" | "vanished-node";
  readonly what: string;
  /** Calls seen of what is new; calls that were to be expected of what is gone. */
  readonly calls: number;
}

/** Calls that must have been expected for their absence to mean something: e^-10 by Poisson. */
const EXPECTED = 10;

const keyOf = (e: TopologyEdge): string => `${e.caller} -> ${e.callee}`;

/**
 * What is new in `after` and what has vanished since `before`. Vanished is what its earlier rate made near certain to be
 * seen again: at least 10 calls expected. O(size of both).
 */
export function topologyChanges(before: Topology, after: Topology): TopologyChange[] {
  const seconds = (t: Topology) => Math.max((t.toMs - t.fromMs) / 1000, 1e-3);
  const factor = seconds(after) / seconds(before);
  const out: TopologyChange[] = [];
  const compare = (name: "edge" | "operation" | "node", a: Map<string, number>, b: Map<string, number>) => {
    for (const [what, calls] of b) if (!a.has(what)) out.push({ kind: `new-${name}`, what, calls });
    for (const [what, calls] of a)
      if (!b.has(what) && calls * factor >= EXPECTED)
        out.push({ kind: `vanished-${name}`, what, calls: calls * factor });
  };
  const edges = (t: Topology) => new Map(t.edges.map((e) => [keyOf(e), e.calls]));
  const nodes = (t: Topology) => new Map(t.nodes.map((n) => [n.name, n.calls]));
  const operations = (t: Topology) =>
    new Map(t.nodes.flatMap((n) => n.operations.map((o) => [`${n.name} ${o.name}`, o.calls] as const)));
  compare("node", nodes(before), nodes(after));
  compare("edge", edges(before), edges(after));
  compare("operation", operations(before), operations(after));
  return out.sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : b.calls - a.calls));
}
