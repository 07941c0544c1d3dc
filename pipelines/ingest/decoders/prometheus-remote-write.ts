/**
 * Prometheus remote write, 1.0 (`prometheus.WriteRequest`) and 2.0 (`io.prometheus.write.v2.Request`), snappy block
 * compressed as on HTTP, or bare. `job` and `instance` name the entity, every other label sets series apart. Kinds follow
 * the name (`_total`, `_count`, `_sum` and `_bucket` are counters), in 2.0 the type that comes with each series: the
 * metadata of 1.0 travels in requests of its own, and a kind that hung on which came first could not be replayed.
 * A stale marker is a gap. Throws DECODE_BAD_PROTOBUF; LIMIT_BYTES for a payload that would unpack to more than 32 MiB.
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
 */
import { createRequire } from "node:module";
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import type { Attributes, SeriesKind } from "../../core/tables.ts";
import { PrometheusHistogram } from "./prometheus-histogram.ts";
import { ProtobufReader, tagOf, whereOf } from "./protobuf-reader.ts";
import { PROMETHEUS_COUNTER, scraped } from "./tagged.ts";

const MAX_UNPACKED_BYTES = 32 * 1024 * 1024;
/** Longer label bytes are read anew each time, so that the cache stays small. */
const MAX_CACHED_BYTES = 2048;
const MAX_SYMBOLS = 1_000_000;
/** Numbers, two for each label. */
const MAX_REFS = 2048;
/** `MetricType` of both versions. */
const TYPE = { unspecified: 0, counter: 1, histogram: 3, summary: 5 } as const;
/** Low half of the NaN that says a series has ended; the high half is 0x7ff00000. */
const STALE_LOW = 2;

export const prometheusRemoteWrite: Decoder = {
  name: "prometheus-remote-write",
  decode(record, into) {
    new Walk(unpacked(record), into).request();
  },
};

