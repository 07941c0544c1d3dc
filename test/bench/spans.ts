/**
 * Spans a second of CPU time (what a core of its own gives) into the call graph of `topology`, and into the windows of the
 * stream: traces of several services interleaved, some of them incomplete.
 * `npm run bench -- spans [--traces N] [--rounds N] [--json]`
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { randomOf } from "../../models/neural/random.ts";
import type { TraceSpan } from "../../models/traces/trace.ts";
import { TraceGraph } from "../../models/traces/trace-graph.ts";
import { DEFAULT_SIGNAL_LIMITS, SignalSink } from "../../pipelines/core/signals.ts";
import { Tables } from "../../pipelines/core/tables.ts";
import { callSpans } from "../../pipelines/windows/call-spans.ts";
import { OpenWindow } from "../../pipelines/windows/open-window.ts";

const { values } = parseArgs({
  options: {
    traces: { type: "string", default: "40000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const [traces, rounds] = [Number(values.traces), Number(values.rounds)];
if (![traces, rounds].every((n) => Number.isSafeInteger(n) && n > 0)) {
  process.stderr.write("--traces and --rounds are whole numbers\n");
  process.exit(2);
}

const random = randomOf(3);
const hex = (n: number) => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join("");
const SERVICES = 30;
/** A tree of calls: a server span, and for each call a client span with the server span of another service below. */
function trace(at: number): TraceSpan[] {
  const traceId = hex(32);
  const spans: TraceSpan[] = [];
  const serve = (service: number, parentId: string, startMs: number, durationMs: number, depth: number) => {
    const spanId = hex(16);
    const base = { entity: `svc-${service}`, traceId, error: random() < 0.01, weight: 1 };
    spans.push({ ...base, operation: `op ${service % 4}`, kind: 2, startMs, durationMs, spanId, parentId, peer: "" });
    const calls = depth < 3 ? Math.floor(random() * 3) : 0;
    for (let i = 0; i < calls; i++) {
      const callee = (service * 3 + i + 1) % SERVICES;
      const share = durationMs / (calls + 1);
      const call = hex(16);
      const from = startMs + share * i;
      spans.push({
        ...base,
        operation: "call",
        kind: 3,
        startMs: from,
        durationMs: share,
        spanId: call,
        parentId: spanId,
        peer: `svc-${callee}:80`,
      });
      if (random() < 0.98) serve(callee, call, from + share * 0.1, share * 0.8, depth + 1);
    }
  };
  serve(0, "", at, 50 + random() * 100, 0);
  return spans;
}
/** Traces made at a time: what is waiting to be read is not the graph's memory. */
const BATCH = 500;
const WINDOW_MS = 10_000;
/** Services report on their own, up to so many ms apart. */
const APART_MS = 4096;
const reportedMs = (s: TraceSpan) => s.startMs + (Number.parseInt(s.spanId.slice(0, 3), 16) % APART_MS);

/** Spans in the order in which they are reported, a batch at a time. */
function* reported(): Generator<TraceSpan[]> {
  let at = 0;
  let waiting: TraceSpan[] = [];
  while (at < traces || waiting.length > 0) {
    for (let i = 0; i < BATCH && at < traces; i++) waiting.push(...trace(at++ * 2));
    waiting.sort((a, b) => reportedMs(a) - reportedMs(b));
    const untilMs = at < traces ? at * 2 : Number.POSITIVE_INFINITY;
    const ready = waiting.findIndex((s) => reportedMs(s) > untilMs);
    yield ready < 0 ? waiting : waiting.slice(0, ready);
    waiting = ready < 0 ? [] : waiting.slice(ready);
  }
}
const cpuMicros = (since: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return user + system;
};

const best = { topology: 0, stream: 0 };
let held = 0;
let count = 0;
for (let r = 0; r < rounds; r++) {
  const graph = new TraceGraph();
  const tables = new Tables(undefined, undefined);
  const sink = new SignalSink(tables, DEFAULT_SIGNAL_LIMITS);
  const windowed = callSpans(tables);
  const micros = { topology: 0, stream: 0 };
  let nowMs = 0;
  let window = 0;
  count = 0;
  for (const batch of reported()) {
    let start = process.cpuUsage();
    for (const s of batch) {
      const end = s.startMs + s.durationMs;
      if (end > nowMs) nowMs = end;
      graph.add(s, nowMs);
    }
    graph.advance(nowMs);
    held = Math.max(held, graph.held);
    micros.topology += cpuMicros(start);

    sink.begin({ ingestTimeMs: nowMs });
    for (const s of batch) sink.span({ ...s, entityId: tables.internNamed("service", s.entity) });
    start = process.cpuUsage();
    windowed.add(sink.spans, (endMs) => Math.floor(endMs / WINDOW_MS) * WINDOW_MS);
    // Late spans are as long on their way as the services are apart.
    for (; window + WINDOW_MS + APART_MS <= nowMs; window += WINDOW_MS)
      windowed.close(window, new OpenWindow(window, window + WINDOW_MS), true);
    micros.stream += cpuMicros(start);
    count += batch.length;
  }
  best.topology = Math.max(best.topology, count / (micros.topology / 1e6));
  best.stream = Math.max(best.stream, count / (micros.stream / 1e6));
}
const result = {
  spans: count,
  traces,
  topologySpansPerSec: best.topology,
  streamSpansPerSec: best.stream,
  mostHeld: held,
};
const rate = (n: number) => Math.round(n).toLocaleString("en");
process.stdout.write(
  values.json
    ? `${JSON.stringify(result)}\n`
    : `${cpus()[0]?.model}, Node ${process.version}: ${count} spans in ${traces} traces; topology ${rate(best.topology)} spans/s, at most ${held} held; stream ${rate(best.stream)} spans/s\n`,
);
