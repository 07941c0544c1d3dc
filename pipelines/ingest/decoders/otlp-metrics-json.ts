/** OTLP metrics, JSON: the rows that otlp-metrics-proto.ts gives for the same data. Throws DECODE_BAD_JSON. */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import type { Attributes, SeriesKind } from "../../core/tables.ts";
import {
  attempt,
  BadRow,
  boolField,
  doubleField,
  eachJsonRow,
  eachRequest,
  enumField,
  integerField,
  isObject,
  type JsonObject,
  listField,
  nanosField,
  objectField,
  readAttributes,
  textField,
  toDouble,
  toInteger,
} from "./otlp-json.ts";
import {
  type BucketPoint,
  type ExponentialSide,
  emitExponential,
  emitHistogram,
  emitSummary,
  histogramKind,
  MAX_BUCKETS,
  type MetricHead,
  NO_RECORDED_VALUE,
  sumKind,
} from "./otlp-rows.ts";

const NAMES = { resources: "resourceMetrics", scopes: "scopeMetrics", rows: "metrics" };
const DATA = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"] as const;
const TEMPORALITY_WORDS = ["UNSPECIFIED", "DELTA", "CUMULATIVE"];

export const otlpMetricsJson: Decoder = {
  name: "otlp-metrics-json",
  decode(record, into) {
    eachRequest(record, into, (root) => metricsFromJson(root, record, into));
  },
};

/** A parsed ExportMetricsServiceRequest. */
export function metricsFromJson(root: JsonObject, record: RawRecord, sink: SignalSink): void {
  eachJsonRow(root, NAMES, record, sink, (entityId, m) => metric(m, entityId, sink), pointsOf);
}

function pointsOf(m: JsonObject): number {
  const data = DATA.map((d) => m[d]).find(isObject);
  return Array.isArray(data?.dataPoints) ? data.dataPoints.length : 1;
}

function metric(m: JsonObject, entityId: number, sink: SignalSink): void {
  const head = { entityId, name: textField(m, "name"), unit: textField(m, "unit") };
  const form = DATA.find((d) => m[d] !== undefined && m[d] !== null);
  if (form === undefined) return;
  const data = objectField(m, form) as JsonObject;
  const temporality = enumField(data, "aggregationTemporality", "AGGREGATION_TEMPORALITY_", TEMPORALITY_WORDS);
  const kind =
    form === "gauge"
      ? "gauge"
      : form === "sum"
        ? sumKind(temporality, boolField(data, "isMonotonic"))
        : histogramKind(temporality);
  for (const p of listField(data, "dataPoints")) {
    attempt(sink, () => {
      if (!isObject(p)) throw new BadRow("a data point is not an object");
      // Attributes are checked even on points without a value, as everything else of a row is.
      const attributes = readAttributes(p.attributes);
      const flags = Number(integerField(p, "flags") & 0xffff_ffffn);
      if (flags & NO_RECORDED_VALUE) return;
      if (form === "gauge" || form === "sum") number(sink, head, kind, attributes, p);
      else buckets(sink, head, form, kind, attributes, p);
    });
  }
}

function number(sink: SignalSink, head: MetricHead, kind: SeriesKind, attributes: Attributes, p: JsonObject): void {
  const timeMs = nanosField(p, "timeUnixNano");
  const startMs = nanosField(p, "startTimeUnixNano");
  let value: number;
  if (p.asDouble !== undefined && p.asDouble !== null) value = toDouble(p.asDouble, "asDouble");
  else if (p.asInt !== undefined && p.asInt !== null) value = Number(toInteger(p.asInt, "asInt", true));
  else throw new BadRow("a point without a value");
  sink.point(sink.series(head.entityId, head.name, head.unit, kind, attributes), timeMs, startMs, value);
}

const counts = (list: readonly unknown[]) =>
  list.slice(0, MAX_BUCKETS + 2).map((n) => Number(toInteger(n, "bucketCounts", false)));

function buckets(
  sink: SignalSink,
  head: MetricHead,
  form: "histogram" | "exponentialHistogram" | "summary",
  kind: SeriesKind,
  attributes: Attributes,
  p: JsonObject,
): void {
  const point: BucketPoint = {
    timeMs: nanosField(p, "timeUnixNano"),
    startMs: nanosField(p, "startTimeUnixNano"),
    count: Number(integerField(p, "count")),
    sum: doubleField(p, "sum"),
    upper: [],
    counts: [],
  };
  if (form === "histogram") {
    point.counts = counts(listField(p, "bucketCounts"));
    const bounds = listField(p, "explicitBounds").slice(0, MAX_BUCKETS + 2);
    point.upper = bounds.map((b) => toDouble(b, "explicitBounds"));
    emitHistogram(sink, head, kind, attributes, point);
    return;
  }
  if (form === "summary") {
    for (const q of listField(p, "quantileValues").slice(0, MAX_BUCKETS + 2)) {
      if (!isObject(q)) throw new BadRow("a quantile is not an object");
      point.upper.push(doubleField(q, "quantile"));
      point.counts.push(doubleField(q, "value"));
    }
    emitSummary(sink, head, attributes, point);
    return;
  }
  emitExponential(sink, head, kind, attributes, point, {
    scale: Number(integerField(p, "scale", true)),
    zeroCount: Number(integerField(p, "zeroCount")),
    zeroThreshold: doubleField(p, "zeroThreshold"),
    positive: side(p, "positive"),
    negative: side(p, "negative"),
  });
}

function side(p: JsonObject, name: string): ExponentialSide {
  const s = objectField(p, name) ?? {};
  const offset = integerField(s, "offset", true);
  if (BigInt.asIntN(32, offset) !== offset) throw new BadRow("offset is out of range");
  return { offset: Number(offset), counts: counts(listField(s, "bucketCounts")) };
}
