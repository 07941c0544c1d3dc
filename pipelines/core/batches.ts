/** Signals in columns, from decoder to detector. Times are milliseconds since the Unix epoch, ranges half-open. */
import type { Attributes } from "./tables.ts";

/** Numbers, one slot a row; columns may be longer than `length`. `startMs` is when a cumulative count began, 0 if unknown. */
export interface PointBatch {
  readonly length: number;
  readonly seriesIds: Uint32Array;
  readonly timeMs: Float64Array;
  readonly startMs: Float64Array;
  readonly value: Float64Array;
}

/** Histograms; row i owns buckets `[bucketEnd[i-1] ?? 0, bucketEnd[i])` of `upper` (inclusive bound, last +Inf) and `counts`. */
export interface HistogramBatch {
  readonly length: number;
  readonly seriesIds: Uint32Array;
  readonly timeMs: Float64Array;
  readonly startMs: Float64Array;
  readonly count: Float64Array;
  readonly sum: Float64Array;
  readonly bucketEnd: Uint32Array;
  readonly upper: Float64Array;
  readonly counts: Float64Array;
}

/** Severity numbers are OpenTelemetry's: 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal, 0 unknown. */
export interface LogBatch {
  readonly length: number;
  readonly entityIds: Uint32Array;
  readonly timeMs: Float64Array;
  readonly severity: Uint8Array;
  readonly body: readonly string[];
  readonly attributes: readonly Attributes[];
  readonly traceId: readonly string[];
}

export const SPAN_KIND = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** Spans; ids are lower-case hex, empty parent for a root. `peer` is `server.address:server.port` or `peer.service` of a client span. */
export interface SpanBatch {
  readonly length: number;
  readonly entityIds: Uint32Array;
  readonly startMs: Float64Array;
  readonly durationMs: Float64Array;
  readonly kind: Uint8Array;
  /** 1 when the span's status is an error. */
  readonly error: Uint8Array;
  /** Spans that each stands for, where traces were sampled; 1 otherwise. */
  readonly weight?: Float64Array;
  readonly traceId: readonly string[];
  readonly spanId: readonly string[];
  readonly parentId: readonly string[];
  readonly operation: readonly string[];
  readonly peer: readonly string[];
}

/** Per series and window: seriesIds ascending within a batch. A series without a value in the window has no row: a gap, not a zero. */
export interface WindowBatch {
  readonly startMs: number;
  readonly endMs: number;
  readonly length: number;
  readonly seriesIds: Uint32Array;
  /** Mean of the window's values: what detectors read. */
  readonly value: Float64Array;
  readonly count: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
}
