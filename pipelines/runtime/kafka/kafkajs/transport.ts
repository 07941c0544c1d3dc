/** kafkajs behind our interface. */
import { randomUUID } from "node:crypto";
import { type Admin, Partitioners, type Producer } from "kafkajs";
import { PipelineError } from "../../../core/errors.ts";
import type { KafkaConnection } from "../../../core/kafka-config.ts";
import { call } from "../../../tolerance/policies.ts";
import type { OffsetRange, Reader, Transport } from "../transport.ts";
import { clusterOf, compressionOf, failed, kafkaClient, PRODUCER_RETRY, RETRY } from "./client.ts";
import { startReader } from "./reader.ts";
import { subscribe } from "./subscription.ts";
import { openWriter } from "./writer.ts";

const BUFFER_BYTES = 8 * 1024 * 1024;

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
  const guarded = <T>(policy: "admin" | "produce", work: () => Promise<T>): Promise<T> =>
    call({ policy, destination: where, code: "KAFKA_UNREACHABLE" }, () =>
      work().catch((error: unknown) => {
        throw failed(where, error);
      }),
    );
  const administer = () => {
    admin ??= connected(kafka.admin({ retry: RETRY }));
    admin.catch(() => {
      admin = undefined;
    });
    return admin;
  };

  return {
    offsets: (topic) =>
      guarded("admin", async () => {
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
    offsetsAt: (topic, timeMs) =>
      guarded("admin", async () => {
        const found = await (await administer()).fetchTopicOffsetsByTimestamp(topic, Math.floor(timeMs));
        return new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]));
      }),
    reader: (topics, { bufferBytes = BUFFER_BYTES } = {}) =>
      guarded("admin", async () => {
        // A group of its own: kafkajs assigns partitions only through one. Offsets are the caller's.
        const groupId = `${connection.clientId ?? "faultwright"}-reader-${randomUUID()}`;
        const reader = await startReader(kafka, groupId, topics, bufferBytes, where);
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
      guarded("produce", async () => {
        producer ??= connected(
          kafka.producer({
            idempotent: true,
            createPartitioner: Partitioners.DefaultPartitioner,
            allowAutoTopicCreation: false,
            retry: PRODUCER_RETRY,
          }),
        );
        const messages = records.map(({ key, value, partition, timestampMs, headers }) => ({
          key: key ? Buffer.from(key) : null,
          value: value ? Buffer.from(value) : null,
          ...(partition === undefined ? {} : { partition }),
          ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
          ...(headers === undefined ? {} : { headers: { ...headers } }),
        }));
        // One partition in each request, as in writer.ts.
        const parts = new Map<number | object, typeof messages>();
        for (const m of messages) {
          const part = m.partition ?? m;
          const own = parts.get(part);
          if (own) own.push(m);
          else parts.set(part, [m]);
        }
        const client = await producer;
        for (const own of parts.values())
          await client.send({ topic, messages: own, acks: -1, compression: compressionOf(connection) });
      }),
    async writer(id, { timeoutMs }) {
      const say = (error: unknown): never => {
        throw failed(id, error);
      };
      const { commit, close } = await openWriter(kafka, id, compressionOf(connection), timeoutMs).catch(say);
      return { commit: (...what) => commit(...what).catch(say), close };
    },
    subscribe: (options) => subscribe(kafka, options),
    async close() {
      for (const r of [...readers]) await r.close().catch(() => {});
      const clients = await Promise.allSettled([admin, producer]);
      for (const c of clients) if (c.status === "fulfilled") await c.value?.disconnect();
    },
  };
}
