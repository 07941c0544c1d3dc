/**
 * What OTLP means, apart from how it is encoded; protobuf and JSON share it, so that both give the same rows.
 * Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/ and opentelemetry-proto 1.x.
 */
import { SPAN_KIND } from "../../core/batches.ts";
import type { SignalSink } from "../../core/signals.ts";
import type { Attributes, SeriesKind } from "../../core/tables.ts";

export const TEMPORALITY = { unspecified: 0, delta: 1, cumulative: 2 } as const;
/** Flag of a data point that only says "nothing was recorded". */
export const NO_RECORDED_VALUE = 1;
/** More buckets than any SDK makes (160 by default); a longer histogram is refused. */
export const MAX_BUCKETS = 4096;
/** Spans' attributes that name the other side. */
export const PEER_KEYS: ReadonlySet<string> = new Set([
  "peer.service",
  "server.address",
  "server.port",
  "net.peer.name",
  "net.peer.port",
]);

export const sumKind = (temporality: number, monotonic: boolean): SeriesKind =>
  temporality === TEMPORALITY.delta ? "delta" : monotonic ? "counter" : "gauge";

export const histogramKind = (temporality: number): SeriesKind =>
  temporality === TEMPORALITY.delta ? "deltaHistogram" : "histogram";

/** Where a row belongs: one metric of one entity. */
export interface MetricHead {
  entityId: number;
  name: string;
  unit: string;
}

/** A data point of any kind but number; reused from point to point. `upper` and `counts` are grown by pushing. */
export interface BucketPoint {
  timeMs: number;
  startMs: number;
  count: number;
  /** 0 when not given. */
  sum: number;
  upper: number[];
  counts: number[];
}

/** Checks and writes an explicit-bounds histogram whose `upper` has no +Inf yet. No buckets at all: a single one. */
export function emitHistogram(
  sink: SignalSink,
  head: MetricHead,
  kind: SeriesKind,
  attributes: Attributes,
  p: BucketPoint,
): void {
  write(sink, head, kind, attributes, p, explicitBuckets(p));
}

function write(
  sink: SignalSink,
  head: MetricHead,
  kind: SeriesKind,
  attributes: Attributes,
  p: BucketPoint,
  fault: string | undefined,
): void {
  if (fault !== undefined) {
    sink.reject("DECODE_BAD_FIELD", fault);
    return;
  }
  const id = sink.series(head.entityId, head.name, head.unit, kind, attributes);
  sink.histogram(id, p.timeMs, p.startMs, p.count, p.sum, p.upper, p.counts);
}

/** Ends `upper` with +Inf; gives what is wrong with the buckets, if anything. */
export function explicitBuckets(p: BucketPoint): string | undefined {
  const { upper, counts } = p;
  if (upper.length === 0 && counts.length === 0) counts.push(p.count);
  if (counts.length > MAX_BUCKETS) return `more than ${MAX_BUCKETS} buckets`;
  if (counts.length !== upper.length + 1) return "histogram bounds and counts differ";
  for (let i = 0; i < upper.length; i++) {
    const bound = upper[i] as number;
    if (i > 0 ? bound > (upper[i - 1] as number) : !Number.isNaN(bound)) continue;
    return "histogram bounds do not ascend";
  }
  if (upper.at(-1) === Number.POSITIVE_INFINITY) {
    // Some senders spell the last bound out, though the specification leaves it implied.
    counts[counts.length - 2] = (counts[counts.length - 2] as number) + (counts.pop() as number);
  } else upper.push(Number.POSITIVE_INFINITY);
  return undefined;
}

/** One side of an exponential histogram: `counts[i]` lies in (base^(offset+i), base^(offset+i+1)], base = 2^(2^-scale). */
export interface ExponentialSide {
  offset: number;
  counts: number[];
}

export interface ExponentialShape {
  scale: number;
  zeroCount: number;
  zeroThreshold: number;
  positive: ExponentialSide;
  negative: ExponentialSide;
}

/** Turns exponential buckets into explicit ones and writes them. */
export function emitExponential(
  sink: SignalSink,
  head: MetricHead,
  kind: SeriesKind,
  attributes: Attributes,
  p: BucketPoint,
  e: ExponentialShape,
): void {
  write(sink, head, kind, attributes, p, exponentialBuckets(p, e, [e.positive], [e.negative]));
}

/**
 * Fills `upper` and `counts`, ascending: negative, zero, positive. A side is given as runs of buckets by ascending index;
 * what lies between two runs becomes one empty bucket. Gives what is wrong with the buckets, if anything.
 */
export function exponentialBuckets(
  p: BucketPoint,
  e: Pick<ExponentialShape, "scale" | "zeroCount" | "zeroThreshold">,
  positive: readonly ExponentialSide[],
  negative: readonly ExponentialSide[],
): string | undefined {
  const buckets = (runs: readonly ExponentialSide[]) => runs.reduce((n, run) => n + run.counts.length, 0);
  if (buckets(positive) + buckets(negative) > MAX_BUCKETS) return `more than ${MAX_BUCKETS} buckets`;
  // The specification's own range is -10 to 20; past 32 neighbouring bounds are the same double.
  if (!(e.scale >= -32 && e.scale <= 32)) return `histogram scale ${e.scale}`;
  const step = 2 ** -e.scale;
  const bound = (index: number) => 2 ** (index * step);
  p.upper.length = 0;
  p.counts.length = 0;
  for (let k = negative.length - 1; k >= 0; k--) {
    const { offset, counts } = negative[k] as ExponentialSide;
    if (counts.length > 0) addBucket(p, -bound(offset + counts.length), 0);
    for (let i = counts.length - 1; i >= 0; i--) addBucket(p, -bound(offset + i), counts[i] as number);
  }
  addBucket(p, e.zeroThreshold > 0 ? e.zeroThreshold : 0, e.zeroCount);
  for (const { offset, counts } of positive) {
    // Without an empty bucket before it the first one would seem to begin where the one before it ends.
    if (counts.length > 0) addBucket(p, bound(offset), 0);
    for (let i = 0; i < counts.length; i++) addBucket(p, bound(offset + i + 1), counts[i] as number);
  }
  addBucket(p, Number.POSITIVE_INFINITY, 0);
  return undefined;
}

