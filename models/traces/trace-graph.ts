import { criticalPath } from "./critical-path.ts";
import { Durations } from "./durations.ts";
import type { OperationFigures, Topology, TopologyEdge, TopologyNode } from "./topology.ts";
import { CLIENT, PRODUCER, selfMs, type Trace, type TraceSpan, traceOf } from "./trace.ts";

export interface TraceGraphOptions {
  /** A trace is complete this long after its first span, ms of event time. */
  holdMs?: number;
  /** Spans held of traces that are not complete; beyond, the oldest traces are closed as they are. */
  mostSpans?: number;
  /** Of a longer trace the spans so far are closed. */
  mostTraceSpans?: number;
  /** Nodes, edges, and operations in all. */
  mostNodes?: number;
}

class Tally {
  calls = 0;
  errors = 0;
  selfMs = 0;
  criticalMs = 0;
  readonly durations = new Durations();
}
interface Node extends Tally {
  external: boolean;
  readonly operations: Map<string, Tally>;
  readonly callees: Map<string, Edge>;
}
interface Edge {
  calls: number;
  errors: number;
  firstMs: number;
  lastMs: number;
  readonly durations: Durations;
}
interface Pending {
  readonly spans: TraceSpan[];
  readonly sinceMs: number;
}

/** Traces that were closed, remembered to tell their late spans. */
const MOST_CLOSED = 100_000;
const MOST_PEERS = 20_000;
const OPERATIONS_A_NODE = 50;

/**
 * The call graph of spans: edges with calls, error ratio and duration, self time and share of the critical path of nodes
 * and operations. A span of weight w counts as w. What a client calls by an address is taken to be who was seen to answer
 * there, else a node of its own. Spans may come in any order and late; memory is bounded by `mostSpans` (about 300 bytes
 * each) and `mostNodes` (2 kB each node, operation and edge).
 */
export class TraceGraph {
  readonly #holdMs: number;
  readonly #mostSpans: number;
  readonly #mostTraceSpans: number;
  readonly #mostNodes: number;
  readonly #pending = new Map<string, Pending>();
  readonly #closed = new Set<string>();
  readonly #nodes = new Map<string, Node>();
  readonly #peers = new Map<string, string>();
  #held = 0;
  #sizes = { operations: 0, edges: 0 };
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.NEGATIVE_INFINITY;
  #criticalMs = 0;
  #counts = { spans: 0, traces: 0, lateSpans: 0, earlyTraces: 0, orphans: 0, beyondLimit: 0 };

  constructor({
    holdMs = 10_000,
    mostSpans = 200_000,
    mostTraceSpans = 10_000,
    mostNodes = 10_000,
  }: TraceGraphOptions = {}) {
    if (!(holdMs >= 0)) throw new RangeError(`TraceGraph: holdMs is ${holdMs}; give 0 or more`);
    if (!(mostSpans >= 1 && mostTraceSpans >= 1 && mostNodes >= 1))
      throw new RangeError("TraceGraph: limits must be 1 or more");
    this.#holdMs = holdMs;
    this.#mostSpans = mostSpans;
    this.#mostTraceSpans = mostTraceSpans;
    this.#mostNodes = mostNodes;
  }

