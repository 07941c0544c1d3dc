/**
 * OTLP metrics, protobuf: ExportMetricsServiceRequest
 * (https://github.com/open-telemetry/opentelemetry-proto, metrics/v1/metrics.proto).
 * Throws DECODE_BAD_PROTOBUF when the bytes are no such message; points that can't be used are rejected one by one.
 */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { type Attributes, SERIES_KINDS, type SeriesKind } from "../../core/tables.ts";
import { walkBuckets } from "./otlp-buckets-proto.ts";
import { eachRow } from "./otlp-resources.ts";
import { histogramKind, type MetricHead, NO_RECORDED_VALUE, sumKind } from "./otlp-rows.ts";
import { readAttribute } from "./otlp-values.ts";
import { nanosToMs, ProtobufReader, tagOf } from "./protobuf-reader.ts";
import { cacheOf, type SeriesCache } from "./series-cache.ts";

/** Tags of Metric's data oneof. */
const GAUGE = tagOf(5, 2);
const SUM = tagOf(7, 2);
const HISTOGRAM = tagOf(9, 2);
const EXPONENTIAL = tagOf(10, 2);
const SUMMARY = tagOf(11, 2);
const POINTS = tagOf(1, 2);

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
  /** Where the metric's name and unit stand; read only when somebody wants them as text. */
  #nameAt = 0;
  #nameEnd = 0;
  #unitAt = 0;
  #unitEnd = 0;
  /** The last two kinds of time read, in halves of nanoseconds and in ms: points of a record mostly share them. */
  #timeLow = 0;
  #timeHigh = 0;
  #timeMs = 0;
  #startLow = 0;
  #startHigh = 0;
  #startMs = 0;

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
    this.#nameAt = this.#nameEnd = this.#unitAt = this.#unitEnd = end;
    this.#data = 0;
    this.#dataAt = end;
    this.#dataEnd = end;
    while (r.pos < end) {
      const tag = r.tag(end);
      switch (tag) {
        case tagOf(1, 2):
          this.#nameEnd = r.length(end);
          this.#nameAt = r.pos;
          r.pos = this.#nameEnd;
          break;
        case tagOf(3, 2):
          this.#unitEnd = r.length(end);
          this.#unitAt = r.pos;
          r.pos = this.#unitEnd;
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

  #readHead(): MetricHead {
    const { bytes } = this.r;
    this.#head.name = bytes.toString("utf8", this.#nameAt, this.#nameEnd);
    this.#head.unit = bytes.toString("utf8", this.#unitAt, this.#unitEnd);
    return this.#head;
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
    walkBuckets(r, this.#sink, this.#readHead(), form, histogramKind(temporality), end);
  }

  #numbers(kind: SeriesKind): void {
    const { r } = this;
    const end = this.#dataEnd;
    const owner = this.#head.entityId * 8 + SERIES_KINDS.indexOf(kind);
    const metric = this.#cache.metric(owner, r.view, this.#nameAt, this.#nameEnd);
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === POINTS) this.#number(kind, metric, r.length(end));
      else r.skip(tag, end);
    }
  }

  /** A NumberDataPoint. The fields that senders use are read in place; any other goes through the reader. */
  #number(kind: SeriesKind, metric: number, end: number): void {
    const { r } = this;
    const { bytes, view } = r;
    const start = r.pos;
    let pos = start;
    let timeMs = 0;
    let startMs = 0;
    let value = 0;
    let has = false;
    let flags = 0;
    let attributesAt = end;
    let attributesEnd = end;
    let guessed = -1;
    let scattered = false;
    while (pos < end) {
      const tag = bytes[pos] as number;
      if (tag === 0x3a /* attributes */) {
        if (attributesAt === end) {
          attributesAt = pos;
          guessed = this.#cache.guess(metric, view, pos, end);
        } else if (attributesEnd !== pos) scattered = true;
        if (guessed > 0 && attributesAt === pos) pos += guessed;
        else {
          r.pos = pos + 1;
          pos = r.length(end);
        }
        attributesEnd = pos;
      } else if ((tag === 0x19 /* time */ || tag === 0x11) /* start */ && end - pos >= 9) {
        const low = view.getUint32(pos + 1, true);
        const high = view.getUint32(pos + 5, true);
        if (tag === 0x19) {
          if (low !== this.#timeLow || high !== this.#timeHigh) {
            this.#timeLow = low;
            this.#timeHigh = high;
            this.#timeMs = nanosToMs(high, low);
          }
          timeMs = this.#timeMs;
        } else {
          if (low !== this.#startLow || high !== this.#startHigh) {
            this.#startLow = low;
            this.#startHigh = high;
            this.#startMs = nanosToMs(high, low);
          }
          startMs = this.#startMs;
        }
        pos += 9;
      } else if (tag === 0x21 /* double */ && end - pos >= 9) {
        value = view.getFloat64(pos + 1, true);
        has = true;
        pos += 9;
      } else {
        r.pos = pos;
        const other = r.tag(end);
        if (other === tagOf(2, 1)) startMs = r.nanos(end);
        else if (other === tagOf(3, 1)) timeMs = r.nanos(end);
        else if (other === tagOf(4, 1)) {
          value = r.double(end);
          has = true;
        } else if (other === tagOf(6, 1)) {
          value = r.signed64(end);
          has = true;
        } else if (other === tagOf(7, 2)) {
          // A tag spelt in more bytes than it takes: nobody does that, so it need not be fast.
          scattered = true;
          r.pos = r.length(end);
        } else if (other === tagOf(8, 0)) {
          r.varint(end);
          flags = r.low;
        } else r.skip(other, end);
        pos = r.pos;
      }
    }
    r.pos = end;
    if (flags & NO_RECORDED_VALUE) return;
    if (!has) {
      this.#sink.reject("DECODE_BAD_FIELD", "a point without a value");
      return;
    }
    let id: number;
    if (scattered) id = this.#intern(kind, start, end);
    else if (guessed > 0 && guessed === attributesEnd - attributesAt) id = this.#cache.guessed();
    else id = this.#series(kind, metric, attributesAt, attributesEnd);
    this.#sink.point(id, timeMs, startMs, value);
    r.pos = end;
  }

  #series(kind: SeriesKind, metric: number, from: number, to: number): number {
    const known = this.#cache.series(metric, this.r.view, from, to);
    if (known >= 0) return known;
    const id = this.#intern(kind, from, to);
    if (id >= 0) this.#cache.putSeries(metric, this.r.view, from, to, id);
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
    const { entityId, name, unit } = this.#readHead();
    return this.#sink.series(entityId, name, unit, kind, attributes as Attributes);
  }
}
