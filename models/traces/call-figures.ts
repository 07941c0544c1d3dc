import { Durations } from "./durations.ts";
import type { OperationFigures, TopologyEdge, TopologyNode } from "./topology.ts";

class Tally {
  calls = 0;
  errors = 0;
  selfMs = 0;
  criticalMs = 0;
  readonly durations = new Durations();

  add(ownMs: number, durationMs: number, weight: number, error: boolean): void {
    this.calls += weight;
    if (error) this.errors += weight;
    this.selfMs += ownMs * weight;
    this.durations.add(durationMs, weight);
  }
}
class Node extends Tally {
  /** No span of its own was seen. */
  external = false;
  readonly name: string;
  /** Places of its operations, and its calls by the callee's place. */
  readonly operations = new Map<string, number>();
  readonly callees = new Map<number, Edge>();

  constructor(name: string) {
    super();
    this.name = name;
  }
}
class Edge {
  calls = 0;
  errors = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;
  readonly durations = new Durations();

  addAll(other: Edge): void {
    this.calls += other.calls;
    this.errors += other.errors;
    this.firstMs = Math.min(this.firstMs, other.firstMs);
    this.lastMs = Math.max(this.lastMs, other.lastMs);
    this.durations.addAll(other.durations);
  }
}

export const NOWHERE = -1;
const MOST_PEERS = 20_000;
const OPERATIONS_A_NODE = 50;

/**
 * What is counted of nodes, their operations and their calls. Each has a place, a number that stays; `NOWHERE` is what goes
 * beyond the limits, counted in `beyondLimit`. Memory: 2 kB each node, operation and edge, `most` of each.
 */
export class CallFigures {
  beyondLimit = 0;
  readonly #most: number;
  readonly #nodes: Node[] = [];
  readonly #operations: Tally[] = [];
  /** By name; an address is here no longer once it is known who answers there. */
  readonly #places = new Map<string, number>();
  /** Who was seen to answer at an address. */
  readonly #answering = new Map<string, number>();
  #edges = 0;
  #criticalMs = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** A node that sends spans. */
  node(name: string): number {
    const place = this.#node(name);
    if (place !== NOWHERE) this.#nodes[place]!.external = false;
    return place;
  }

  operation(node: number, name: string): number {
    if (node === NOWHERE) return NOWHERE;
    const { operations } = this.#nodes[node]!;
    const known = operations.get(name);
    if (known !== undefined) return known;
    if (this.#operations.length >= this.#most) {
      this.beyondLimit++;
      return NOWHERE;
    }
    operations.set(name, this.#operations.length);
    return this.#operations.push(new Tally()) - 1;
  }

  /** Who answers at an address: a node that was seen to, else the address itself as one that sends no spans. */
  answering(address: string): number {
    const known = this.#answering.get(address);
    if (known !== undefined) return known;
    const fresh = !this.#places.has(address);
    const place = this.#node(address);
    if (fresh && place !== NOWHERE) this.#nodes[place]!.external = true;
    return place;
  }

  answered(address: string, node: number): void {
    if (address === "" || this.#answering.get(address) === node) return;
    if (this.#answering.size >= MOST_PEERS && !this.#answering.has(address)) return;
    this.#answering.set(address, node);
    const before = this.#places.get(address);
    if (before === undefined || before === node || !this.#nodes[before]!.external) return;
    this.#places.delete(address);
    this.#moveCalls(before, node);
  }

  work(node: number, operation: number, ownMs: number, durationMs: number, weight: number, error: boolean): void {
    if (node !== NOWHERE) this.#nodes[node]!.add(ownMs, durationMs, weight, error);
    if (operation !== NOWHERE) this.#operations[operation]!.add(ownMs, durationMs, weight, error);
  }

  critical(node: number, operation: number, ms: number): void {
    this.#criticalMs += ms;
    if (node !== NOWHERE) this.#nodes[node]!.criticalMs += ms;
    if (operation !== NOWHERE) this.#operations[operation]!.criticalMs += ms;
  }

  call(from: number, to: number, startMs: number, durationMs: number, weight: number, error: boolean): void {
    if (from === NOWHERE || to === NOWHERE || from === to) return;
    const { callees } = this.#nodes[from]!;
    let edge = callees.get(to);
    if (!edge) {
      if (this.#edges >= this.#most) {
        this.beyondLimit++;
        return;
      }
      edge = new Edge();
      callees.set(to, edge);
      this.#edges++;
    }
    edge.calls += weight;
    if (error) edge.errors += weight;
    if (startMs < edge.firstMs) edge.firstMs = startMs;
    if (startMs > edge.lastMs) edge.lastMs = startMs;
    edge.durations.add(durationMs, weight);
  }

  /** By name, so that the same spans give the same bytes. O(size). */
  figures(seconds: number): { nodes: TopologyNode[]; edges: TopologyEdge[] } {
    const nodes: TopologyNode[] = [];
    const edges: TopologyEdge[] = [];
    for (const [name, place] of this.#places) {
      const node = this.#nodes[place]!;
      const operations = [...node.operations]
        .map(([operation, at]) => ({ name: operation, ...this.#figures(this.#operations[at]!) }))
        .sort((a, b) => b.calls - a.calls || (a.name < b.name ? -1 : 1))
        .slice(0, OPERATIONS_A_NODE);
      nodes.push({
        name,
        external: node.external,
        ratePerSec: node.calls / seconds,
        ...this.#figures(node),
        operations,
      });
      for (const [callee, e] of node.callees)
        edges.push({
          caller: name,
          callee: this.#nodes[callee]!.name,
          calls: e.calls,
          ratePerSec: e.calls / seconds,
          errorRatio: e.errors / e.calls,
          meanMs: e.durations.meanMs,
          p50Ms: e.durations.quantileMs(0.5),
          p95Ms: e.durations.quantileMs(0.95),
          firstMs: e.firstMs,
          lastMs: e.lastMs,
        });
    }
    const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    return {
      nodes: nodes.sort((a, b) => byName(a.name, b.name)),
      edges: edges.sort((a, b) => byName(a.caller, b.caller) || byName(a.callee, b.callee)),
    };
  }

  #figures(t: Tally): Omit<OperationFigures, "name"> {
    return {
      calls: t.calls,
      errorRatio: t.calls > 0 ? t.errors / t.calls : 0,
      meanMs: t.durations.meanMs,
      p95Ms: t.durations.quantileMs(0.95),
      selfMs: t.calls > 0 ? t.selfMs / t.calls : 0,
      criticalShare: this.#criticalMs > 0 ? t.criticalMs / this.#criticalMs : 0,
    };
  }

  #node(name: string): number {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    if (this.#places.size >= this.#most) {
      this.beyondLimit++;
      return NOWHERE;
    }
    this.#places.set(name, this.#nodes.length);
    return this.#nodes.push(new Node(name)) - 1;
  }

  /** Calls to an address, from before it was known who answers there. */
  #moveCalls(address: number, node: number): void {
    for (const caller of this.#places.values()) {
      const { callees } = this.#nodes[caller]!;
      const before = callees.get(address);
      if (!before) continue;
      callees.delete(address);
      const now = callees.get(node);
      if (!now && caller !== node) {
        callees.set(node, before);
        continue;
      }
      this.#edges--;
      now?.addAll(before);
    }
  }
}
