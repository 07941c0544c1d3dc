/** What a topic holds, told from a sample: for `doctor`, before anybody writes a config. */
import { PipelineError } from "../core/errors.ts";
import { SignalSink } from "../core/signals.ts";
import { Tables } from "../core/tables.ts";
import { type TopicConfig, topicSchema } from "../core/topic-config.ts";
import { decoderOf } from "../ingest/decoders/index.ts";
import { detectFormat } from "../ingest/detect-format.ts";
import type { Transport } from "../runtime/kafka/transport.ts";
import { sampleTopic, type TopicSample } from "./sample-topic.ts";

/** How keys and entities go together; only `byEntity` topics could be read without being partitioned anew. */
export type Keying = "byEntity" | "mixed" | "none" | "unknown";

export interface TopicReport {
  readonly topic: string;
  readonly partitions: number;
  /** Offsets from first to last: what retention, compaction and transactions took is counted. */
  readonly records: number;
  readonly sample: { readonly records: number; readonly bytes: number };
  /** null when nothing fits. */
  readonly format: string | null;
  readonly confidence: number;
  readonly reason: string;
  readonly rowsPerRecord: number;
  readonly rows: {
    readonly points: number;
    readonly histograms: number;
    readonly logs: number;
    readonly spans: number;
  };
  /** `kind:name`, the first ten. */
  readonly entities: { readonly count: number; readonly names: readonly string[] };
  readonly series: number;
  /** Event times, ms; null without rows. */
  readonly timeRangeMs: readonly [number, number] | null;
  readonly rejected: readonly { readonly code: string; readonly detail: string; readonly rows: number }[];
  readonly keying: Keying;
  /** The topic as it would stand in the config. */
  readonly config: Record<string, unknown> | null;
}

export interface InspectOptions {
  readonly transport: Transport;
  /** With a format or a mapping: tries that instead of telling one. */
  readonly topic: Pick<TopicConfig, "name"> & Partial<TopicConfig>;
  readonly maxRecords?: number;
}

/** @throws PipelineError as the transport does, for a missing topic too, and CONFIG_INVALID for a format that nothing reads */
export async function inspectTopic({ transport, topic, maxRecords }: InspectOptions): Promise<TopicReport> {
  const sample = await sampleTopic(transport, topic.name, maxRecords === undefined ? {} : { maxRecords });
  const values = sample.records.map((r) => r.value);
  const base = {
    topic: topic.name,
    partitions: sample.partitions.size,
    records: Number([...sample.partitions.values()].reduce((n, { low, high }) => n + (high - low), 0n)),
    sample: { records: values.length, bytes: values.reduce((n, v) => n + v.length, 0) },
  };
  const given = topic.format !== undefined && topic.format !== "auto";
  const found = given
    ? { format: topic.format as string, mapping: topic.mapping, confidence: 1, reason: "as given" }
    : detectFormat(values);
  if (!found) return { ...base, ...NOTHING, reason: unknownReason(values) };
  const { format, mapping, confidence, reason } = found;
  const config = { name: topic.name, format, ...(mapping ? { mapping } : {}) };
  const checked = topicSchema.safeParse(config);
  if (!checked.success)
    throw new PipelineError("CONFIG_INVALID", topic.name, {
      detail: checked.error.issues.map((i) => i.message).join("; "),
    });
  return { ...base, confidence, reason, ...read(sample, checked.data), format, config };
}

const NOTHING = {
  format: null,
  confidence: 0,
  rowsPerRecord: 0,
  rows: { points: 0, histograms: 0, logs: 0, spans: 0 },
  entities: { count: 0, names: [] },
  series: 0,
  timeRangeMs: null,
  rejected: [],
  keying: "unknown",
  config: null,
} as const;

