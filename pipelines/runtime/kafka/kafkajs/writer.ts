/** A transactional producer that holds what `Writer` promises. */
import { type CompressionTypes, type Kafka, type Message, Partitioners } from "kafkajs";
import type { Writer, Written } from "../transport.ts";
import { PRODUCER_RETRY } from "./client.ts";

export async function openWriter(
  kafka: Kafka,
  id: string,
  compression: CompressionTypes,
  timeoutMs: number,
): Promise<Writer> {
  const producer = kafka.producer({
    transactionalId: id,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: timeoutMs,
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    retry: PRODUCER_RETRY,
  });
  const close = () => producer.disconnect().catch(() => {});
  try {
    await producer.connect();
    // kafkajs asks for the transactional id with the first transaction: only that fences. An empty one leaves no trace.
    await (await producer.transaction()).abort();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async commit(records, groupId, partition, positions) {
      const transaction = await producer.transaction();
      try {
        for (const topicMessages of requests(records))
          await transaction.sendBatch({ topicMessages: [topicMessages], acks: -1, compression });
        await transaction.sendOffsets({
          consumerGroupId: groupId,
          topics: [...positions].map(([topic, offset]) => ({
            topic,
            partitions: [{ partition, offset: String(offset) }],
          })),
        });
        await transaction.commit();
      } catch (error) {
        await transaction.abort().catch(() => {});
        throw error;
      }
    },
    close,
  };
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function messageOf({ key, value, partition, headers, timestampMs }: Written): Message {
  return {
    key: typeof key === "string" || key === null ? key : asBuffer(key),
    value: typeof value === "string" || value === null ? value : asBuffer(value),
    partition,
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
  };
}

/** kafkajs makes one record batch of all that goes to a partition in one call, and brokers refuse large ones. */
const BATCH_BYTES = 768 * 1024;

/**
 * One partition in each request: where leaders move between two tries of a request for several, kafkajs leaves out those
 * that have moved to a broker which has answered already.
 */
function* requests(records: Iterable<Written>): Generator<{ topic: string; messages: Message[] }> {
  const byPartition = new Map<string, { topic: string; messages: Message[] }>();
  for (const record of records) {
    const key = `${record.topic}/${record.partition}`;
    const known = byPartition.get(key);
    if (known) known.messages.push(messageOf(record));
    else byPartition.set(key, { topic: record.topic, messages: [messageOf(record)] });
  }
  for (const { topic, messages } of byPartition.values()) {
    let [from, bytes] = [0, 0];
    for (let i = 0; i < messages.length; i++) {
      const m = messages[i] as Message;
      let size = (m.value?.length ?? 0) + (m.key?.length ?? 0) + 100;
      for (const name in m.headers) size += name.length + String(m.headers[name]).length;
      if (i > from && bytes + size > BATCH_BYTES) {
        yield { topic, messages: messages.slice(from, i) };
        [from, bytes] = [i, 0];
      }
      bytes += size;
    }
    yield { topic, messages: messages.slice(from) };
  }
}
