/** Tells the format of a topic or a file from what is in it. Deterministic: the same samples give the same answer. */
import { SignalSink } from "../core/signals.ts";
import { Tables } from "../core/tables.ts";
import type { Mapping } from "../core/topic-config.ts";
import { type DecoderName, decoders } from "./decoders/index.ts";
import { fieldAt } from "./decoders/json-lines.ts";
import { isObject, type JsonObject, parsedJson } from "./decoders/otlp-json.ts";
import { linesOf } from "./decoders/plain.ts";
import { guessMapping } from "./guess-mapping.ts";
import { protobufFormat } from "./protobuf-shape.ts";

export interface Detection {
  /** A decoder's name, or json with a mapping. */
  readonly format: DecoderName | "json";
  /** For plain JSON: a guess to begin with, as it would stand in the config. */
  readonly mapping?: Partial<Mapping>;
  /** 0 to 1: how sure the format's marks are, times the share of samples that bear them. */
  readonly confidence: number;
  readonly reason: string;
}

/** Below this a format is a proposal, not to be used unasked. */
export const SURE = 0.5;
const MAX_SAMPLES = 100;
const MAX_BYTES = 1024 * 1024;
/** Lines, or objects of a list, that are looked at in a sample. */
const MAX_ROWS = 20;
/** Share of the samples that the winner must have: topics hold a bad record now and then. */
const MIN_SHARE = 0.8;

/** What one sample looks like, and how sure its marks are. */
interface Vote {
  readonly format: DecoderName | "json";
  readonly sure: number;
  readonly why: string;
}

/** Looks at up to 100 samples of 1 MiB in all, at least one. `undefined`: nothing fits, or samples of several formats. */
export function detectFormat(samples: readonly Uint8Array[]): Detection | undefined {
  const votes = new Map<string, { vote: Vote; count: number; sure: number }>();
  const objects: JsonObject[] = [];
  let looked = 0;
  let bytes = 0;
  for (const sample of samples.slice(0, MAX_SAMPLES)) {
    if (sample.length === 0) continue;
    bytes += sample.length;
    if (looked > 0 && bytes > MAX_BYTES) break;
    looked += 1;
    const vote = voteOf(sample, objects);
    if (!vote) continue;
    const known = votes.get(vote.format);
    if (known) {
      known.count += 1;
      known.sure += vote.sure;
    } else votes.set(vote.format, { vote, count: 1, sure: vote.sure });
  }
  // One decoder reads all three signals as JSON, where a topic mixes them.
  const otlp = [...votes.values()].filter((v) => /^otlp-.*-json$/.test(v.vote.format));
  if (otlp.length > 1) {
    const count = otlp.reduce((n, v) => n + v.count, 0);
    votes.set("jsonl", {
      vote: { format: "jsonl", sure: 0.9, why: "OTLP/JSON of several signals" },
      count,
      sure: 0.9 * count,
    });
  }
  let best: { vote: Vote; count: number; sure: number } | undefined;
  for (const v of votes.values()) if (!best || v.count > best.count) best = v;
  if (!best || best.count < MIN_SHARE * looked) return undefined;
  const { format, why } = best.vote;
  const confidence = Math.round((100 * best.sure) / looked) / 100;
  const reason = `${why} in ${best.count} of ${looked} samples`;
  if (format !== "json") return { format, confidence, reason };
  const mapping = guessMapping(objects);
  return mapping ? { format, mapping, confidence, reason: `${reason}; the mapping is a guess` } : undefined;
}

function voteOf(sample: Uint8Array, objects: JsonObject[]): Vote | undefined {
  const text = textOf(sample);
  if (text === undefined) return protobufFormat(sample);
  return /^\s*[[{]/.test(text) ? jsonVote(text, objects) : lineVote(sample, text);
}

/** The sample as text; undefined for bytes that are no UTF-8 or hold control characters, as any protobuf does. */
function textOf(sample: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(sample);
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c < 32 && c !== 9 && c !== 10 && c !== 13 && c !== 27) return undefined;
    }
    return text;
  } catch {
    return undefined;
  }
}

function jsonVote(text: string, objects: JsonObject[]): Vote | undefined {
  const found: Vote[] = [];
  const one = (v: unknown) => {
    if (!isObject(v)) return;
    if (objects.length < MAX_SAMPLES) objects.push(v);
    const vote = objectVote(v);
    if (vote) found.push(vote);
  };
  const whole = parsedJson(text);
  if (Array.isArray(whole)) whole.slice(0, MAX_ROWS).forEach(one);
  else if (whole !== undefined) one(whole);
  else {
    let left = MAX_ROWS;
    for (const line of linesOf(text)) {
      if (left-- === 0) break;
      one(parsedJson(line));
    }
  }
  // Of one sender's lines the most telling speaks for all: not every log line of it carries every field.
  return found.reduce<Vote | undefined>((a, b) => (a && a.sure >= b.sure ? a : b), undefined);
}

const list = (v: unknown) => Array.isArray(v);
const string = (v: unknown) => typeof v === "string";
const number = (v: unknown) => typeof v === "number";
const VECTOR_TYPES = [
  "counter",
  "gauge",
  "set",
  "distribution",
  "aggregated_histogram",
  "aggregated_summary",
  "sketch",
];
const isVectorMetric = (v: unknown): boolean =>
  isObject(v) &&
  string(v.name) &&
  (v.kind === "absolute" || v.kind === "incremental") &&
  VECTOR_TYPES.some((t) => isObject(v[t]));
