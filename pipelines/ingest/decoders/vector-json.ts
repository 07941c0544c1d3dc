/**
 * Vector's `native_json`: `{"metric":{"name","namespace","tags","timestamp","kind","counter":{…}}}` or `{"log":{…}}`; also its
 * `json` codec, the same without the wrapper. `absolute` is cumulative, `incremental` since the last one. Samples of a
 * distribution become a histogram with a bucket for each value, a set the gauge of its size. Sketches, changes of gauges
 * and of summaries, and traces are rejected by name.
 * @see https://vector.dev/docs/architecture/data-model/metric/
 */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { attributesOf, eachLine, firstAt, plainText } from "./json-lines.ts";
import { BadRow, doubleField, isObject, type JsonObject, listField, toDouble } from "./otlp-json.ts";
import { type BucketPoint, emitHistogram, emitSummary, MAX_BUCKETS, type MetricHead } from "./otlp-rows.ts";
import { timeOf } from "./plain.ts";
import { shipperLog } from "./shipper.ts";
import { tagged } from "./tagged.ts";

const BODIES = ["message", "msg", "log", "body"];
const TIMES = ["timestamp", "@timestamp"];
const TYPES = [
  "counter",
  "gauge",
  "set",
  "distribution",
  "aggregated_histogram",
  "aggregated_summary",
  "sketch",
] as const;

export const vectorJson: Decoder = {
  name: "vector-json",
  decode(record, into) {
    eachLine(record, into, (row) => {
      if (isObject(row.metric)) metric(row.metric, record, into);
      else if (isObject(row.log)) log(row.log, record, into);
      else if (isObject(row.trace)) throw new BadRow("a trace");
      else if (typeof row.name === "string" && TYPES.some((t) => isObject(row[t]))) metric(row, record, into);
      else if (firstAt(row, BODIES) !== undefined) log(row, record, into);
      else throw new BadRow("neither `metric` nor `log`");
    });
  },
};

const log = (row: JsonObject, record: RawRecord, sink: SignalSink) => shipperLog(row, BODIES, TIMES, record, sink);

function metric(row: JsonObject, record: RawRecord, sink: SignalSink): void {
  if (typeof row.name !== "string") throw new BadRow("no `name`");
  const type = TYPES.find((t) => isObject(row[t]));
  if (type === undefined) throw new BadRow(`none of ${TYPES.join(", ")}`);
  const incremental = row.kind === "incremental";
  const refused = type === "sketch" || (incremental && (type === "gauge" || type === "aggregated_summary"));
  if (refused)
    throw new BadRow(`${incremental && type !== "sketch" ? "an incremental " : "a "}${type.replaceAll("_", " ")}`);
  const namespace = plainText(row.namespace);
  const timeMs = row.timestamp === undefined || row.timestamp === null ? record.ingestTimeMs : timeOf(row.timestamp);
  const { resource, attributes } = tagged(attributesOf(row.tags, "tags"), record.source);
  const value = row[type] as JsonObject;
  // Read whole before anything is written: a row is taken or refused as one.
  const point: BucketPoint = { timeMs, startMs: 0, count: 0, sum: 0, upper: [], counts: [] };
  if (type === "distribution") distribution(value, point);
  else if (type === "aggregated_histogram") histogram(value, point);
  else if (type === "aggregated_summary") summary(value, point);
  else point.sum = type === "set" ? new Set(listField(value, "values")).size : toDouble(value.value, "value");
  const name = namespace === "" ? row.name : `${namespace}_${row.name}`;
  const head: MetricHead = { entityId: sink.entity(resource), name, unit: "" };
  if (type === "aggregated_summary") emitSummary(sink, head, attributes, point);
  else if (type === "distribution" || type === "aggregated_histogram")
    emitHistogram(sink, head, incremental ? "deltaHistogram" : "histogram", attributes, point);
  else {
    const kind = type !== "counter" ? "gauge" : incremental ? "delta" : "counter";
    sink.point(sink.series(head.entityId, name, "", kind, attributes), timeMs, 0, point.sum);
  }
}

/** Samples with how often each was seen: a bucket for each value. */
function distribution(value: JsonObject, p: BucketPoint): void {
  const seen = new Map<number, number>();
  for (const s of listField(value, "samples")) {
    if (!isObject(s)) throw new BadRow("a sample is not an object");
    const at = toDouble(s.value, "sample");
    const rate = toDouble(s.rate ?? 1, "rate");
    seen.set(at, (seen.get(at) ?? 0) + rate);
    p.count += rate;
    p.sum += at * rate;
    if (seen.size > MAX_BUCKETS) throw new BadRow(`more than ${MAX_BUCKETS} different samples`);
  }
  p.upper = [...seen.keys()].sort((a, b) => a - b);
  p.counts = [...p.upper.map((u) => seen.get(u) as number), 0];
}

/** Buckets with their own counts; what is above the last of them is the rest of `count`. */
function histogram(value: JsonObject, p: BucketPoint): void {
  p.count = toDouble(value.count, "count");
  p.sum = doubleField(value, "sum");
  const buckets = listField(value, "buckets");
  if (buckets.length > MAX_BUCKETS) throw new BadRow(`more than ${MAX_BUCKETS} buckets`);
  let rest = p.count;
  for (const b of buckets) {
    if (!isObject(b)) throw new BadRow("a bucket is not an object");
    const limit = b.upper_limit;
    // JSON has no infinity: Vector writes a word, other writers null.
    p.upper.push(
      limit === null || limit === "inf" || limit === "+Inf" ? Number.POSITIVE_INFINITY : toDouble(limit, "upper_limit"),
    );
    const count = toDouble(b.count, "count");
    p.counts.push(count);
    rest -= count;
  }
  p.counts.push(Math.max(0, rest));
}

function summary(value: JsonObject, p: BucketPoint): void {
  p.count = toDouble(value.count, "count");
  p.sum = doubleField(value, "sum");
  for (const q of listField(value, "quantiles").slice(0, MAX_BUCKETS)) {
    if (!isObject(q)) throw new BadRow("a quantile is not an object");
    // Older versions call it the upper limit.
    p.upper.push(toDouble(q.quantile ?? q.upper_limit, "quantile"));
    p.counts.push(toDouble(q.value, "value"));
  }
}
