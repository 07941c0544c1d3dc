import { CallFigures, NOWHERE } from "./call-figures.ts";
import { JoinedTrace } from "./joined-trace.ts";
import { OpenTraces } from "./open-traces.ts";
import type { Topology } from "./topology.ts";
import { CLIENT, PRODUCER, type TraceSpan } from "./trace.ts";

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

const calls = (kind: number): boolean => kind === CLIENT || kind === PRODUCER;

/**
 * The call graph of spans: edges with calls, error ratio and duration, self time and share of the critical path of nodes
 * and operations. A span of weight w counts as w. What a client calls by an address is taken to be who was seen to answer
 * there, else a node of its own. Spans may come in any order and late; memory is bounded by `mostSpans` (about 100 bytes
 * each, and the addresses called) and `mostNodes` (2 kB each node, operation and edge).
 */
export class TraceGraph {
  readonly #holdMs: number;
  readonly #mostSpans: number;
  readonly #mostTraceSpans: number;
  readonly #traces: OpenTraces;
  readonly #joined = new JoinedTrace();
  readonly #figures: CallFigures;
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.NEGATIVE_INFINITY;
  #counts = { spans: 0, traces: 0, lateSpans: 0, earlyTraces: 0, orphans: 0 };

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
    this.#traces = new OpenTraces(mostSpans);
    this.#figures = new CallFigures(mostNodes);
  }

  /** `nowMs`: event time of the stream. */
  add(span: TraceSpan, nowMs: number): void {
    this.#counts.spans++;
    const { startMs, durationMs, weight } = span;
    const [traces, figures] = [this.#traces, this.#figures];
    if (startMs < this.#fromMs) this.#fromMs = startMs;
    if (startMs + durationMs > this.#toMs) this.#toMs = startMs + durationMs;
    const node = figures.node(span.entity);
    // The own time of a call is the way to the callee: it is nobody's work.
    const works = !calls(span.kind);
    const operation = works ? figures.operation(node, span.operation) : NOWHERE;
    if (traces.full) this.#closeEarly(traces.oldest());
    const trace = traces.add(span, nowMs, node, operation);
    if (trace < 0) {
      this.#counts.lateSpans++;
      if (works) figures.work(node, operation, durationMs, durationMs, weight, span.error);
    } else if (traces.spansOf(trace) >= this.#mostTraceSpans) this.#closeEarly(trace);
    else if (traces.held > this.#mostSpans) this.#closeEarly(traces.oldest());
  }

  /** Closes the traces whose time is over; all of them without a time. */
  advance(nowMs = Number.POSITIVE_INFINITY): void {
    const untilMs = nowMs - this.#holdMs;
    for (let at = this.#traces.oldest(untilMs); at >= 0; at = this.#traces.oldest(untilMs)) this.#close(at);
  }

  /** Spans that wait for the rest of their trace. */
  get held(): number {
    return this.#traces.held;
  }

  /** The graph so far, of closed traces; by name, so that the same spans give the same bytes. O(size). */
  topology(): Topology {
    const any = this.#fromMs <= this.#toMs;
    const seconds = any ? Math.max((this.#toMs - this.#fromMs) / 1000, 1e-3) : 1;
    return {
      version: 1,
      fromMs: any ? this.#fromMs : 0,
      toMs: any ? this.#toMs : 0,
      ...this.#figures.figures(seconds),
      counts: { ...this.#counts, beyondLimit: this.#figures.beyondLimit },
    };
  }

  #closeEarly(at: number): void {
    this.#counts.earlyTraces++;
    this.#close(at);
  }

  #close(at: number): void {
    this.#counts.traces++;
    const [traces, trace, figures] = [this.#traces, this.#joined, this.#figures];
    const spans = traces.waiting;
    trace.join(spans, traces.firstOf(at), traces.spansOf(at));
    for (let i = 0; i < trace.size; i++) {
      const row = trace.row[i]!;
      const p = trace.parent[i]!;
      if (p >= 0) this.#answered(trace.row[p]!, row);
      else if (spans.hasParent(row)) this.#counts.orphans++;
      else trace.criticalPath(i, this.#critical);
      if (calls(spans.kind[row]!)) this.#unanswered(i);
      else {
        const error = spans.error[row] === 1;
        const [node, operation, durationMs] = [spans.node[row]!, spans.operation[row]!, spans.durationMs[row]!];
        figures.work(node, operation, trace.selfMs(i), durationMs, spans.weight[row]!, error);
      }
    }
    traces.close(at);
  }

  readonly #critical = (place: number, ms: number): void => {
    const spans = this.#traces.waiting;
    const row = this.#joined.row[place]!;
    this.#figures.critical(spans.node[row]!, spans.operation[row]!, ms * spans.weight[row]!);
  };

  #answered(caller: number, callee: number): void {
    const spans = this.#traces.waiting;
    const [from, to] = [spans.node[caller]!, spans.node[callee]!];
    if (from === to) return;
    const kind = spans.kind[caller]!;
    if (calls(kind) && to !== NOWHERE) this.#figures.answered(spans.peer[caller]!, to);
    this.#call(from, to, kind === CLIENT ? caller : callee, spans.error[caller] === 1 || spans.error[callee] === 1);
  }

  /** A call of which no answer was seen still counts, against who is known to answer there. */
  #unanswered(place: number): void {
    const [spans, trace] = [this.#traces.waiting, this.#joined];
    const row = trace.row[place]!;
    const [from, peer] = [spans.node[row]!, spans.peer[row]!];
    if (peer === "" || from === NOWHERE) return;
    for (let c = trace.child[place]!; c >= 0; c = trace.sibling[c]!) if (spans.node[trace.row[c]!] !== from) return;
    this.#call(from, this.#figures.answering(peer), row, spans.error[row] === 1);
  }

  #call(from: number, to: number, timed: number, error: boolean): void {
    const spans = this.#traces.waiting;
    this.#figures.call(from, to, spans.startMs[timed]!, spans.durationMs[timed]!, spans.weight[timed]!, error);
  }
}
