/** kafkajs behind our interface. */
import { randomUUID } from "node:crypto";
import { type Admin, type Consumer, Partitioners, type Producer } from "kafkajs";
import { PipelineError } from "../../core/errors.ts";
import type { KafkaConnection } from "../../core/kafka-config.ts";
import { clusterOf, compressionOf, failed, kafkaClient, MAX_WAIT_MS, PRODUCER_RETRY, RETRY } from "./client.ts";
import type { FetchedRecord, OffsetRange, Reader, Transport } from "./transport.ts";

const BUFFER_BYTES = 8 * 1024 * 1024;
/** After a broker's death its coordinator waits for the member it knew for this long. The group is ours alone. */
const SESSION_MS = 10_000;
/** A broker that has just started refuses groups for a moment. */
const JOIN_MS = 30_000;

/** Connects when first used. */
export function kafkajsTransport(connection: KafkaConnection): Transport {
  const where = clusterOf(connection);
  const kafka = kafkaClient(connection);
  let admin: Promise<Admin> | undefined;
  let producer: Promise<Producer> | undefined;
  const readers = new Set<Reader>();
  const connected = async <T extends { connect(): Promise<void> }>(client: T): Promise<T> => {
    await client.connect();
    return client;
  };
  const guarded = <T>(work: () => Promise<T>): Promise<T> =>
    work().catch((error: unknown) => {
      throw failed(where, error);
    });
  const administer = () => {
    admin ??= connected(kafka.admin({ retry: RETRY }));
    admin.catch(() => {
      admin = undefined;
    });
    return admin;
  };

  return {
    offsets: (topic) =>
      guarded(async () => {
        const client = await administer();
        const topics = await client.listTopics();
        if (!topics.includes(topic)) {
          const shown = topics.filter((t) => !t.startsWith("__")).sort();
          throw new PipelineError("KAFKA_UNKNOWN_TOPIC", `${where}/${topic}`, {
            hint:
              shown.length > 0
                ? `there are ${shown.slice(0, 20).join(", ")}, as far as we may see`
                : "we may see no topic at all",
          });
        }
        const out = new Map<number, OffsetRange>();
        for (const { partition, low, high } of await client.fetchTopicOffsets(topic))
          out.set(partition, { low: BigInt(low), high: BigInt(high) });
        return new Map([...out].sort(([a], [b]) => a - b));
      }),
    reader: (topics, { bufferBytes = BUFFER_BYTES } = {}) =>
      guarded(async () => {
        // A group of its own: kafkajs assigns partitions only through one. Offsets are the caller's.
        const groupId = `${connection.clientId ?? "faultwright"}-reader-${randomUUID()}`;
        const consumer = kafka.consumer({
          groupId,
          maxWaitTimeInMs: MAX_WAIT_MS,
          sessionTimeout: SESSION_MS,
          heartbeatInterval: SESSION_MS / 4,
          allowAutoTopicCreation: false,
          retry: RETRY,
        });
        const reader = await startReader(consumer, topics, bufferBytes, where).catch(async (error) => {
          await consumer.disconnect();
          throw error;
        });
        const own: Reader = {
          take: reader.take,
          close: async () => {
            readers.delete(own);
            await reader.close();
            await (await administer()).deleteGroups([groupId]).catch(() => {});
          },
        };
        readers.add(own);
        return own;
      }),
    produce: (topic, records) =>
      guarded(async () => {
        producer ??= connected(
          kafka.producer({
            idempotent: true,
            createPartitioner: Partitioners.DefaultPartitioner,
            allowAutoTopicCreation: false,
            retry: PRODUCER_RETRY,
          }),
        );
        const messages = records.map(({ key, value, partition, timestampMs }) => ({
          key: key ? Buffer.from(key) : null,
          value: value ? Buffer.from(value) : null,
          ...(partition === undefined ? {} : { partition }),
          ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
        }));
        await (await producer).send({ topic, messages, acks: -1, compression: compressionOf(connection) });
      }),
    async close() {
      for (const r of [...readers]) await r.close().catch(() => {});
      const clients = await Promise.allSettled([admin, producer]);
      for (const c of clients) if (c.status === "fulfilled") await c.value?.disconnect();
    },
  };
}

