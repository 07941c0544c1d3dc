import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Durations } from "../../../models/traces/durations.ts";
import { IdTable } from "../../../models/traces/id-table.ts";
import { JoinedTrace } from "../../../models/traces/joined-trace.ts";
import { SpanId } from "../../../models/traces/span-id.ts";
import { topologyChanges } from "../../../models/traces/topology.ts";
import type { TraceSpan } from "../../../models/traces/trace.ts";
import { TraceGraph, type TraceGraphOptions } from "../../../models/traces/trace-graph.ts";
import { WaitingSpans } from "../../../models/traces/waiting-spans.ts";

const span = (over: Partial<TraceSpan> & { spanId: string }): TraceSpan => ({
  entity: "web",
  operation: "GET /",
  kind: 2,
  startMs: 1000,
  durationMs: 100,
  error: false,
  traceId: "t1",
  parentId: "",
  peer: "",
  weight: 1,
  ...over,
});
/** web calls store by a client span, over 60 of 100 ms. */
const request = (traceId = "t1", at = 1000, over: Partial<TraceSpan> = {}): TraceSpan[] => [
  span({ spanId: `${traceId}a`, traceId, startMs: at, ...over }),
  span({
    spanId: `${traceId}b`,
    traceId,
    parentId: `${traceId}a`,
    kind: 3,
    operation: "call",
    startMs: at + 20,
    durationMs: 60,
    peer: "store:80",
    ...over,
  }),
  span({
    spanId: `${traceId}c`,
    traceId,
    parentId: `${traceId}b`,
    entity: "store",
    operation: "read",
    startMs: at + 30,
    durationMs: 40,
    ...over,
  }),
];
const graphOf = (spans: readonly TraceSpan[], options: TraceGraphOptions = {}) => {
  const graph = new TraceGraph(options);
  for (const s of spans) graph.add(s, s.startMs + s.durationMs);
  graph.advance();
  return graph.topology();
};

