export const CLIENT = 3;
export const PRODUCER = 4;

/** One span as the call graph reads it; times in ms since the epoch, kinds as OpenTelemetry numbers them. */
export interface TraceSpan {
  readonly entity: string;
  readonly operation: string;
  readonly kind: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly error: boolean;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  /** Address of whom a client calls, "" where it isn't told. */
  readonly peer: string;
  /** Spans that this one stands for: 1 / probability with which its trace was kept. */
  readonly weight: number;
}
