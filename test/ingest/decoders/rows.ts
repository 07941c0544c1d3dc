/** Decoding in tests: one payload to rows that can be compared. */
import type { RawRecord } from "../../../pipelines/core/records.ts";
import { type Decoder, SignalSink } from "../../../pipelines/core/signals.ts";
import { seriesName, type TableLimits, Tables } from "../../../pipelines/core/tables.ts";
import { type DecoderName, decoders } from "../../../pipelines/ingest/decoders/index.ts";

export const NOW = Date.UTC(2026, 0, 2);
/** `NOW` in nanoseconds, as OTLP/JSON writes it. */
export const NOW_NS = `${NOW}000000`;

export const recordOf = (format: string, value: Uint8Array | string, source = "file:/data/web-1.csv"): RawRecord => ({
  source,
  position: "7",
  ingestTimeMs: NOW,
  format,
  value: typeof value === "string" ? Buffer.from(value) : value,
});

export function decode(format: DecoderName, value: Uint8Array | string, limits?: TableLimits) {
  return decodeWith(decoders[format], value, limits);
}

export function decodeWith(decoder: Decoder, value: Uint8Array | string, limits?: TableLimits, source?: string) {
  const sink = new SignalSink(new Tables(limits));
  const record = recordOf(decoder.name, value, source);
  sink.begin(record);
  decoder.decode(record, sink);
  return rowsOf(sink);
}

export function rowsOf(sink: SignalSink) {
  const { tables } = sink;
  const entity = (id: number) => `${tables.entities[id]?.kind}:${tables.entities[id]?.name}`;
  const series = (id: number) => {
    const s = tables.seriesAt(id)!;
    return `${entity(s.entityId)} ${s.kind} ${seriesName(s)} ${s.unit}`;
  };
  const { points: p, histograms: h, logs: l, spans: s } = sink;
  const each = <T>(n: number, row: (i: number) => T) => Array.from({ length: n }, (_, i) => row(i));
  return {
    points: each(p.length, (i) => [series(p.seriesIds[i]!), p.timeMs[i], p.startMs[i], p.value[i]]),
    histograms: each(h.length, (i) => {
      const from = i === 0 ? 0 : h.bucketEnd[i - 1]!;
      const upper = [...h.upper.subarray(from, h.bucketEnd[i])];
      const counts = [...h.counts.subarray(from, h.bucketEnd[i])];
      return {
        series: series(h.seriesIds[i]!),
        timeMs: h.timeMs[i],
        startMs: h.startMs[i],
        count: h.count[i],
        sum: h.sum[i],
        upper,
        counts,
      };
    }),
    logs: each(l.length, (i) => [
      entity(l.entityIds[i]!),
      l.timeMs[i],
      l.severity[i],
      l.body[i],
      l.attributes[i],
      l.traceId[i],
    ]),
    spans: each(s.length, (i) => [
      entity(s.entityIds[i]!),
      s.startMs[i],
      s.durationMs[i],
      s.kind[i],
      s.error[i],
      s.traceId[i],
      s.spanId[i],
      s.parentId[i],
      s.operation[i],
      s.peer[i],
    ]),
    rejected: sink.rejected,
  };
}