/** The record with its payload unpacked; one that is not snappy is taken as it is. */
export function unpacked(record: RawRecord): RawRecord {
  const { value } = record;
  let size = 0;
  let at = 0;
  for (let shift = 0; at < value.length && at < 5; shift += 7) {
    const byte = value[at++] as number;
    size += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  // A copy of 3 bytes stands for at most 64: a larger claim is no snappy block, and must not be allocated.
  if (size > value.length * 32) return record;
  if (size > MAX_UNPACKED_BYTES)
    throw new PipelineError("LIMIT_BYTES", whereOf(record), { detail: `${size} bytes when unpacked` });
  try {
    return { ...record, value: uncompress(value) };
  } catch {
    return record;
  }
}

let snappy: { uncompressSync(input: Buffer, options: { asBuffer: true }): Buffer } | undefined;
/** Loaded late: the addon is a file for each platform, and only this format needs it. */
function uncompress(value: Uint8Array): Buffer {
  snappy ??= createRequire(import.meta.url)("snappy") as NonNullable<typeof snappy>;
  return snappy.uncompressSync(Buffer.from(value.buffer, value.byteOffset, value.byteLength), { asBuffer: true });
}

/** Series known by their bytes; past it they are looked up anew. Only ids that the sink gave: refusals count each time. */
const MAX_KNOWN = 200_000;
const known = new WeakMap<SignalSink, Map<string, number>>();
function idsOf(sink: SignalSink): Map<string, number> {
  const ids = known.get(sink) ?? new Map<string, number>();
  known.set(sink, ids);
  return ids;
}

class Walk {
  readonly #r: ProtobufReader;
  readonly #record: RawRecord;
  readonly #sink: SignalSink;
  /** Ids by source, kind and label bytes. */
  readonly #ids: Map<string, number>;
  readonly #symbols: string[] = [];

  constructor(record: RawRecord, sink: SignalSink) {
    this.#r = new ProtobufReader(record);
    this.#record = record;
    this.#sink = sink;
    this.#ids = idsOf(sink);
  }

  request(): void {
    const r = this.#r;
    const end = r.bytes.length;
    // Symbols may stand behind the series that point to them.
    let second = false;
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === tagOf(4, 2)) {
        if (this.#symbols.length >= MAX_SYMBOLS) r.fail(`more than ${MAX_SYMBOLS} symbols`);
        this.#symbols.push(r.string(end));
      } else {
        second ||= tag === tagOf(5, 2);
        r.skip(tag, end);
      }
    }
    r.pos = 0;
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === tagOf(1, 2) && !second) this.#seriesOfOne(r.length(end));
      else if (tag === tagOf(5, 2)) this.#seriesOfTwo(r.length(end));
      else r.skip(tag, end);
    }
  }

  #seriesOfOne(end: number): void {
    const r = this.#r;
    const start = r.pos;
    let from = end;
    let to = start;
    let scattered = false;
    // Labels come first in practice, not by any rule.
    while (r.pos < end) {
      const at = r.pos;
      const tag = r.tag(end);
      r.skip(tag, end);
      if (tag !== tagOf(1, 2)) continue;
      scattered ||= from < end && at !== to;
      from = Math.min(from, at);
      to = r.pos;
    }
    const key =
      !scattered && from < to && to - from <= MAX_CACHED_BYTES ? r.bytes.toString("latin1", from, to) : undefined;
    const labels = () => this.#labelsOf(start, end);
    // What follows labels that stand together and first is all there is to read.
    r.pos = !scattered && from === start ? to : start;
    this.#rows(end, { samples: tagOf(2, 2), histograms: tagOf(4, 2), type: TYPE.unspecified, key, labels });
    r.pos = end;
  }

  #labelsOf(start: number, end: number): Record<string, string> {
    const r = this.#r;
    const before = r.pos;
    const out: Record<string, string> = {};
    r.pos = start;
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag !== tagOf(1, 2)) {
        r.skip(tag, end);
        continue;
      }
      const to = r.length(end);
      let name = "";
      let value = "";
      while (r.pos < to) {
        const inner = r.tag(to);
        if (inner === tagOf(1, 2)) name = r.string(to);
        else if (inner === tagOf(2, 2)) value = r.string(to);
        else r.skip(inner, to);
      }
      out[name] = value;
    }
    r.pos = before;
    return out;
  }

  #seriesOfTwo(end: number): void {
    const r = this.#r;
    const start = r.pos;
    const refs: number[] = [];
    let type: number = TYPE.unspecified;
    let unit = "";
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === tagOf(1, 0)) {
        const ref = r.varint(end);
        if (refs.length <= MAX_REFS) refs.push(ref);
      } else if (tag === tagOf(1, 2)) {
        const to = r.length(end);
        while (r.pos < to && refs.length <= MAX_REFS) refs.push(r.varint(to));
        r.pos = to;
      } else if (tag === tagOf(5, 2)) {
        const to = r.length(end);
        while (r.pos < to) {
          const inner = r.tag(to);
          if (inner === tagOf(1, 0)) type = r.varint(to);
          else if (inner === tagOf(4, 0)) unit = this.#symbol(r.varint(to));
          else r.skip(inner, to);
        }
      } else r.skip(tag, end);
    }
    if (refs.length > MAX_REFS) r.fail(`more than ${MAX_REFS / 2} labels`);
    if (refs.length % 2 === 1) r.fail("a label without a value");
    const labels = () => {
      const out: Record<string, string> = {};
      for (let i = 0; i < refs.length; i += 2)
        out[this.#symbol(refs[i] as number)] = this.#symbol(refs[i + 1] as number);
      return out;
    };
    // Numbers of symbols differ from request to request, their texts do not. The mark keeps apart from keys of 1.0.
    let key = `2 ${type} ${unit}`;
    for (const ref of refs) key += `\u0000${this.#symbol(ref)}`;
    r.pos = start;
    const known = key.length <= MAX_CACHED_BYTES ? key : undefined;
    this.#rows(end, { samples: tagOf(2, 2), histograms: tagOf(3, 2), type, unit, key: known, labels });
    r.pos = end;
  }

  #symbol(ref: number): string {
    return this.#symbols[ref] ?? this.#r.fail("a label beyond the symbols");
  }

  #rows(end: number, about: About): void {
    const r = this.#r;
    let id: number | undefined;
    let histogramId: number | undefined;
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === about.samples) {
        const to = r.length(end);
        // A refused series is asked for again, so that each of its rows is counted.
        if (id === undefined || id < 0) id = this.#intern(about, false);
        this.#sample(to, id);
      } else if (tag === about.histograms) {
        const to = r.length(end);
        if (histogramId === undefined || histogramId < 0) histogramId = this.#intern(about, true);
        new PrometheusHistogram().read(r, to).emit(this.#sink, histogramId);
        r.pos = to;
      } else r.skip(tag, end);
    }
  }

  #sample(end: number, id: number): void {
    const r = this.#r;
    let value = 0;
    let timeMs = 0;
    let stale = false;
    while (r.pos < end) {
      const tag = r.tag(end);
      if (tag === tagOf(1, 1)) {
        value = r.double(end);
        if (Number.isNaN(value)) stale = r.bytes.readUInt32LE(r.pos - 8) === STALE_LOW;
      } else if (tag === tagOf(2, 0)) timeMs = r.int64(end);
      else r.skip(tag, end);
    }
    if (!stale) this.#sink.point(id, timeMs, 0, value);
  }

  #intern({ key, labels, type, unit = "" }: About, histogram: boolean): number {
    const ids = this.#ids;
    const full = key === undefined ? undefined : `${histogram ? "h" : "n"} ${this.#record.source}\u0000${key}`;
    const known = full === undefined ? undefined : ids.get(full);
    if (known !== undefined) return known;
    const { __name__: metric = "", ...rest } = labels();
    const { resource, attributes }: { resource: Attributes; attributes: Attributes } = scraped(
      rest,
      this.#record.source,
    );
    const kind: SeriesKind = histogram ? "histogram" : kindOf(metric, type);
    const id = this.#sink.series(this.#sink.entity(resource), metric, unit, kind, attributes);
    if (id >= 0 && full !== undefined) {
      if (ids.size >= MAX_KNOWN) ids.clear();
      ids.set(full, id);
    }
    return id;
  }
}

interface About {
  readonly samples: number;
  readonly histograms: number;
  readonly type: number;
  readonly unit?: string;
  /** Label bytes, when they are short enough to remember. */
  readonly key: string | undefined;
  readonly labels: () => Record<string, string>;
}

function kindOf(metric: string, type: number): SeriesKind {
  if (type === TYPE.counter) return "counter";
  const byName = type === TYPE.unspecified || type === TYPE.histogram || type === TYPE.summary;
  return byName && PROMETHEUS_COUNTER.test(metric) ? "counter" : "gauge";
}