  /** `nowMs`: event time of the stream. */
  add(span: TraceSpan, nowMs: number): void {
    this.#counts.spans++;
    const end = span.startMs + span.durationMs;
    if (span.startMs < this.#fromMs) this.#fromMs = span.startMs;
    if (end > this.#toMs) this.#toMs = end;
    let trace = this.#pending.get(span.traceId);
    if (!trace) {
      if (this.#closed.has(span.traceId)) {
        this.#counts.lateSpans++;
        this.#own(span, span.durationMs);
        return;
      }
      trace = { spans: [], sinceMs: nowMs };
      this.#pending.set(span.traceId, trace);
    }
    trace.spans.push(span);
    this.#held++;
    if (trace.spans.length >= this.#mostTraceSpans) this.#closeEarly(span.traceId, trace);
    else if (this.#held > this.#mostSpans) {
      const [id, oldest] = this.#pending.entries().next().value as [string, Pending];
      this.#closeEarly(id, oldest);
    }
  }

  /** Closes the traces whose time is over; all of them without a time. */
  advance(nowMs = Number.POSITIVE_INFINITY): void {
    for (const [id, trace] of this.#pending) {
      if (trace.sinceMs + this.#holdMs > nowMs) return;
      this.#close(id, trace);
    }
  }

  /** Spans that wait for the rest of their trace. */
  get held(): number {
    return this.#held;
  }

  #closeEarly(id: string, trace: Pending): void {
    this.#counts.earlyTraces++;
    this.#close(id, trace);
  }

  #close(id: string, { spans }: Pending): void {
    this.#pending.delete(id);
    this.#held -= spans.length;
    this.#closed.add(id);
    if (this.#closed.size > MOST_CLOSED) this.#closed.delete(this.#closed.values().next().value as string);
    this.#counts.traces++;
    const trace = traceOf(spans);
    for (let i = 0; i < trace.spans.length; i++) {
      this.#own(trace.spans[i] as TraceSpan, selfMs(trace, i));
    }
    for (let i = 0; i < trace.spans.length; i++) {
      const span = trace.spans[i] as TraceSpan;
      const p = trace.parent[i]!;
      if (p < 0) {
        if (span.parentId !== "") this.#counts.orphans++;
        else this.#addCritical(trace, i);
      } else this.#answered(trace.spans[p] as TraceSpan, span);
      if (span.kind === CLIENT || span.kind === PRODUCER) this.#unanswered(trace, i);
    }
  }

  /** What a span tells of its own node. The own time of a call is the way to the callee: it is nobody's work. */
  #own(span: TraceSpan, ownMs: number): void {
    const node = this.#node(span.entity);
    if (!node || span.kind === CLIENT || span.kind === PRODUCER) return;
    node.external = false;
    let operation = node.operations.get(span.operation);
    if (!operation && this.#sizes.operations < this.#mostNodes) {
      operation = new Tally();
      node.operations.set(span.operation, operation);
      this.#sizes.operations++;
    }
    if (!operation) this.#counts.beyondLimit++;
    for (const tally of operation ? [node, operation] : [node]) {
      tally.calls += span.weight;
      if (span.error) tally.errors += span.weight;
      tally.selfMs += ownMs * span.weight;
      tally.durations.add(span.durationMs, span.weight);
    }
  }

  #addCritical(trace: Trace, root: number): void {
    const path = criticalPath(trace, root);
    for (let i = 0; i < path.length; i++) {
      if (path[i] === 0) continue;
      const { entity, operation, weight } = trace.spans[i] as TraceSpan;
      const ms = path[i]! * weight;
      this.#criticalMs += ms;
      const node = this.#nodes.get(entity);
      if (node) node.criticalMs += ms;
      const own = node?.operations.get(operation);
      if (own) own.criticalMs += ms;
    }
  }

  #answered(caller: TraceSpan, callee: TraceSpan): void {
    if (caller.entity === callee.entity) return;
    const told = caller.kind === CLIENT || caller.kind === PRODUCER;
    if (told && caller.peer !== "" && this.#peers.get(caller.peer) !== callee.entity)
      this.#learn(caller.peer, callee.entity);
    this.#edge(
      caller.entity,
      callee.entity,
      told && caller.kind === CLIENT ? caller : callee,
      caller.error || callee.error,
    );
  }

