/** Membership in a group, as `SubscribeOptions` describe it. */
import type { EachBatchPayload, Kafka, KafkaMessage } from "kafkajs";
import type { TaskRecord } from "../task.ts";
import type { Batch, SubscribeOptions, Subscription } from "../transport.ts";
import { stickyAssigner } from "./assigner.ts";
import { lastingConsumer } from "./consumer.ts";
import { headersOf } from "./headers.ts";

export function subscribe(kafka: Kafka, options: SubscribeOptions): Promise<Subscription> {
  const { groupId, topics, sessionMs, fetchBytes, joinMs, onBatch } = options;
  return lastingConsumer({
    kafka,
    topics,
    where: groupId,
    joinMs,
    config: {
      groupId,
      maxWaitTimeInMs: options.maxWaitMs,
      maxBytesPerPartition: fetchBytes,
      maxBytes: 8 * fetchBytes,
      sessionTimeout: sessionMs,
      rebalanceTimeout: sessionMs,
      heartbeatInterval: Math.max(100, Math.min(3000, sessionMs / 4)),
      partitionAssigners: [stickyAssigner(options.holds)],
    },
    onJoin: options.onAssigned,
    eachBatch: (payload) => onBatch(batchOf(payload)),
    onNothing: options.onNothing,
    onTrouble: options.onTrouble,
    onEnd: options.onEnd,
  });
}

function batchOf({ batch, isStale, resolveOffset, heartbeat }: EachBatchPayload): Batch {
  const { topic, partition, messages } = batch;
  const last = batch.lastOffset();
  return {
    topic,
    partition,
    // kafkajs does not tell it in its types.
    from: BigInt((batch as unknown as { fetchedOffset: string }).fetchedOffset),
    next: BigInt(last) + 1n,
    end: BigInt(batch.highWatermark),
    length: messages.length,
    *records(from) {
      let reached = false;
      for (const m of messages) {
        reached ||= BigInt(m.offset) >= from;
        if (reached) yield new Received(topic, partition, m);
      }
    },
    get stale() {
      return isStale();
    },
    taken: () => resolveOffset(last),
    heartbeat: () => heartbeat().catch(() => {}),
  };
}

/** There may be one for each point: what is seldom asked for is made then. */
class Received implements TaskRecord {
  readonly #message: KafkaMessage;
  readonly topic: string;
  readonly partition: number;
  readonly timestampMs: number;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;

  constructor(topic: string, partition: number, message: KafkaMessage) {
    this.#message = message;
    this.topic = topic;
    this.partition = partition;
    this.timestampMs = Number(message.timestamp);
    this.value = message.value ?? EMPTY;
    this.headers = headersOf(message.headers);
  }
  get offset(): bigint {
    return BigInt(this.#message.offset);
  }
  get key(): Uint8Array | null {
    return this.#message.key;
  }
}
const EMPTY = new Uint8Array(0);
