/** Data points with many numbers, protobuf: HistogramDataPoint, ExponentialHistogramDataPoint, SummaryDataPoint. */
import type { SignalSink } from "../../core/signals.ts";
import type { SeriesKind } from "../../core/tables.ts";
import {
  type BucketPoint,
  type ExponentialSide,
  emitExponential,
  emitHistogram,
  emitSummary,
  MAX_BUCKETS,
  type MetricHead,
  NO_RECORDED_VALUE,
} from "./otlp-rows.ts";
import { readAttribute } from "./otlp-values.ts";
import { type ProtobufReader, tagOf } from "./protobuf-reader.ts";

type Form = "explicit" | "exponential" | "summary";
const ATTRIBUTES = { explicit: tagOf(9, 2), exponential: tagOf(1, 2), summary: tagOf(7, 2) };
const FLAGS = { explicit: tagOf(10, 0), exponential: tagOf(10, 0), summary: tagOf(8, 0) };
/** Numbers kept of a list: enough to see that it is too long. */
const MAX_KEPT = MAX_BUCKETS + 2;

/** Reads the data points (field 1) of a metric's data up to `end`. */
export function walkBuckets(
  r: ProtobufReader,
  sink: SignalSink,
  head: MetricHead,
  form: Form,
  kind: SeriesKind,
  end: number,
): void {
  const point: BucketPoint = { timeMs: 0, startMs: 0, count: 0, sum: 0, upper: [], counts: [] };
  const shape = {
    scale: 0,
    zeroCount: 0,
    zeroThreshold: 0,
    positive: { offset: 0, counts: [] as number[] },
    negative: { offset: 0, counts: [] as number[] },
  };
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag !== tagOf(1, 2)) {
      r.skip(tag, end);
      continue;
    }
    const attributes: Record<string, string> = {};
    clear(point);
    const flags = readPoint(r, r.length(end), form, point, shape, attributes);
    if (flags & NO_RECORDED_VALUE) continue;
    if (form === "explicit") emitHistogram(sink, head, kind, attributes, point);
    else if (form === "exponential") emitExponential(sink, head, kind, attributes, point, shape);
    else emitSummary(sink, head, attributes, point);
  }
}

function clear(p: BucketPoint): void {
  p.timeMs = 0;
  p.startMs = 0;
  p.count = 0;
  p.sum = 0;
  p.upper.length = 0;
  p.counts.length = 0;
}

function readPoint(
  r: ProtobufReader,
  end: number,
  form: Form,
  p: BucketPoint,
  shape: Parameters<typeof emitExponential>[5],
  attributes: Record<string, string>,
): number {
  shape.scale = 0;
  shape.zeroCount = 0;
  shape.zeroThreshold = 0;
  clearSide(shape.positive);
  clearSide(shape.negative);
  let flags = 0;
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === ATTRIBUTES[form]) readAttribute(r, end, attributes);
    else if (tag === tagOf(2, 1)) p.startMs = r.nanos(end);
    else if (tag === tagOf(3, 1)) p.timeMs = r.nanos(end);
    else if (tag === tagOf(4, 1)) p.count = r.unsigned64(end);
    else if (tag === tagOf(5, 1)) p.sum = r.double(end);
    else if (tag === FLAGS[form]) {
      r.varint(end);
      flags = r.low;
    } else if (form === "explicit") {
      if (tag === tagOf(6, 2)) packed(r, end, p.counts, "unsigned64");
      else if (tag === tagOf(6, 1)) keep(p.counts, r.unsigned64(end));
      else if (tag === tagOf(7, 2)) packed(r, end, p.upper, "double");
      else if (tag === tagOf(7, 1)) keep(p.upper, r.double(end));
      else r.skip(tag, end);
    } else if (form === "exponential") {
      if (tag === tagOf(6, 0)) shape.scale = r.zigzag32(end);
      else if (tag === tagOf(7, 1)) shape.zeroCount = r.unsigned64(end);
      else if (tag === tagOf(8, 2)) side(r, r.length(end), shape.positive);
      else if (tag === tagOf(9, 2)) side(r, r.length(end), shape.negative);
      else if (tag === tagOf(14, 1)) shape.zeroThreshold = r.double(end);
      else r.skip(tag, end);
    } else if (tag === tagOf(6, 2)) quantile(r, r.length(end), p);
    else r.skip(tag, end);
  }
  return flags;
}

function keep(list: number[], value: number): void {
  if (list.length < MAX_KEPT) list.push(value);
}

function packed(r: ProtobufReader, end: number, list: number[], type: "double" | "unsigned64" | "varint"): void {
  const to = r.length(end);
  while (r.pos < to) keep(list, r[type](to));
}

function clearSide(s: ExponentialSide): void {
  s.offset = 0;
  s.counts.length = 0;
}

function side(r: ProtobufReader, end: number, into: ExponentialSide): void {
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === tagOf(1, 0)) into.offset = r.zigzag32(end);
    else if (tag === tagOf(2, 2)) packed(r, end, into.counts, "varint");
    else if (tag === tagOf(2, 0)) keep(into.counts, r.varint(end));
    else r.skip(tag, end);
  }
}

function quantile(r: ProtobufReader, end: number, p: BucketPoint): void {
  let q = 0;
  let value = 0;
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === tagOf(1, 1)) q = r.double(end);
    else if (tag === tagOf(2, 1)) value = r.double(end);
    else r.skip(tag, end);
  }
  if (p.upper.length >= MAX_KEPT) return;
  p.upper.push(q);
  p.counts.push(value);
}