function unknownReason(values: readonly Uint8Array[]): string {
  const first = values[0];
  if (!first) return "the topic holds no records";
  // Confluent's wire format: a zero byte and the number of a schema.
  if (values.every((v) => v.length > 5 && v[0] === 0))
    return `schema registry records (schema ${Buffer.from(first).readUInt32BE(1)}): Avro and registered schemas are not read`;
  return `no format fits; the first record begins ${Buffer.from(first.subarray(0, 16)).toString("hex")}`;
}

/** Decodes the sample as a run would. */
function read({ records }: TopicSample, topic: TopicConfig) {
  const decoder = decoderOf(topic);
  const tables = new Tables();
  const sink = new SignalSink(tables);
  const rows = { points: 0, histograms: 0, logs: 0, spans: 0 };
  const rejected = new Map<string, { code: string; detail: string; rows: number }>();
  const reject = (code: string, detail: string, count: number) => {
    const known = rejected.get(`${code} ${detail}`);
    if (known) known.rows += count;
    else rejected.set(`${code} ${detail}`, { code, detail, rows: count });
  };
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const keys = new KeyCheck();
  for (const { value, key, partition, offset, timestampMs } of records) {
    const record = {
      source: `kafka:${topic.name}/${partition}`,
      position: String(offset),
      ingestTimeMs: timestampMs,
      format: decoder.name,
      value,
    };
    sink.begin(record);
    try {
      decoder.decode(record, sink);
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      sink.begin(record);
      // Without the position, so that the same fault is counted once.
      reject(error.code, error.message.replace(/ at kafka:\S+:/, ":").slice(0, 200), 1);
      continue;
    }
    const { points, histograms, logs, spans } = sink;
    const entities = new Set<number>();
    for (const batch of [points, histograms])
      for (let i = 0; i < batch.length; i++) entities.add(tables.entityOf(batch.seriesIds[i] as number).id);
    for (const batch of [logs, spans])
      for (let i = 0; i < batch.length; i++) entities.add(batch.entityIds[i] as number);
    const [from, to] = sink.timeRangeMs ?? [first, last];
    [first, last] = [Math.min(first, from), Math.max(last, to)];
    for (const name of ["points", "histograms", "logs", "spans"] as const) rows[name] += sink[name].length;
    for (const r of sink.rejected) reject(r.code, r.detail, r.rows);
    keys.see(key, partition, entities);
  }
  const total = rows.points + rows.histograms + rows.logs + rows.spans;
  return {
    rowsPerRecord: records.length === 0 ? 0 : total / records.length,
    rows,
    entities: { count: tables.entities.length, names: tables.entities.slice(0, 10).map((e) => `${e.kind}:${e.name}`) },
    series: tables.seriesCount,
    timeRangeMs: total === 0 ? null : ([first, last] as const),
    rejected: [...rejected.values()].sort((a, b) => b.rows - a.rows),
    keying: keys.verdict(),
  };
}

/** Whether records of one entity have one key and lie in one partition. */
class KeyCheck {
  #homes = new Map<number, Set<string>>();
  #records = 0;
  #unkeyed = 0;
  #mixed = false;

  see(key: Uint8Array | null, partition: number, entities: ReadonlySet<number>): void {
    if (entities.size === 0) return;
    this.#records += 1;
    if (key === null) this.#unkeyed += 1;
    if (entities.size > 1) this.#mixed = true;
    const home = `${partition} ${key === null ? "" : Buffer.from(key).toString("base64")}`;
    for (const e of entities) this.#homes.set(e, (this.#homes.get(e) ?? new Set()).add(home));
  }

  verdict(): Keying {
    if (this.#records > 0 && this.#unkeyed === this.#records) return "none";
    if (this.#mixed || this.#unkeyed > 0 || [...this.#homes.values()].some((h) => h.size > 1)) return "mixed";
    // One entity, or each seen once, would look keyed whatever the key is.
    const again = this.#records > this.#homes.size;
    return this.#homes.size > 1 && again ? "byEntity" : "unknown";
  }
}