describe("the call graph of spans", () => {
  it("has edges as long as the caller waited, own times without the calls, and the critical path", () => {
    const { nodes, edges } = graphOf(request());
    expect(edges).toMatchObject([{ caller: "web", callee: "store", calls: 1, errorRatio: 0, meanMs: 60 }]);
    expect(nodes).toMatchObject([
      { name: "store", calls: 1, meanMs: 40, selfMs: 40, criticalShare: 0.4 },
      { name: "web", calls: 1, meanMs: 100, selfMs: 40, criticalShare: 0.6 },
    ]);
  });

  it("is the same in whatever order the spans of a trace come", () => {
    const spans = [...request("t1"), ...request("t2", 5000), ...request("t3", 9000, { error: true })];
    const expected = graphOf(spans);
    fc.assert(
      fc.property(fc.shuffledSubarray(spans, { minLength: spans.length }), (shuffled) => {
        expect(graphOf(shuffled)).toEqual(expected);
      }),
    );
  });

  it("counts a sampled span as many times as it stands for", () => {
    const { edges, nodes } = graphOf([
      ...request("t1", 1000, { weight: 8 }),
      ...request("t2", 2000, { weight: 2, error: true }),
    ]);
    expect(edges[0]).toMatchObject({ calls: 10, errorRatio: 0.2 });
    expect(nodes.map((n) => n.calls)).toEqual([10, 10]);
  });

  it("counts a call that nobody answered against who answers there, once that is known, and else against the address", () => {
    const [root, call] = request("t2", 5000, { error: true }) as [TraceSpan, TraceSpan, TraceSpan];
    for (const order of [
      [...request(), root, call],
      [root, call, ...request()],
    ])
      expect(graphOf(order).edges).toMatchObject([{ caller: "web", callee: "store", calls: 2, errorRatio: 0.5 }]);
    const alone = graphOf([root, call]);
    expect(alone.edges).toMatchObject([{ caller: "web", callee: "store:80", calls: 1, errorRatio: 1 }]);
    expect(alone.nodes.find((n) => n.name === "store:80")?.external).toBe(true);
  });

  it.each([
    { what: "more spans than are held", options: { mostSpans: 10 } },
    { what: "a trace that is too long", options: { mostTraceSpans: 10 } },
  ])("closes traces early for $what, and counts them", ({ options }) => {
    const graph = new TraceGraph(options);
    for (let i = 0; i < 100; i++) {
      const traceId = "mostSpans" in options ? `t${i}` : "t";
      graph.add(span({ spanId: `s${i}`, traceId }), 0);
      expect(graph.held).toBeLessThanOrEqual(10);
    }
    expect(graph.topology().counts.earlyTraces).toBeGreaterThan(0);
  });

  it("counts spans that come after their trace was closed, and keeps what they tell of their own node", () => {
    const graph = new TraceGraph({ holdMs: 1000 });
    const [root, call, answer] = request() as [TraceSpan, TraceSpan, TraceSpan];
    graph.add(root, 1000);
    graph.add(call, 1000);
    graph.advance(2500);
    graph.add(answer, 2500);
    graph.advance();
    const { counts, nodes } = graph.topology();
    expect(counts.lateSpans).toBe(1);
    expect(nodes.find((n) => n.name === "store")).toMatchObject({ calls: 1, meanMs: 40 });
  });

  it("finds late spans of any of the last 100,000 traces, and uses the room of older ones again", () => {
    const graph = new TraceGraph({ mostSpans: 2 });
    const traces = 300_000;
    for (let i = 0; i < traces; i++) graph.add(span({ spanId: `s${i}`, traceId: `t${i}` }), i);
    graph.add(span({ spanId: "late", traceId: `t${traces - 90_000}` }), traces);
    expect(graph.topology().counts).toMatchObject({ lateSpans: 1, spans: traces + 1 });
    graph.add(span({ spanId: "again", traceId: "t0" }), traces);
    graph.advance();
    expect(graph.topology().counts).toMatchObject({ lateSpans: 1, traces: traces + 1 });
    expect(graph.held).toBe(0);
  });

  it("keeps no more nodes, edges and operations than it may", () => {
    const spans = Array.from({ length: 1000 }, (_, i) =>
      span({ spanId: `s${i}`, traceId: `t${i}`, entity: `e${i}`, operation: `o${i}` }),
    );
    const { nodes, counts } = graphOf(spans, { mostNodes: 50 });
    expect(nodes).toHaveLength(50);
    expect(counts.beyondLimit).toBe(950);
  });

  it("survives spans that are their own or each other's parents, and one id used twice", () => {
    const { counts } = graphOf([
      span({ spanId: "a", parentId: "a" }),
      span({ spanId: "b", parentId: "c" }),
      span({ spanId: "c", parentId: "b" }),
      span({ spanId: "c", parentId: "a", entity: "x" }),
    ]);
    expect(counts.spans).toBe(4);
  });
});

describe("critical path and own time", () => {
  const spans = fc.array(fc.record({ start: fc.nat(200), length: fc.nat(100), parent: fc.nat(30) }), {
    minLength: 1,
    maxLength: 30,
  });
  const joined = (list: readonly TraceSpan[]) => {
    const waiting = new WaitingSpans();
    const rows = list.map((s) => waiting.put(s, new SpanId(), 0, 0));
    for (const [i, row] of rows.entries()) waiting.next[row] = rows[i + 1] ?? -1;
    const trace = new JoinedTrace();
    trace.join(waiting, rows[0] as number, rows.length);
    const path = new Array<number>(list.length).fill(0);
    const placeOf = (row: number) => trace.row.indexOf(row);
    trace.criticalPath(placeOf(0), (place, ms) => {
      path[trace.row[place]!]! += ms;
    });
    return { path, ownMs: (row: number) => trace.selfMs(placeOf(row)) };
  };

  it("add up to the root's duration, whatever the children do; own time is never more than the duration", () => {
    fc.assert(
      fc.property(spans, (list) => {
        const { path, ownMs } = joined(
          list.map(({ start, length, parent }, i) =>
            span({ spanId: `s${i}`, parentId: i === 0 ? "" : `s${parent % i}`, startMs: start, durationMs: length }),
          ),
        );
        expect(path.reduce((a, b) => a + b)).toBeCloseTo(list[0]!.length, 6);
        for (const [i, ms] of path.entries()) {
          expect(ms).toBeGreaterThanOrEqual(0);
          expect(ownMs(i)).toBeLessThanOrEqual(list[i]!.length);
        }
      }),
    );
  });

  it("counts time under two children at once only once", () => {
    const { path, ownMs } = joined([
      span({ spanId: "r", startMs: 0, durationMs: 100 }),
      span({ spanId: "a", parentId: "r", startMs: 10, durationMs: 50 }),
      span({ spanId: "b", parentId: "r", startMs: 40, durationMs: 50 }),
    ]);
    expect(ownMs(0)).toBe(20);
    expect(path).toEqual([20, 30, 50]);
  });
});