const isTelegraf = (v: unknown): boolean => isObject(v) && string(v.name) && isObject(v.fields);
const anyText = (row: JsonObject, ...paths: string[]) => paths.some((p) => string(fieldAt(row, p)));

/** Marks of a format in one object, the most telling first. */
const MARKS: readonly (readonly [DecoderName | "json", sure: number, why: string, (row: JsonObject) => boolean])[] = [
  [
    "jsonl",
    0.95,
    "OTLP/JSON of several signals",
    (r) => [r.resourceMetrics, r.resourceLogs, r.resourceSpans].filter(list).length > 1,
  ],
  ["otlp-metrics-json", 1, "resourceMetrics", (r) => list(r.resourceMetrics)],
  ["otlp-logs-json", 1, "resourceLogs", (r) => list(r.resourceLogs)],
  ["otlp-traces-json", 1, "resourceSpans", (r) => list(r.resourceSpans)],
  ["vector-json", 0.95, "a metric with Vector's kind and type", (r) => isVectorMetric(r.metric) || isVectorMetric(r)],
  ["vector-json", 0.9, "a log in Vector's wrapper", (r) => isObject(r.log) && Object.keys(r).length === 1],
  ["telegraf-json", 0.95, "name and fields", (r) => isTelegraf(r) && number(r.timestamp)],
  [
    "telegraf-json",
    0.95,
    "a list of metrics with name and fields",
    (r) => list(r.metrics) && isTelegraf((r.metrics as unknown[])[0]),
  ],
  [
    "prometheus-json",
    0.95,
    "name, labels and value",
    (r) => string(r.name) && isObject(r.labels) && (string(r.value) || number(r.value)) && r.timestamp !== undefined,
  ],
  [
    "filebeat",
    0.95,
    "a beat's metadata",
    (r) =>
      anyText(r, "@timestamp") &&
      (anyText(r, "@metadata.beat", "beat.hostname") || /beat$/.test(String(fieldAt(r, "agent.type")))),
  ],
  ["logstash", 0.9, "@version and @timestamp", (r) => r["@version"] !== undefined && anyText(r, "@timestamp")],
  [
    "filebeat",
    0.85,
    "Elastic Common Schema",
    (r) => anyText(r, "@timestamp") && (anyText(r, "ecs.version") || isObject(r.metricset)),
  ],
  ["fluent-bit", 0.95, "a pod named by Fluent Bit's filter", (r) => anyText(r, "kubernetes.pod_name")],
  ["fluent-bit", 0.9, "@timestamp in seconds", (r) => number(r["@timestamp"])],
  [
    "fluent-bit",
    0.85,
    "date in seconds",
    (r) =>
      number(r.date) && (anyText(r, "log", "message", "msg", "MESSAGE") || Object.values(r).filter(number).length > 1),
  ],
  ["fluent-bit", 0.7, "@timestamp and log", (r) => anyText(r, "@timestamp") && string(r.log)],
  [
    "vector-json",
    0.85,
    "a log with a source_type",
    (r) => string(r.source_type) && string(r.message) && string(r.timestamp),
  ],
  ["filebeat", 0.6, "@timestamp and message", (r) => anyText(r, "@timestamp") && string(r.message)],
  ["jsonl", 0.8, "metric and value", (r) => string(r.metric) && (number(r.value) || string(r.value))],
  ["jsonl", 0.6, "a log line's text", (r) => [r.body, r.message, r.msg].some(string)],
  ["json", 0.4, "objects of no known format", (r) => Object.keys(r).length > 0],
];

function objectVote(row: JsonObject): Vote | undefined {
  for (const [format, sure, why, fits] of MARKS) if (fits(row)) return { format, sure, why };
  return undefined;
}

/** Formats of lines have no marks but their grammar: a decoder that refuses nothing fits. */
function lineVote(sample: Uint8Array, text: string): Vote | undefined {
  const first = linesOf(text).next();
  if (first.done) return undefined;
  const line = first.value;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.,\d]*Z \S+ ./.test(line))
    return { format: "logstash", sure: 0.6, why: "lines of time, host and message" };
  // A measurement with an equals sign would be logfmt.
  if (/^[^\s=,]+(,[^ ]+=[^ ]+)? [^ =]+=/.test(line) && readsAll("influx", sample))
    return { format: "influx", sure: / \d{10,19}$/.test(line) ? 0.9 : 0.6, why: "line protocol" };
  if (line.includes(",") && readsAll("csv", sample))
    return { format: "csv", sure: 0.9, why: "a header with a time, then rows" };
  return { format: "text", sure: 0.3, why: "lines of text" };
}

function readsAll(format: "influx" | "csv", value: Uint8Array): boolean {
  const sink = new SignalSink(new Tables({ entities: 1000, series: 10_000, seriesPerEntity: 10_000 }));
  const record = { source: "sample", position: "0", ingestTimeMs: Number.MAX_SAFE_INTEGER / 2, format, value };
  sink.begin(record);
  try {
    decoders[format].decode(record, sink);
  } catch {
    return false;
  }
  return sink.rows > 0 && sink.rejected.length === 0;
}
