/** Single partitions from offsets that the caller keeps. */
import type { Kafka } from "kafkajs";
import type { FetchedRecord } from "../transport.ts";
import { failed, MAX_WAIT_MS } from "./client.ts";
import { lastingConsumer } from "./consumer.ts";
import { headersOf } from "./headers.ts";

/** After a broker's death its coordinator waits for the member it knew for this long. The group is ours alone. */
const SESSION_MS = 10_000;
/** A broker that has just started refuses groups for a moment. */
const JOIN_MS = 30_000;

interface Buffered {
  records: FetchedRecord[];
  bytes: number;
  /** Where the buffer ends, and how far it has been taken; undefined until somebody has asked for this partition. */
  next: bigint | undefined;
  taken: bigint | undefined;
  wake: () => void;
  /** Settles when nobody is taking. */
  turn: Promise<unknown>;
}

/** In a group of its own, for kafkajs assigns partitions only through one. */
export async function startReader(
  kafka: Kafka,
  groupId: string,
  topics: readonly string[],
  bufferBytes: number,
  where: string,
) {
  const parts = new Map<string, Buffered>();
  const partOf = (topic: string, partition: number): Buffered => {
    const id = `${topic}/${partition}`;
    const known = parts.get(id) ?? {
      records: [],
      bytes: 0,
      next: undefined,
      taken: undefined,
      wake: () => {},
      turn: Promise.resolve(),
    };
    parts.set(id, known);
    return known;
  };
  let end: { readonly cause: unknown } | undefined;
  const consumer = await lastingConsumer({
    kafka,
    topics,
    where,
    joinMs: JOIN_MS,
    config: { groupId, maxWaitTimeInMs: MAX_WAIT_MS, sessionTimeout: SESSION_MS, heartbeatInterval: SESSION_MS / 4 },
    onJoin: (assigned, own) => {
      for (const [topic, partitions] of assigned)
        for (const partition of partitions) {
          const { next, bytes } = partOf(topic, partition);
          if (next !== undefined) own.seek(topic, partition, next);
          if (next === undefined || bytes >= bufferBytes) own.pause(topic, partition);
        }
    },
    eachBatch: async ({ batch, pause, isStale, resolveOffset }) => {
      const { topic, partition } = batch;
      const part = partOf(topic, partition);
      // Nobody has said where to begin, or a seek came between: what is here is not what was asked for.
      if (part.next === undefined || isStale()) return;
      for (const m of batch.messages) {
        const offset = BigInt(m.offset);
        if (offset < part.next) continue; // a fetch begins with the whole batch that holds the offset
        const { key, value } = m;
        part.records.push({ offset, timestampMs: Number(m.timestamp), key, value, headers: headersOf(m.headers) });
        part.bytes += sizeOf(m);
      }
      const next = BigInt(batch.lastOffset()) + 1n;
      if (next > part.next) part.next = next;
      resolveOffset(batch.lastOffset());
      if (part.bytes >= bufferBytes) pause();
      part.wake();
    },
    onNothing: (topic, partition, first, next) => {
      const part = partOf(topic, partition);
      if (part.next === undefined || first > part.next || next <= part.next) return;
      part.next = next;
      part.wake();
    },
    onEnd: (_, cause) => {
      end = { cause };
      for (const part of parts.values()) part.wake();
    },
  });

  const takeNow = async (topic: string, partition: number, offset: bigint, maxBytes: number, waitMs: number) => {
    const part = partOf(topic, partition);
    if (part.taken !== offset) {
      Object.assign(part, { records: [], bytes: 0, next: offset, taken: offset });
      consumer.seek(topic, partition, offset);
      consumer.resume(topic, partition);
    }
    if (part.records.length === 0) {
      const began = part.next;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        part.wake = () => {
          if (part.records.length === 0 && part.next === began && end === undefined) return;
          clearTimeout(timer);
          resolve();
        };
        part.wake();
      });
    }
    if (end) throw failed(`${where}/${topic}/${partition}@${offset}`, end.cause);
    let [count, bytes] = [0, 0];
    while (count < part.records.length && (count === 0 || bytes < maxBytes))
      bytes += sizeOf(part.records[count++] as FetchedRecord);
    const records = part.records.splice(0, count);
    part.bytes -= bytes;
    if (part.bytes < bufferBytes / 2) consumer.resume(topic, partition);
    const nextOffset = part.records[0]?.offset ?? (part.next as bigint);
    part.taken = nextOffset;
    return { records, nextOffset };
  };
  return {
    /** One at a time for each partition: two readers of one would each take for gone what the other has got. */
    take(topic: string, partition: number, offset: bigint, maxBytes: number, waitMs: number) {
      const part = partOf(topic, partition);
      const taken = part.turn.then(() => takeNow(topic, partition, offset, maxBytes, waitMs));
      part.turn = taken.catch(() => {});
      return taken;
    },
    close: () => consumer.close(),
  };
}

const sizeOf = ({ key, value }: { key: Uint8Array | null; value: Uint8Array | null }) =>
  (key?.length ?? 0) + (value?.length ?? 0) + 100;