interface Buffered {
  records: FetchedRecord[];
  bytes: number;
  /** Where the buffer ends, and how far it has been taken; undefined until somebody has asked for this partition. */
  next: bigint | undefined;
  taken: bigint | undefined;
  wake: () => void;
}

async function startReader(consumer: Consumer, topics: readonly string[], bufferBytes: number, where: string) {
  const parts = new Map<string, Buffered>();
  const partOf = (topic: string, partition: number): Buffered => {
    const id = `${topic}/${partition}`;
    const known = parts.get(id) ?? { records: [], bytes: 0, next: undefined, taken: undefined, wake: () => {} };
    parts.set(id, known);
    return known;
  };
  /** kafkajs refuses these while it is between two groups; joining steers anew. */
  const steer = (act: () => void) => {
    try {
      act();
    } catch (error) {
      if (!/Consumer group was not initialized/.test((error as Error).message)) throw error;
    }
  };
  let crash: Error | undefined;
  let refused = new Error(`no group within ${JOIN_MS} ms`);
  const joined = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(refused), JOIN_MS).unref();
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      refused = payload.error;
      if (payload.restart) return;
      crash = payload.error;
      clearTimeout(timer);
      reject(crash); // means nothing once it has joined
      for (const p of parts.values()) p.wake();
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      for (const [topic, partitions] of Object.entries(payload.memberAssignment))
        for (const partition of partitions) {
          const { next, bytes } = partOf(topic, partition);
          if (next !== undefined) consumer.seek({ topic, partition, offset: String(next) });
          if (next === undefined || bytes >= bufferBytes) consumer.pause([{ topic, partitions: [partition] }]);
        }
      clearTimeout(timer);
      resolve();
    });
  });
  joined.catch(() => {});
  // Batches of nothing but markers and aborted records are not handed out: they are seen only here.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0) return;
    const part = partOf(payload.topic, payload.partition);
    const [first, end] = [BigInt(payload.firstOffset ?? payload.lastOffset), BigInt(payload.lastOffset) + 1n];
    if (part.next === undefined || first > part.next || end <= part.next) return;
    part.next = end;
    part.wake();
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, pause, isStale }) => {
      const part = partOf(batch.topic, batch.partition);
      // Nobody has said where to begin, or a seek came between: what is here is not what was asked for.
      if (part.next === undefined || isStale()) return;
      const end = BigInt(batch.lastOffset()) + 1n;
      for (const m of batch.messages) {
        const offset = BigInt(m.offset);
        if (offset < part.next) continue; // a fetch begins with the whole batch that holds the offset
        part.records.push({ offset, timestampMs: Number(m.timestamp), key: m.key, value: m.value });
        part.bytes += (m.key?.length ?? 0) + (m.value?.length ?? 0) + 100;
      }
      if (end > part.next) part.next = end;
      if (part.bytes >= bufferBytes) pause();
      part.wake();
    },
  });
  await joined;

  return {
    async take(topic: string, partition: number, offset: bigint, maxBytes: number, waitMs: number) {
      const part = partOf(topic, partition);
      if (part.taken !== offset) {
        Object.assign(part, { records: [], bytes: 0, next: offset, taken: offset });
        steer(() => {
          consumer.seek({ topic, partition, offset: String(offset) });
          consumer.resume([{ topic, partitions: [partition] }]);
        });
      }
      if (part.records.length === 0) {
        const began = part.next;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs);
          part.wake = () => {
            if (part.records.length === 0 && part.next === began && crash === undefined) return;
            clearTimeout(timer);
            resolve();
          };
          part.wake();
        });
      }
      if (crash) throw failed(`${where}/${topic}/${partition}@${offset}`, crash);
      let [count, bytes] = [0, 0];
      while (count < part.records.length && (count === 0 || bytes < maxBytes)) {
        const r = part.records[count++] as FetchedRecord;
        bytes += (r.key?.length ?? 0) + (r.value?.length ?? 0) + 100;
      }
      const records = part.records.splice(0, count);
      part.bytes -= bytes;
      if (part.bytes < bufferBytes / 2) steer(() => consumer.resume([{ topic, partitions: [partition] }]));
      const nextOffset = part.records[0]?.offset ?? (part.next as bigint);
      part.taken = nextOffset;
      return { records, nextOffset };
    },
    close: () => consumer.disconnect(),
  };
}