describe("ids without their text", () => {
  it("keep the words of 16 digits, fold 32, hash the rest, and are nobody's when empty", () => {
    const id = new SpanId();
    expect(id.read("00f067aa0ba902b7")).toMatchObject({ high: 0x00f067aa, low: 0x0ba902b7 });
    const words = (text: string) => [id.read(text).high, id.read(text).low].join();
    expect(words("00F067AA0BA902B7")).toBe(words("00f067aa0ba902b7"));
    const ids = [
      "4bf92f3577b34da6a3ce929d0e0e4736",
      "4bf92f3577b34da6a3ce929d0e0e4737",
      "4bf92f3577b34da7a3ce929d0e0e4736",
    ];
    expect(new Set([...ids, "x", "y", "xy", "4bf92f3577b34dax"].map(words)).size).toBe(7);
    expect(words("")).toBe("0,0");
  });

  it("are found in the table after any setting and deleting", () => {
    const steps = fc.array(fc.record({ high: fc.nat(3), low: fc.nat(20), keep: fc.boolean() }), { maxLength: 3000 });
    fc.assert(
      fc.property(steps, (list) => {
        const [table, truth] = [new IdTable(2), new Map<string, number>()];
        for (const [i, { high, low, keep }] of list.entries()) {
          if (keep) table.set(high, low, i);
          else table.delete(high, low);
          if (keep) truth.set(`${high} ${low}`, i);
          else truth.delete(`${high} ${low}`);
        }
        for (let high = 0; high < 4; high++)
          for (let low = 0; low < 21; low++) expect(table.get(high, low)).toBe(truth.get(`${high} ${low}`) ?? -1);
      }),
    );
  });
});

it("quantiles of durations are right within 9 percent", () => {
  const durations = new Durations();
  for (let i = 1; i <= 10_000; i++) durations.add(i / 10, 1);
  for (const q of [0.1, 0.5, 0.95, 0.99]) expect(Math.abs(durations.quantileMs(q) / (1000 * q) - 1)).toBeLessThan(0.09);
});

describe("what has changed between two graphs", () => {
  const calls = (callee: string, n: number, from = 0) =>
    Array.from({ length: n }, (_, i) =>
      request(`${callee}${from}${i}`, from + i * 100).map((s) =>
        s.entity === "store" ? { ...s, entity: callee } : { ...s, peer: "" },
      ),
    ).flat();

  it("is a new edge at once, and a vanished one when ten calls at least were to be expected", () => {
    const before = graphOf([...calls("store", 100), ...calls("rare", 5)]);
    const after = graphOf([...calls("cache", 100, 1e6)]);
    const found = topologyChanges(before, after).map((c) => `${c.kind} ${c.what}`);
    expect(found).toContain("new-edge web -> cache");
    expect(found).toContain("vanished-edge web -> store");
    expect(found).toContain("new-operation cache read");
    expect(found.join()).not.toContain("rare");
  });

  it("is nothing between a graph and itself", () => {
    const t = graphOf(calls("store", 100));
    expect(topologyChanges(t, t)).toEqual([]);
  });
});
