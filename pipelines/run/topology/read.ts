/** The call graph of all spans that a pipeline read, or that files hold. */
import type { Topology } from "../../../models/traces/topology.ts";
import { TraceGraph, type TraceGraphOptions } from "../../../models/traces/trace-graph.ts";
import { redactor } from "../../core/redact/redactor.ts";
import { DEFAULT_SIGNAL_LIMITS, decoderFor, SignalSink } from "../../core/signals.ts";
import { Tables } from "../../core/tables.ts";
import { type AgainOptions, openAgain, recordsOf } from "../trail/open-again.ts";

export interface TopologyOptions extends AgainOptions, TraceGraphOptions {
  /** Spans that start in [fromMs, toMs). */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

export interface ReadTopology {
  readonly topology: Topology;
  /** Records that could not be decoded. */
  readonly unread: number;
}

/** Memory: that of the graph, whatever the input. @throws PipelineError as `openAgain` */
export async function readTopology(options: TopologyOptions): Promise<ReadTopology> {
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY, config } = options;
  const { sources, decoders, close } = await openAgain(options);
  const graph = new TraceGraph(options);
  const limits = { ...DEFAULT_SIGNAL_LIMITS, maxFutureMs: Number.MAX_SAFE_INTEGER / 2 };
  const sink = new SignalSink(new Tables(undefined, undefined), limits, redactor(config?.redact));
  let unread = 0;
  let nowMs = 0;
  try {
    for (const source of sources)
      for await (const record of recordsOf(source)) {
        if (!/trace|json|^auto$/.test(record.format)) continue;
        sink.begin(record);
        try {
          decoderFor(decoders, record).decode(record, sink);
        } catch {
          unread++;
          continue;
        }
        const { spans, tables } = sink;
        for (let i = 0; i < spans.length; i++) {
          const startMs = spans.startMs[i] as number;
          const durationMs = spans.durationMs[i] as number;
          nowMs = Math.max(nowMs, startMs + durationMs);
          if (startMs < fromMs || startMs >= toMs) continue;
          graph.add(
            {
              entity: tables.entities[spans.entityIds[i] as number]?.name ?? "?",
              operation: spans.operation[i] as string,
              kind: spans.kind[i] as number,
              startMs,
              durationMs,
              error: spans.error[i] === 1,
              traceId: spans.traceId[i] as string,
              spanId: spans.spanId[i] as string,
              parentId: spans.parentId[i] as string,
              peer: spans.peer[i] as string,
              weight: spans.weight[i] as number,
            },
            nowMs,
          );
        }
        graph.advance(nowMs);
      }
  } finally {
    await close();
  }
  graph.advance();
  return { topology: graph.topology(), unread };
}

export { type Topology, type TopologyChange, topologyChanges } from "../../../models/traces/topology.ts";
