/**
 * A native histogram of Prometheus (prompb `Histogram`, the same in both versions of remote write). Bucket i of a side is
 * (base^(i-1), base^i], base = 2^(2^-schema): OTLP's exponential histogram, one index further. Schema -53 has bounds of its own.
 */
import type { SignalSink } from "../../core/signals.ts";
import {
  type BucketPoint,
  type ExponentialSide,
  explicitBuckets,
  exponentialBuckets,
  MAX_BUCKETS,
} from "./otlp-rows.ts";
import { type ProtobufReader, tagOf } from "./protobuf-reader.ts";

const CUSTOM_SCHEMA = -53;
const RESET_GAUGE = 3;

class Side {
  /** First index and length of each run of buckets; the first from zero, others from the end of the one before. */
  readonly spans: { offset: number; length: number }[] = [];
  /** Of integer histograms: each count less the one before. */
  readonly deltas: number[] = [];
  /** Of float histograms. */
  readonly counts: number[] = [];

  /** Runs of buckets with their index as OTLP counts it; undefined when spans and counts do not fit or are too many. */
  runs(): ExponentialSide[] | undefined {
    const out: ExponentialSide[] = [];
    const given = Math.max(this.counts.length, this.deltas.length);
    let index = -1;
    let taken = 0;
    let last = 0;
    for (const [i, { offset, length }] of this.spans.entries()) {
      if ((i > 0 && offset < 0) || length > given - taken) return undefined;
      index += offset;
      const counts: number[] = [];
      for (let n = 0; n < length; n++, taken++) {
        last = this.counts[taken] ?? last + (this.deltas[taken] as number);
        counts.push(last);
      }
      out.push({ offset: index, counts });
      index += length;
    }
    return out;
  }
}

export class PrometheusHistogram {
  readonly #point: BucketPoint = { timeMs: 0, startMs: 0, count: 0, sum: 0, upper: [], counts: [] };
  readonly #positive = new Side();
  readonly #negative = new Side();
  readonly #bounds: number[] = [];
  #schema = 0;
  #zeroCount = 0;
  #zeroThreshold = 0;
  #reset = 0;
  #stale = false;

  read(r: ProtobufReader, end: number): this {
    const p = this.#point;
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === tagOf(1, 0)) p.count = r.varint(end);
      else if (tag === tagOf(2, 1)) p.count = r.double(end);
      else if (tag === tagOf(3, 1)) {
        p.sum = r.double(end);
        // The same NaN as for samples, in the sum.
        this.#stale = Number.isNaN(p.sum) && r.bytes.readUInt32LE(r.pos - 8) === 2;
      } else if (tag === tagOf(4, 0)) this.#schema = r.zigzag32(end);
      else if (tag === tagOf(5, 1)) this.#zeroThreshold = r.double(end);
      else if (tag === tagOf(6, 0)) this.#zeroCount = r.varint(end);
      else if (tag === tagOf(7, 1)) this.#zeroCount = r.double(end);
      else if (tag === tagOf(8, 2)) span(r, r.length(end), this.#negative);
      else if (tag === tagOf(9, 0)) keep(this.#negative.deltas, r.zigzag64(end));
      else if (tag === tagOf(9, 2)) packed(r, end, this.#negative.deltas, "zigzag64");
      else if (tag === tagOf(10, 1)) keep(this.#negative.counts, r.double(end));
      else if (tag === tagOf(10, 2)) packed(r, end, this.#negative.counts, "double");
      else if (tag === tagOf(11, 2)) span(r, r.length(end), this.#positive);
      else if (tag === tagOf(12, 0)) keep(this.#positive.deltas, r.zigzag64(end));
      else if (tag === tagOf(12, 2)) packed(r, end, this.#positive.deltas, "zigzag64");
      else if (tag === tagOf(13, 1)) keep(this.#positive.counts, r.double(end));
      else if (tag === tagOf(13, 2)) packed(r, end, this.#positive.counts, "double");
      else if (tag === tagOf(14, 0)) this.#reset = r.varint(end);
      else if (tag === tagOf(15, 0)) p.timeMs = r.int64(end);
      else if (tag === tagOf(16, 1)) keep(this.#bounds, r.double(end));
      else if (tag === tagOf(16, 2)) packed(r, end, this.#bounds, "double");
      else r.skip(tag, end);
    }
    return this;
  }

  emit(sink: SignalSink, id: number): void {
    if (this.#stale || id < 0) return;
    const p = this.#point;
    const [positive, negative] = [this.#positive.runs(), this.#negative.runs()];
    let fault: string | undefined;
    if (this.#reset === RESET_GAUGE) fault = "a gauge histogram";
    else if (positive === undefined || negative === undefined) fault = "histogram spans and buckets differ";
    else if (this.#schema === CUSTOM_SCHEMA) fault = this.#custom(positive);
    else {
      const shape = { scale: this.#schema, zeroCount: this.#zeroCount, zeroThreshold: this.#zeroThreshold };
      fault = exponentialBuckets(p, shape, positive, negative);
    }
    if (fault === undefined) sink.histogram(id, p.timeMs, p.startMs, p.count, p.sum, p.upper, p.counts);
    else sink.reject("DECODE_BAD_FIELD", fault);
  }

  /** Bounds are given; buckets count from 0, and empty ones may be left out. */
  #custom(runs: readonly ExponentialSide[]): string | undefined {
    const p = this.#point;
    p.upper = [...this.#bounds];
    p.counts = new Array<number>(p.upper.length + 1).fill(0);
    for (const { offset, counts } of runs)
      for (const [i, count] of counts.entries()) {
        const at = offset + 1 + i;
        if (at < 0 || at >= p.counts.length) return "histogram spans and buckets differ";
        p.counts[at] = count;
      }
    return explicitBuckets(p);
  }
}

function keep<T>(list: T[], value: T): void {
  if (list.length <= MAX_BUCKETS) list.push(value);
}

function packed(r: ProtobufReader, end: number, list: number[], type: "double" | "zigzag64"): void {
  const to = r.length(end);
  while (r.pos < to) keep(list, r[type](to));
}

function span(r: ProtobufReader, end: number, side: Side): void {
  let offset = 0;
  let length = 0;
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === tagOf(1, 0)) offset = r.zigzag32(end);
    else if (tag === tagOf(2, 0)) length = r.varint(end);
    else r.skip(tag, end);
  }
  keep(side.spans, { offset, length });
}
