/**
 * OTLP metrics, protobuf: ExportMetricsServiceRequest
 * (https://github.com/open-telemetry/opentelemetry-proto, metrics/v1/metrics.proto).
 * Throws DECODE_BAD_PROTOBUF when the bytes are no such message; points that can't be used are rejected one by one.
 */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import type { Attributes, SeriesKind } from "../../core/tables.ts";
import { walkBuckets } from "./otlp-buckets-proto.ts";
import { eachRow } from "./otlp-resources.ts";
import { histogramKind, type MetricHead, NO_RECORDED_VALUE, sumKind } from "./otlp-rows.ts";
import { readAttribute } from "./otlp-values.ts";
import { ProtobufReader, tagOf } from "./protobuf-reader.ts";
import { cacheOf, type SeriesCache } from "./series-cache.ts";

/** Tags of Metric's data oneof. */
const GAUGE = tagOf(5, 2);
const SUM = tagOf(7, 2);
const HISTOGRAM = tagOf(9, 2);
const EXPONENTIAL = tagOf(10, 2);
const SUMMARY = tagOf(11, 2);
const POINTS = tagOf(1, 2);
/** Longer attribute bytes are read anew each time, so that the cache stays small. */
const MAX_CACHED_BYTES = 2048;

export const otlpMetricsProto: Decoder = {
  name: "otlp-metrics-proto",
  decode(record: RawRecord, into: SignalSink): void {
    const walk = new MetricsWalk(record, into);
    eachRow(
      walk.r,
      into,
      (entityId, end) => walk.metric(entityId, end),
      (end) => walk.count(end),
    );
  },
};

class MetricsWalk {
  readonly r: ProtobufReader;
  readonly #sink: SignalSink;
  readonly #cache: SeriesCache;
  readonly #head: MetricHead = { entityId: -1, name: "", unit: "" };
  /** Tag, start and end of the metric's data. */
  #data = 0;
  #dataAt = 0;
  #dataEnd = 0;

  constructor(record: RawRecord, sink: SignalSink) {
    this.r = new ProtobufReader(record);
    this.#sink = sink;
    this.#cache = cacheOf(sink);
  }

  /** Points of the metric up to `end`. */
  count(end: number): number {
    this.#scan(end);
    const { r } = this;
    let rows = 0;
    while (r.pos < this.#dataEnd) {
      const tag = r.tag(this.#dataEnd);
      if (tag === POINTS) rows++;
      r.skip(tag, this.#dataEnd);
    }
    return rows;
  }

  metric(entityId: number, end: number): void {
    this.#scan(end);
    this.#head.entityId = entityId;
    if (this.#data === GAUGE) this.#numbers("gauge");
    else if (this.#data !== 0) this.#others();
    this.r.pos = end;
  }

  // Name, unit and kind may stand behind the points, so they are looked for first.
  #scan(end: number): void {
    const { r } = this;
    const head = this.#head;
    head.name = "";
    head.unit = "";
    this.#data = 0;
    this.#dataAt = end;
    this.#dataEnd = end;
    while (r.pos < end) {
      const tag = r.tag(end);
      switch (tag) {
        case tagOf(1, 2):
          head.name = r.string(end);
          break;
        case tagOf(3, 2):
          head.unit = r.string(end);
          break;
        case GAUGE:
        case SUM:
        case HISTOGRAM:
        case EXPONENTIAL:
        case SUMMARY:
          this.#data = tag;
          this.#dataEnd = r.length(end);
          this.#dataAt = r.pos;
          r.pos = this.#dataEnd;
          break;
        default:
          r.skip(tag, end);
      }
    }
    r.pos = this.#dataAt;
  }

  #others(): void {
    const { r } = this;
    const end = this.#dataEnd;
    let temporality = 0;
    let monotonic = false;
    if (this.#data !== SUMMARY) {
      while (r.pos < end) {
        const tag = r.tag(end);
        if (tag === tagOf(2, 0)) temporality = r.varint(end);
        else if (tag === tagOf(3, 0)) monotonic = r.varint(end) !== 0;
        else r.skip(tag, end);
      }
      r.pos = this.#dataAt;
    }
    if (this.#data === SUM) {
      this.#numbers(sumKind(temporality, monotonic));
      return;
    }
    const form = this.#data === HISTOGRAM ? "explicit" : this.#data === EXPONENTIAL ? "exponential" : "summary";
    walkBuckets(r, this.#sink, this.#head, form, histogramKind(temporality), end);
  }

  #numbers(kind: SeriesKind): void {
    const { r } = this;
    const end = this.#dataEnd;
    const ids = this.#cache.of(this.#head, kind);
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === POINTS) this.#number(kind, ids, r.length(end));
      else r.skip(tag, end);
    }
  }

  #number(kind: SeriesKind, ids: Map<string, number>, end: number): void {
    const { r } = this;
    const start = r.pos;
    let timeMs = 0;
    let startMs = 0;
    let value = 0;
    let has = false;
    let flags = 0;
    let attributesAt = end;
    let attributesEnd = end;
    let scattered = false;
    while (r.pos < end) {
      const at = r.pos;
      const tag = r.tag(end);
      switch (tag) {
        case tagOf(2, 1):
          startMs = r.nanos(end);
          break;
        case tagOf(3, 1):
          timeMs = r.nanos(end);
          break;
        case tagOf(4, 1):
          value = r.double(end);
          has = true;
          break;
        case tagOf(6, 1):
          value = r.signed64(end);
          has = true;
          break;
        case tagOf(7, 2):
          if (attributesAt === end) attributesAt = at;
          else if (attributesEnd !== at) scattered = true;
          r.pos = r.length(end);
          attributesEnd = r.pos;
          break;
        case tagOf(8, 0):
          r.varint(end);
          flags = r.low;
          break;
        default:
          r.skip(tag, end);
      }
    }
    if (flags & NO_RECORDED_VALUE) return;
    if (!has) {
      this.#sink.reject("DECODE_BAD_FIELD", "a point without a value");
      return;
    }
    const id = scattered ? this.#intern(kind, start, end) : this.#series(kind, ids, attributesAt, attributesEnd);
    this.#sink.point(id, timeMs, startMs, value);
    r.pos = end;
  }

  #series(kind: SeriesKind, ids: Map<string, number>, from: number, to: number): number {
    if (to - from > MAX_CACHED_BYTES) return this.#intern(kind, from, to);
    const key = this.r.bytes.toString("latin1", from, to);
    const known = ids.get(key);
    if (known !== undefined) return known;
    const id = this.#intern(kind, from, to);
    if (id >= 0) this.#cache.put(ids, key, id);
    return id;
  }

  #intern(kind: SeriesKind, from: number, to: number): number {
    const { r } = this;
    const attributes: Record<string, string> = {};
    r.pos = from;
    while (r.pos < to) {
      const tag = r.tag(to);
      if (tag === tagOf(7, 2)) readAttribute(r, to, attributes);
      else r.skip(tag, to);
    }
    const { entityId, name, unit } = this.#head;
    return this.#sink.series(entityId, name, unit, kind, attributes as Attributes);
  }
}