// Bounds past a double's range fall together (0 or Infinity), as may those below the zero threshold: counts add up.
function addBucket(p: BucketPoint, upper: number, count: number): void {
  const last = p.upper.length - 1;
  if (last >= 0 && upper <= (p.upper[last] as number)) p.counts[last] = (p.counts[last] as number) + count;
  else {
    p.upper.push(upper === 0 ? 0 : upper);
    p.counts.push(count);
  }
}

/** A summary: counters `.count` and `.sum`, and a gauge per quantile. `upper` holds quantiles, `counts` their values. */
export function emitSummary(sink: SignalSink, head: MetricHead, attributes: Attributes, p: BucketPoint): void {
  const { entityId, name, unit } = head;
  const count = sink.series(entityId, `${name}.count`, "1", "counter", attributes);
  sink.point(count, p.timeMs, p.startMs, p.count);
  const sum = sink.series(entityId, `${name}.sum`, unit, "counter", attributes);
  sink.point(sum, p.timeMs, p.startMs, p.sum);
  for (let i = 0; i < p.upper.length; i++) {
    const quantile = { ...attributes, quantile: String(p.upper[i]) };
    const id = sink.series(entityId, name, unit, "gauge", quantile);
    sink.point(id, p.timeMs, p.startMs, p.counts[i] as number);
  }
}

const SEVERITY_WORDS: readonly (readonly [RegExp, number])[] = [
  [/^(trace|finest|verbose)/, 1],
  [/^(debug|dbg|fine)/, 5],
  [/^(info|notice|log$)/, 9],
  [/^warn/, 13],
  [/^err/, 17],
  [/^(fatal|crit|emerg|alert|panic)/, 21],
];

/** OpenTelemetry's severity number: the given one if it is 1 to 24, else what the text says (`WARN`, `error2`), else 0. */
export function severityOf(number: number, text: string): number {
  if (number >= 1 && number <= 24) return number;
  const word = text.slice(0, 16).toLowerCase();
  for (const [pattern, base] of SEVERITY_WORDS) {
    if (!pattern.test(word)) continue;
    const step = /^[a-z]+([2-4])$/.exec(word);
    return step ? base + Number(step[1]) - 1 : base;
  }
  return 0;
}

/** Lower-case hex of `chars` digits, or '' for anything else and for the all-zero id, which stands for none. */
export const idOf = (hex: string, chars: 16 | 32): string =>
  hex.length === chars && /^[0-9a-f]+$/.test(hex) && !/^0+$/.test(hex) ? hex : "";

/** Whom an outgoing span calls: `peer.service`, or for clients the server's `address:port`; '' when not told. */
export function peerOf(kind: number, attributes: Attributes): string {
  if (kind !== SPAN_KIND.client && kind !== SPAN_KIND.producer) return "";
  const service = attributes["peer.service"];
  if (service) return service;
  if (kind !== SPAN_KIND.client) return "";
  const address = attributes["server.address"] || attributes["net.peer.name"] || "";
  const port = attributes["server.port"] || attributes["net.peer.port"] || "";
  return address === "" || port === "" ? address : `${address}:${port}`;
}

const MOST_WEIGHT = 2 ** 56;

/**
 * Spans that one stands for, by what its `tracestate` tells of the sampling: `ot=th:T` (rejection threshold, up to 14 hex
 * digits) or the older `ot=p:N` (kept with probability 2^-N). 1 where it tells nothing, or nothing sound.
 * @see https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */
export function weightOf(traceState: string): number {
  if (!traceState.includes("ot=")) return 1;
  const ot = /(?:^|,)\s*ot=([^,]{1,256})/.exec(traceState)?.[1] ?? "";
  const threshold = /(?:^|;)th:([0-9a-f]{1,14})(?:;|$)/.exec(ot)?.[1];
  if (threshold !== undefined) {
    const rejected = Number.parseInt(threshold.padEnd(14, "0"), 16);
    return rejected < MOST_WEIGHT ? MOST_WEIGHT / (MOST_WEIGHT - rejected) : 1;
  }
  const power = Number(/(?:^|;)p:(\d{1,2})(?:;|$)/.exec(ot)?.[1] ?? 0);
  return power <= 56 ? 2 ** power : 1;
}

/** A span as both encodings read it; checked and written. */
export function emitSpan(
  sink: SignalSink,
  span: Omit<Parameters<SignalSink["span"]>[0], "peer">,
  attributes: Attributes,
): void {
  if (span.traceId === "" || span.spanId === "") {
    sink.reject("DECODE_BAD_FIELD", "span without a valid id");
    return;
  }
  const peer = peerOf(span.kind, attributes);
  if (peer.length > sink.limits.maxAttributeChars) {
    sink.reject("LABEL_TOO_LONG", "span peer");
    return;
  }
  sink.span({ ...span, peer });
}
