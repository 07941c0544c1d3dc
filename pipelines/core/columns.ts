/** The columns that decoders fill, and that are the batches: emptied for each record, never made anew. */

import type { HistogramBatch, LogBatch, PointBatch, SpanBatch } from "./batches.ts";
import { grown } from "./interning.ts";
import type { Attributes } from "./tables.ts";

export class PointColumns implements PointBatch {
  length = 0;
  seriesIds = new Uint32Array(1024);
  timeMs = new Float64Array(1024);
  startMs = new Float64Array(1024);
  value = new Float64Array(1024);

  clear(): void {
    this.length = 0;
  }

  add(seriesId: number, timeMs: number, startMs: number, value: number): void {
    const i = this.length++;
    if (i >= this.seriesIds.length) {
      this.seriesIds = grown(this.seriesIds, i + 1);
      this.timeMs = grown(this.timeMs, i + 1);
      this.startMs = grown(this.startMs, i + 1);
      this.value = grown(this.value, i + 1);
    }
    this.seriesIds[i] = seriesId;
    this.timeMs[i] = timeMs;
    this.startMs[i] = startMs;
    this.value[i] = value;
  }
}

export class HistogramColumns implements HistogramBatch {
  length = 0;
  seriesIds = new Uint32Array(64);
  timeMs = new Float64Array(64);
  startMs = new Float64Array(64);
  count = new Float64Array(64);
  sum = new Float64Array(64);
  bucketEnd = new Uint32Array(64);
  upper = new Float64Array(1024);
  counts = new Float64Array(1024);
  #buckets = 0;

  clear(): void {
    this.length = 0;
    this.#buckets = 0;
  }

  /** `upper` and `counts` are equally long. */
  add(
    seriesId: number,
    timeMs: number,
    startMs: number,
    count: number,
    sum: number,
    upper: ArrayLike<number>,
    counts: ArrayLike<number>,
  ): void {
    const i = this.length++;
    this.seriesIds = grown(this.seriesIds, i + 1);
    this.timeMs = grown(this.timeMs, i + 1);
    this.startMs = grown(this.startMs, i + 1);
    this.count = grown(this.count, i + 1);
    this.sum = grown(this.sum, i + 1);
    this.bucketEnd = grown(this.bucketEnd, i + 1);
    this.seriesIds[i] = seriesId;
    this.timeMs[i] = timeMs;
    this.startMs[i] = startMs;
    this.count[i] = count;
    this.sum[i] = sum;
    const n = upper.length;
    this.upper = grown(this.upper, this.#buckets + n);
    this.counts = grown(this.counts, this.#buckets + n);
    for (let b = 0; b < n; b++) {
      this.upper[this.#buckets + b] = upper[b] as number;
      this.counts[this.#buckets + b] = counts[b] as number;
    }
    this.#buckets += n;
    this.bucketEnd[i] = this.#buckets;
  }
}

export class LogColumns implements LogBatch {
  length = 0;
  entityIds = new Uint32Array(64);
  timeMs = new Float64Array(64);
  severity = new Uint8Array(64);
  readonly body: string[] = [];
  readonly attributes: Attributes[] = [];
  readonly traceId: string[] = [];

  clear(): void {
    if (this.length === 0) return;
    this.length = this.body.length = this.attributes.length = this.traceId.length = 0;
  }

  add(entityId: number, timeMs: number, severity: number, body: string, attributes: Attributes, traceId: string): void {
    const i = this.length++;
    this.entityIds = grown(this.entityIds, i + 1);
    this.timeMs = grown(this.timeMs, i + 1);
    this.severity = grown(this.severity, i + 1);
    this.entityIds[i] = entityId;
    this.timeMs[i] = timeMs;
    this.severity[i] = severity;
    this.body.push(body);
    this.attributes.push(attributes);
    this.traceId.push(traceId);
  }
}

/** A span as decoders give it. */
export interface SpanRow {
  readonly entityId: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly kind: number;
  readonly error: boolean;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly operation: string;
  readonly peer: string;
  /** Spans that it stands for, where its trace was sampled; 1 otherwise. */
  readonly weight?: number;
}

export class SpanColumns implements SpanBatch {
  length = 0;
  entityIds = new Uint32Array(64);
  startMs = new Float64Array(64);
  durationMs = new Float64Array(64);
  kind = new Uint8Array(64);
  error = new Uint8Array(64);
  weight = new Float64Array(64);
  readonly traceId: string[] = [];
  readonly spanId: string[] = [];
  readonly parentId: string[] = [];
  readonly operation: string[] = [];
  readonly peer: string[] = [];

  clear(): void {
    if (this.length === 0) return;
    this.length = this.traceId.length = this.spanId.length = this.parentId.length = 0;
    this.operation.length = this.peer.length = 0;
  }

  /** `operation` in place of the span's own. */
  add(span: SpanRow, operation: string): void {
    const i = this.length++;
    this.entityIds = grown(this.entityIds, i + 1);
    this.startMs = grown(this.startMs, i + 1);
    this.durationMs = grown(this.durationMs, i + 1);
    this.kind = grown(this.kind, i + 1);
    this.error = grown(this.error, i + 1);
    this.weight = grown(this.weight, i + 1);
    this.weight[i] = span.weight ?? 1;
    this.entityIds[i] = span.entityId;
    this.startMs[i] = span.startMs;
    this.durationMs[i] = span.durationMs;
    this.kind[i] = span.kind;
    this.error[i] = span.error ? 1 : 0;
    this.traceId.push(span.traceId);
    this.spanId.push(span.spanId);
    this.parentId.push(span.parentId);
    this.operation.push(operation);
    this.peer.push(span.peer);
  }
}
