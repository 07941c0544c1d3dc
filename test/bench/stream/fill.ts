/**
 * Fills a topic with the benchmark's load. Alone, against any broker:
 * `npx tsx test/bench/stream/fill.ts --brokers 127.0.0.1:9092 --topic otlp_metrics [--format json] [--points 1000000]
 * [--series 10000] [--partitions 2] [--step-ms 1000]`.
 */
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import kafkajs, { type Message, type Producer } from "kafkajs";
import { written } from "./codec.ts";
import { jsonRecords, type LoadRecord, otlpRecords, POINTS_PER_RECORD } from "./load.ts";

const { CompressionTypes, Kafka, logLevel, Partitioners } = kafkajs;

/** Uncompressed bytes of a producer's batch: what clients of Kafka collect by default in 5 to 10 ms of such load. */
const BATCH_BYTES = 512 * 1024;
/** Of a record batch, before its compressed records. */
const BATCH_HEAD_BYTES = 61;

export interface Topic {
  readonly name: string;
  readonly format: "otlp" | "json";
  readonly points: number;
  readonly series: number;
  readonly partitions: number;
  readonly stepMs: number;
}

export interface Filled extends Topic {
  readonly records: number;
  readonly pointsPerRecord: number;
  /** Values only, uncompressed: what consumers of Kafka count. */
  readonly valueBytes: number;
  /** As the broker stores and sends it. */
  readonly wireBytes: number;
}

export const clientOf = (bootstrap: string, clientId = "bench") =>
  new Kafka({
    brokers: [bootstrap],
    clientId,
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 8 },
  });

/** Creates the topic and writes `points` points, the last of them some seconds old. */
export async function fill(bootstrap: string, topic: Topic, say: (text: string) => void = () => {}): Promise<Filled> {
  const kafka = clientOf(bootstrap);
  const admin = kafka.admin();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
  await Promise.all([admin.connect(), producer.connect()]);
  try {
    const { name, format, points, series, partitions, stepMs } = topic;
    const configEntries = [{ name: "retention.ms", value: "-1" }];
    await admin.createTopics({ topics: [{ topic: name, numPartitions: partitions, configEntries }] });
    const steps = Math.ceil(points / series);
    // Ends before now: windows of the future would wait for arrival.
    const startMs = Math.floor((Date.now() - 60_000 - steps * stepMs) / 60_000) * 60_000;
    const pointsPerRecord = format === "otlp" ? POINTS_PER_RECORD : 1;
    const records = Math.ceil(points / pointsPerRecord);
    const load = { series, partitions, stepMs, startMs };
    const stream = format === "otlp" ? otlpRecords(load) : jsonRecords(load);
    const before = { ...written };
    const valueBytes = await send(producer, name, partitions, take(stream, records), (n) =>
      say(`${name}: ${((n * pointsPerRecord) / 1e6).toFixed(1)} of ${(points / 1e6).toFixed(1)} M points written`),
    );
    const wireBytes = written.packedBytes - before.packedBytes + BATCH_HEAD_BYTES * (written.batches - before.batches);
    return { ...topic, points: records * pointsPerRecord, records, pointsPerRecord, valueBytes, wireBytes };
  } finally {
    await Promise.allSettled([admin.disconnect(), producer.disconnect()]);
  }
}

function* take<T>(from: Iterable<T>, n: number): Generator<T> {
  let i = 0;
  for (const x of from) {
    if (i++ >= n) return;
    yield x;
  }
}

async function send(
  producer: Producer,
  topic: string,
  partitions: number,
  records: Iterable<LoadRecord>,
  onProgress: (records: number) => void,
): Promise<number> {
  const open = Array.from({ length: partitions }, () => ({ messages: [] as Message[], bytes: 0 }));
  let total = 0;
  let sent = 0;
  let nextSay = 0;
  let inFlight: Promise<unknown> = Promise.resolve();
  const flush = async (p: (typeof open)[number]) => {
    const { messages } = p;
    if (messages.length === 0) return;
    p.messages = [];
    p.bytes = 0;
    await inFlight;
    inFlight = producer.send({ topic, messages, acks: -1, compression: CompressionTypes.LZ4 });
    inFlight.catch(() => {}); // awaited before the next
    sent += messages.length;
    if (performance.now() > nextSay) {
      onProgress(sent);
      nextSay = performance.now() + 5000;
    }
  };
  for (const { partition, key, timestampMs, value } of records) {
    const p = open[partition]!;
    p.messages.push({ partition, key, timestamp: String(timestampMs), value });
    p.bytes += value.length;
    total += value.length;
    if (p.bytes >= BATCH_BYTES) await flush(p);
  }
  for (const p of open) await flush(p);
  await inFlight;
  return total;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values: v } = parseArgs({
    options: {
      brokers: { type: "string" },
      topic: { type: "string", default: "otlp_metrics" },
      format: { type: "string", default: "otlp" },
      points: { type: "string", default: "1000000" },
      series: { type: "string", default: "10000" },
      partitions: { type: "string", default: "2" },
      "step-ms": { type: "string", default: "1000" },
    },
  });
  if (v.brokers === undefined) throw new Error("--brokers HOST:PORT is missing");
  const topic: Topic = {
    name: v.topic,
    format: v.format === "json" ? "json" : "otlp",
    points: Number(v.points),
    series: Number(v.series),
    partitions: Number(v.partitions),
    stepMs: Number(v["step-ms"]),
  };
  const filled = await fill(v.brokers, topic, (text) => void process.stderr.write(`${text}\n`));
  process.stdout.write(`${JSON.stringify(filled)}\n`);
}