  #learn(peer: string, entity: string): void {
    if (this.#peers.size >= MOST_PEERS && !this.#peers.has(peer)) return;
    this.#peers.set(peer, entity);
    if (peer === entity || !this.#nodes.get(peer)?.external) return;
    // Calls to the address, before it was known who answers there.
    this.#nodes.delete(peer);
    for (const { callees } of this.#nodes.values()) {
      const before = callees.get(peer);
      if (!before) continue;
      callees.delete(peer);
      const now = callees.get(entity);
      if (!now) {
        callees.set(entity, before);
        continue;
      }
      this.#sizes.edges--;
      now.calls += before.calls;
      now.errors += before.errors;
      now.firstMs = Math.min(now.firstMs, before.firstMs);
      now.lastMs = Math.max(now.lastMs, before.lastMs);
      now.durations.addAll(before.durations);
    }
  }

  /** A call of which no answer was seen still counts, against who is known to answer there. */
  #unanswered(trace: Trace, i: number): void {
    const span = trace.spans[i] as TraceSpan;
    if (span.peer === "") return;
    for (const c of trace.children[i] as readonly number[])
      if ((trace.spans[c] as TraceSpan).entity !== span.entity) return;
    const known = this.#peers.get(span.peer);
    const callee = known ?? span.peer;
    if (callee === span.entity) return;
    if (known === undefined) {
      const fresh = !this.#nodes.has(callee);
      const node = this.#node(callee);
      if (fresh && node) node.external = true;
    }
    this.#edge(span.entity, callee, span, span.error);
  }

  #edge(from: string, to: string, timed: TraceSpan, error: boolean): void {
    const caller = this.#node(from);
    if (!caller) return;
    let edge = caller.callees.get(to);
    if (!edge) {
      if (this.#sizes.edges >= this.#mostNodes) {
        this.#counts.beyondLimit++;
        return;
      }
      edge = { calls: 0, errors: 0, firstMs: timed.startMs, lastMs: timed.startMs, durations: new Durations() };
      caller.callees.set(to, edge);
      this.#sizes.edges++;
    }
    edge.calls += timed.weight;
    if (error) edge.errors += timed.weight;
    if (timed.startMs < edge.firstMs) edge.firstMs = timed.startMs;
    if (timed.startMs > edge.lastMs) edge.lastMs = timed.startMs;
    edge.durations.add(timed.durationMs, timed.weight);
  }

  #node(name: string): Node | undefined {
    const known = this.#nodes.get(name);
    if (known) return known;
    if (this.#nodes.size >= this.#mostNodes) {
      this.#counts.beyondLimit++;
      return undefined;
    }
    const made = Object.assign(new Tally(), { external: false, operations: new Map(), callees: new Map() });
    this.#nodes.set(name, made);
    return made;
  }

  /** The graph so far, of closed traces; by name, so that the same spans give the same bytes. O(size). */
  topology(): Topology {
    const any = this.#fromMs <= this.#toMs;
    const seconds = any ? Math.max((this.#toMs - this.#fromMs) / 1000, 1e-3) : 1;
    const nodes: TopologyNode[] = [];
    const edges: TopologyEdge[] = [];
    const figures = (t: Tally): Omit<OperationFigures, "name"> => ({
      calls: t.calls,
      errorRatio: t.calls > 0 ? t.errors / t.calls : 0,
      meanMs: t.durations.meanMs,
      p95Ms: t.durations.quantileMs(0.95),
      selfMs: t.calls > 0 ? t.selfMs / t.calls : 0,
      criticalShare: this.#criticalMs > 0 ? t.criticalMs / this.#criticalMs : 0,
    });
    for (const [name, node] of this.#nodes) {
      const operations = [...node.operations]
        .map(([operation, tally]) => ({ name: operation, ...figures(tally) }))
        .sort((a, b) => b.calls - a.calls || (a.name < b.name ? -1 : 1))
        .slice(0, OPERATIONS_A_NODE);
      nodes.push({ name, external: node.external, ratePerSec: node.calls / seconds, ...figures(node), operations });
      for (const [callee, e] of node.callees)
        edges.push({
          caller: name,
          callee,
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
      version: 1,
      fromMs: any ? this.#fromMs : 0,
      toMs: any ? this.#toMs : 0,
      nodes: nodes.sort((a, b) => byName(a.name, b.name)),
      edges: edges.sort((a, b) => byName(a.caller, b.caller) || byName(a.callee, b.callee)),
      counts: { ...this.#counts },
    };
  }
}
