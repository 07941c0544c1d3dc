/** A kafkajs consumer that comes back: its own restart ends the process when the broker is still away. */
import type { Consumer, ConsumerConfig, EachBatchPayload, Kafka } from "kafkajs";
import { PipelineError } from "../../../core/errors.ts";
import { backoff } from "../../../tolerance/backoff.ts";
import type { Subscription } from "../transport.ts";
import { failed, RETRY } from "./client.ts";

export interface ConsumerOptions {
  readonly kafka: Kafka;
  readonly config: Omit<ConsumerConfig, "retry" | "readUncommitted">;
  readonly topics: readonly string[];
  readonly where: string;
  /** A first join that takes longer than this is an error, ms. */
  readonly joinMs: number;
  /** Assigned partitions by topic, at each generation, before anything is fetched: what was sought or paused is forgotten. */
  readonly onJoin: (assigned: ReadonlyMap<string, readonly number[]>, consumer: Subscription) => void;
  readonly eachBatch: (payload: EachBatchPayload) => Promise<void>;
  /** Markers, aborted and deleted records `[first, next)`, of which `eachBatch` is not told. */
  readonly onNothing: (topic: string, partition: number, first: bigint, next: bigint) => void;
  /** It has lost its group and will be back. */
  readonly onTrouble?: (error: PipelineError) => void;
  /** It will not be back: refused, not merely away. */
  readonly onEnd: (error: PipelineError, cause: unknown) => void;
}

const FETCH_BYTES = 1024 * 1024;
const LEAST_FETCH_BYTES = 16 * 1024;
const AGAIN = { firstMs: 500, longestMs: 5000 };
/** Refusals without a batch between that count as final: a broker that is starting refuses for a moment. */
const REFUSALS = 10;
/** What is there will not change by asking again. */
const FINAL: readonly string[] = ["KAFKA_BAD_BATCH", "LIMIT_BYTES"];

/** Resolves once it has joined. Only committed records, nothing committed by itself. */
export async function lastingConsumer(options: ConsumerOptions): Promise<Subscription> {
  const { kafka, topics, where } = options;
  /** The one that has joined, and the one that is there at all: joining takes a while. */
  let current: Consumer | undefined;
  let made: Consumer | undefined;
  let closing = false;
  let wake = () => {};
  let closed: Promise<void> | undefined;
  let refusals = 0;
  /** By broker: when the fetch under way began, and when the last that was answered had begun. */
  const fetching = new Map<number, number>();
  const answered = new Map<number, number>();

  /** Refused between two groups; joining steers anew. */
  const steer = (act: (consumer: Consumer) => void) => {
    try {
      if (current) act(current);
    } catch (error) {
      if (!/Consumer group was not initialized/.test((error as Error).message)) throw error;
    }
  };
  const own: Subscription = {
    seek: (topic, partition, offset) =>
      steer((c) => c.seek({ topic, partition, offset: offset === "earliest" ? "-2" : String(offset) })),
    pause: (topic, partition) => steer((c) => c.pause([{ topic, partitions: [partition] }])),
    resume: (topic, partition) => steer((c) => c.resume([{ topic, partitions: [partition] }])),
    heardUpToMs: () => (answered.size === fetching.size ? Math.min(...answered.values()) : 0),
    close: () => {
      closed ??= (async () => {
        closing = true;
        wake();
        current = undefined;
        await made?.disconnect().catch(() => {});
      })();
      return closed;
    },
  };

  /** One life: resolves with the error that ended it; `joined` is told at most once a life. */
  const live = async (joined: () => void): Promise<never> => {
    const { maxBytesPerPartition = FETCH_BYTES } = options.config;
    const consumer = kafka.consumer({
      ...options.config,
      maxBytesPerPartition: Math.max(LEAST_FETCH_BYTES, maxBytesPerPartition >> halvings),
      readUncommitted: false,
      allowAutoTopicCreation: false,
      retry: { ...RETRY, restartOnFailure: async () => false },
    });
    made = consumer;
    let crash: Error | undefined;
    let crashes: (error: Error) => void = () => {};
    const crashed = new Promise<never>((_, reject) => {
      crashes = reject;
    });
    crashed.catch(() => {});
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      crash ??= payload.error;
      crashes(crash);
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (closing) return;
      current = consumer;
      fetching.clear();
      answered.clear();
      options.onJoin(new Map(Object.entries(payload.memberAssignment)), own);
      joined();
    });
    consumer.on(consumer.events.FETCH_START, ({ payload, timestamp }) => {
      fetching.set(payload.nodeId, timestamp);
    });
    consumer.on(consumer.events.FETCH, ({ payload }) => {
      const began = fetching.get(payload.nodeId);
      if (began !== undefined) answered.set(payload.nodeId, began);
    });
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize > 0) return;
      const { topic, partition, firstOffset, lastOffset } = payload;
      options.onNothing(topic, partition, BigInt(firstOffset ?? lastOffset), BigInt(lastOffset) + 1n);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 64,
        eachBatch: (payload) => {
          refusals = 0;
          return options.eachBatch(payload);
        },
      });
      return await crashed;
    } catch (error) {
      throw crash ?? error; // what is thrown after a crash is only its echo
    } finally {
      if (current === consumer) current = undefined;
      // Leaves the group where it can; a broker that is away is not waited for.
      void consumer.disconnect().catch(() => {});
    }
  };

  let hasJoined = false;
  let halvings = 0;
  let last: PipelineError | undefined;
  let settle: (error?: PipelineError) => void = () => {};
  const first = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  first.catch(() => {});
  const timer = setTimeout(
    () => settle(last ?? failed(where, new Error(`no group within ${options.joinMs} ms`))),
    options.joinMs,
  );
  void (async () => {
    const again = backoff(AGAIN);
    while (!closing) {
      try {
        await live(() => {
          hasJoined = true;
          again.reset();
          settle();
        });
      } catch (cause) {
        if (closing) return;
        last = await withTopics(failed(where, cause), options);
        // kafkajs spreads the records of an answer over the stack: some hundred thousand small ones are too many for it.
        if (isOverflow(cause)) {
          halvings += 1;
          continue;
        }
        refusals = last.retriable ? 0 : refusals + 1;
        if (!last.retriable && (!hasJoined || FINAL.includes(last.code) || refusals > REFUSALS)) {
          settle(last);
          options.onEnd(last, cause);
          return;
        }
        options.onTrouble?.(last);
        await new Promise<void>((resolve) => {
          const waiting = setTimeout(resolve, again.next());
          wake = () => {
            clearTimeout(waiting);
            resolve();
          };
        });
      }
    }
  })();
  try {
    await first;
    return own;
  } catch (error) {
    await own.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Brokers say that a topic is not there, but not which: it may have been deleted while it was read. */
async function withTopics(error: PipelineError, { kafka, topics, where }: ConsumerOptions): Promise<PipelineError> {
  if (error.code !== "KAFKA_UNKNOWN_TOPIC") return error;
  const admin = kafka.admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const missing = topics.filter((t) => !there.has(t));
    if (missing.length === 0) return error;
    return new PipelineError(error.code, where, {
      detail: `there is no topic ${missing.join(", ")}`,
      hint: "if it was deleted: what had been read of it is kept, and one made anew needs a new prefix",
      retriable: true,
      cause: error,
    });
  } catch {
    return error;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

function isOverflow(cause: unknown): boolean {
  for (let e = cause; e instanceof Error; e = e.cause)
    if (e instanceof RangeError || /Maximum call stack/.test(e.message)) return true;
  return false;
}
