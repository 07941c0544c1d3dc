/** A stage as a consumer group: each partition is a task that commits positions, state and outputs in one transaction. */
import type { Admin, CompressionTypes, Consumer, Kafka, Message, Producer } from "kafkajs";
import type { Clock } from "../../core/clock.ts";
import { PipelineError } from "../../core/errors.ts";
import { stickyAssigner } from "./assigner.ts";
import { readChangelog, reread } from "./changelog.ts";
import { failed, RETRY } from "./client.ts";
import { headersOf } from "./headers.ts";
import { type Produced, type Sealed, Task, type TaskRecord, type TaskStage } from "./task.ts";
import type { Reader, Transport } from "./transport.ts";

export interface GroupOptions {
  readonly kafka: Kafka;
  readonly transport: Transport;
  /** Opens input and changelog topics for restoring; shared by the groups of a process. */
  readonly reader: () => Promise<Reader>;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Compacted, one partition a task. */
  readonly changelog: string;
  readonly stage: (partition: number) => TaskStage;
  readonly clock: Clock;
  readonly compression: CompressionTypes;
  /** Longest time between two commits, ms. */
  readonly commitMs: number;
  /** Time between two writes of the state, ms: bounds what a restart takes in again. */
  readonly stateMs: number;
  /** Silence after which event time goes on by itself, ms; 0 never. */
  readonly tickMs: number;
  readonly sessionMs: number;
  readonly onCommitted?: (outputs: readonly Produced[], task: number) => void;
  readonly onEvent: (event: GroupEvent) => void;
}

export type GroupEvent =
  | { readonly kind: "assigned"; readonly tasks: readonly number[] }
  | { readonly kind: "restoring"; readonly task: number; readonly bytes: number; readonly ofBytes: number }
  | { readonly kind: "restored"; readonly task: number; readonly chunks: number; readonly ms: number }
  | { readonly kind: "kept" | "lost"; readonly task: number }
  | { readonly kind: "retrying"; readonly task: number; readonly error: PipelineError }
  | { readonly kind: "committed"; readonly task: number; readonly ms: number; readonly bytes: number }
  | { readonly kind: "failed"; readonly error: PipelineError };

export interface TaskStatus {
  readonly task: number;
  readonly ready: boolean;
  /** Records that wait in the input, as far as the last fetch told. */
  readonly lag: number;
  readonly stage: TaskStage;
}

export interface Group {
  readonly groupId: string;
  status(): TaskStatus[];
  /** Settles when the group can't go on: never in good order. */
  readonly failed: Promise<never>;
  /** Takes in nothing more, commits with all state, leaves. */
  stop(): Promise<void>;
}

/** Outputs and rereadable input that wait for a commit at most, bytes. */
const PENDING_BYTES = 16 * 1024 * 1024;
const REREAD_BYTES = 256 * 1024 * 1024;
const FETCH_BYTES = 4 * 1024 * 1024;
const MAX_WAIT_MS = 100;
const TIMER_MS = 50;
const REOPEN_MS = 500;
/** A task that fails this often in a row without a commit between has met something that waiting does not mend. */
const MAX_FAILURES = 20;

/** What runs a task in this process, from one assignment to the next. */
interface Seat {
  readonly partition: number;
  task: Task | undefined;
  producer: Producer | undefined;
  /** Commits go one after another. */
  commit: Promise<void>;
  committing: boolean;
  ready: boolean;
  closed: boolean;
  /** As the last successful commit left them; undefined after a failure. */
  committed: ReadonlyMap<string, bigint> | undefined;
  committedMs: number;
  stateMs: number;
  /** Last time anything came, and up to when ticks have told of silence. */
  heardMs: number;
  tickedMs: number;
  /** Newest offset on the broker, by topic. */
  ends: Map<string, bigint>;
  failures: number;
  /** Raised with each generation: what an earlier one began does not count. */
  epoch: number;
}

/**
 * Exactly once over crashes, pauses and rebalances, as measured with this client (docs/kafka.md): one transactional id
 * for each task; at each generation, and after any error, a new producer first (it fences whoever wrote before and
 * settles his last transaction), then the offsets; a fetch that begins beyond what the task expects is sought back.
 */
export async function startGroup(options: GroupOptions): Promise<Group> {
  const { kafka, transport, groupId, topics, clock, onEvent } = options;
  const seats = new Map<number, Seat>();
  let stopping = false;
  let refuse: (error: PipelineError) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  failure.catch(() => {});
  const fail = (error: unknown) => {
    const known = failed(groupId, error);
    onEvent({ kind: "failed", error: known });
    refuse(known);
  };

  const admin: Admin = kafka.admin({ retry: RETRY });
  await admin.connect();
  const consumer: Consumer = kafka.consumer({
    groupId,
    maxWaitTimeInMs: MAX_WAIT_MS,
    maxBytesPerPartition: FETCH_BYTES,
    maxBytes: 4 * FETCH_BYTES,
    sessionTimeout: options.sessionMs,
    rebalanceTimeout: options.sessionMs,
    heartbeatInterval: Math.max(100, Math.min(3000, options.sessionMs / 4)),
    readUncommitted: false,
    retry: { ...RETRY, restartOnFailure: async () => !stopping },
    partitionAssigners: [stickyAssigner(() => [...seats.values()].filter((s) => s.task).map((s) => s.partition))],
  });

  /** kafkajs refuses these between two generations; joining steers anew. */
  const steer = (act: () => void) => {
    try {
      act();
    } catch (error) {
      if (!/Consumer group was not initialized/.test((error as Error).message)) throw error;
    }
  };
  const every = (partition: number) => topics.map((topic) => ({ topic, partitions: [partition] }));

  const newProducer = async (partition: number): Promise<Producer> => {
    const producer = kafka.producer({
      transactionalId: `${groupId}-${partition}`,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: Math.max(10_000, options.sessionMs),
      retry: RETRY,
    });
    try {
      await producer.connect(); // fences
      return producer;
    } catch (error) {
      await producer.disconnect().catch(() => {});
      throw error;
    }
  };

  const drop = async (seat: Seat) => {
    seat.ready = false;
    seat.task = undefined;
    seat.committed = undefined;
    const { producer } = seat;
    seat.producer = undefined;
    await producer?.disconnect().catch(() => {});
  };

  /** True when nobody has committed for this task since we did: our memory is the newest state. */
  const stillOurs = async (seat: Seat): Promise<boolean> => {
    const { task, committed } = seat;
    if (!task || !committed) return false;
    const stored = await admin.fetchOffsets({ groupId, topics: [...topics] });
    for (const { topic, partitions } of stored) {
      const at = partitions.find((p) => p.partition === seat.partition)?.offset ?? "-1";
      if (BigInt(at) !== (committed.get(topic) ?? -1n)) return false;
    }
    return true;
  };

  const open = async (seat: Seat, epoch: number): Promise<void> => {
    const over = () => seat.closed || stopping || seat.epoch !== epoch;
    await seat.commit.catch(() => {});
    const before = seat.producer;
    seat.producer = undefined;
    await before?.disconnect().catch(() => {});
    if (over()) return;
    const producer = await newProducer(seat.partition);
    if (over()) return producer.disconnect();
    seat.producer = producer;
    if (await stillOurs(seat)) onEvent({ kind: "kept", task: seat.partition });
    else {
      const began = clock.nowMs();
      const task = new Task(seat.partition, options.stage(seat.partition));
      const reader = await options.reader();
      const changelog = await readChangelog(transport, reader, options.changelog, seat.partition, (bytes, ofBytes) => {
        onEvent({ kind: "restoring", task: seat.partition, bytes, ofBytes });
        return over();
      });
      if (over()) return;
      await task.restore(
        changelog,
        (topic, from, until) => reread(reader, topic, seat.partition, from, until, over),
        `${options.changelog}/${seat.partition}`,
      );
      if (over()) return;
      seat.task = task;
      seat.committed = new Map(
        topics.flatMap((t) => (task.position(t) === undefined ? [] : [[t, task.position(t) as bigint]])),
      );
      seat.stateMs = clock.nowMs();
      onEvent({ kind: "restored", task: seat.partition, chunks: changelog.size, ms: clock.nowMs() - began });
    }
    seat.heardMs = seat.tickedMs = seat.committedMs = clock.nowMs();
    seat.ready = true;
    for (const topic of topics) {
      const at = seat.task?.position(topic);
      if (at !== undefined) steer(() => consumer.seek({ topic, partition: seat.partition, offset: String(at) }));
      else if (seat.ends.has(topic)) steer(() => consumer.seek({ topic, partition: seat.partition, offset: "-2" }));
    }
    steer(() => consumer.resume(every(seat.partition)));
  };

  /** Opens until it works, the seat is lost, or it has failed too often. */
  const openAgain = async (seat: Seat) => {
    const epoch = ++seat.epoch;
    seat.ready = false;
    steer(() => consumer.pause(every(seat.partition)));
    for (;;) {
      if (seat.closed || stopping || seat.epoch !== epoch) return;
      try {
        await open(seat, epoch);
        return;
      } catch (cause) {
        const error = failed(`${groupId}/${seat.partition}`, cause);
        seat.failures += 1;
        if (!error.retriable || seat.failures >= MAX_FAILURES) return fail(error);
        onEvent({ kind: "retrying", task: seat.partition, error });
        await drop(seat);
        await new Promise((resolve) => setTimeout(resolve, REOPEN_MS * Math.min(seat.failures, 10)));
      }
    }
  };

  const transact = async (seat: Seat, sealed: Sealed): Promise<void> => {
    const producer = seat.producer as Producer;
    const byTopic = new Map<string, Message[]>();
    const put = (topic: string, message: Message) => {
      const list = byTopic.get(topic);
      if (list) list.push(message);
      else byTopic.set(topic, [message]);
    };
    for (const o of sealed.outputs) put(o.topic, messageOf(o));
    for (const [key, value] of sealed.changelog)
      put(options.changelog, { key, value: value === null ? null : asBuffer(value), partition: seat.partition });
    const transaction = await producer.transaction();
    try {
      for (const topicMessages of batches(byTopic))
        await transaction.sendBatch({ topicMessages, acks: -1, compression: options.compression });
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: [...sealed.positions].map(([topic, offset]) => ({
          topic,
          partitions: [{ partition: seat.partition, offset: String(offset) }],
        })),
      });
      await transaction.commit();
    } catch (error) {
      await transaction.abort().catch(() => {});
      throw error;
    }
  };

  const commit = (seat: Seat, withState = false): Promise<void> => {
    const { task, epoch } = seat;
    if (!task || !seat.producer || (!task.changed && !withState)) return seat.commit;
    const now = clock.nowMs();
    const writeState =
      withState || now - seat.stateMs >= options.stateMs || task.rereadBytes >= REREAD_BYTES || task.mustWriteState;
    const sealed = task.seal(writeState);
    seat.committedMs = now;
    if (writeState) seat.stateMs = now;
    seat.committing = true;
    seat.commit = seat.commit.then(async () => {
      try {
        if (seat.epoch !== epoch || seat.task !== task) throw new Error("the task was taken away before the commit");
        await transact(seat, sealed);
        seat.committed = sealed.positions;
        seat.failures = 0;
        onEvent({ kind: "committed", task: seat.partition, ms: clock.nowMs() - now, bytes: sealed.bytes });
        options.onCommitted?.(sealed.outputs, seat.partition);
      } catch (cause) {
        // What was sealed is lost with the task's memory: the stored state and the input have it all.
        if (seat.task === task) {
          seat.failures += 1;
          await drop(seat);
          if (!seat.closed && !stopping && seat.epoch === epoch) {
            onEvent({ kind: "retrying", task: seat.partition, error: failed(`${groupId}/${seat.partition}`, cause) });
            setTimeout(() => void openAgain(seat), REOPEN_MS * Math.min(seat.failures, 10));
          }
        }
        throw cause;
      } finally {
        seat.committing = false;
      }
    });
    seat.commit.catch(() => {});
    return seat.commit;
  };

  const join = (assigned: readonly number[]) => {
    onEvent({ kind: "assigned", tasks: assigned });
    for (const seat of [...seats.values()]) {
      if (assigned.includes(seat.partition)) continue;
      seat.closed = true;
      seats.delete(seat.partition);
      onEvent({ kind: "lost", task: seat.partition });
      void drop(seat);
    }
    for (const partition of assigned) {
      const now = clock.nowMs();
      const seat: Seat = seats.get(partition) ?? {
        partition,
        task: undefined,
        producer: undefined,
        commit: Promise.resolve(),
        committing: false,
        ready: false,
        closed: false,
        committed: undefined,
        committedMs: now,
        stateMs: now,
        heardMs: now,
        tickedMs: now,
        ends: new Map(),
        failures: 0,
        epoch: 0,
      };
      seats.set(partition, seat);
      void openAgain(seat);
    }
  };

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const own = new Set<number>();
    for (const partitions of Object.values(payload.memberAssignment)) for (const p of partitions) own.add(p);
    join([...own].sort((a, b) => a - b));
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart && !stopping) fail(payload.error);
  });
  // Batches of nothing but markers and aborted records are not handed out: they are seen only here.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const seat = seats.get(payload.partition);
    if (payload.batchSize > 0 || !seat?.ready || !seat.task) return;
    const at = seat.task.position(payload.topic) ?? 0n;
    if (BigInt(payload.firstOffset ?? payload.lastOffset) <= at)
      seat.task.reach(payload.topic, BigInt(payload.lastOffset) + 1n);
  });

  const timer = setInterval(() => {
    const now = clock.nowMs();
    for (const seat of seats.values()) {
      if (!seat.ready || seat.committing || !seat.task) continue;
      if (
        options.tickMs > 0 &&
        now - seat.heardMs >= options.tickMs &&
        now - seat.tickedMs >= options.tickMs &&
        caughtUp(seat)
      ) {
        seat.task.tick(now - seat.tickedMs);
        seat.tickedMs = now;
      }
      if (seat.task.changed && now - seat.committedMs >= options.commitMs) void commit(seat);
    }
  }, TIMER_MS);
  const caughtUp = (seat: Seat) =>
    topics.every((t) => {
      const end = seat.ends.get(t);
      return end === undefined || (seat.task?.position(t) ?? 0n) >= end;
    });

  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: async ({ batch, resolveOffset, heartbeat, isStale, pause }) => {
        const { topic, partition } = batch;
        const seat = seats.get(partition);
        const task = seat?.task;
        if (!seat?.ready || !task) {
          pause();
          return;
        }
        if (isStale() || !seats.has(partition)) return;
        const expected = task.position(topic);
        const fetched = BigInt((batch as unknown as { fetchedOffset: string }).fetchedOffset);
        if (expected !== undefined && fetched > expected) {
          steer(() => consumer.seek({ topic, partition, offset: String(expected) }));
          return;
        }
        seat.ends.set(topic, BigInt(batch.highWatermark));
        try {
          for (const m of batch.messages) {
            const record = recordOf(topic, partition, m);
            if (record.offset < (expected ?? 0n)) continue; // a fetch begins with the whole batch that holds the offset
            task.process(record);
          }
          task.reach(topic, BigInt(batch.lastOffset()) + 1n);
        } catch (cause) {
          // What it has done to its state by then must never be committed.
          seat.closed = true;
          await drop(seat);
          fail(new PipelineError("STAGE_FAILED", `${topic}/${partition}`, { detail: (cause as Error).message, cause }));
          return;
        }
        seat.heardMs = seat.tickedMs = clock.nowMs();
        resolveOffset(batch.lastOffset());
        if (seat.heardMs - seat.committedMs >= options.commitMs || task.pendingBytes >= PENDING_BYTES) {
          // One commit on its way, one batch being taken in: never more.
          if (seat.committing) await seat.commit.catch(() => {});
          if (seat.ready && seat.task === task) void commit(seat);
        }
        await heartbeat().catch(() => {}); // a rebalance: the runner sees it too
      },
    });
  } catch (error) {
    clearInterval(timer);
    await consumer.disconnect().catch(() => {});
    await admin.disconnect().catch(() => {});
    throw failed(groupId, error);
  }

  return {
    groupId,
    failed: failure,
    status: () =>
      [...seats.values()].map((seat) => ({
        task: seat.partition,
        ready: seat.ready,
        lag: [...seat.ends].reduce(
          (sum, [t, end]) => sum + Math.max(0, Number(end - (seat.task?.position(t) ?? 0n))),
          0,
        ),
        stage: seat.task?.stage as TaskStage,
      })),
    async stop() {
      if (stopping) return;
      for (const seat of seats.values()) {
        seat.ready = false;
        steer(() => consumer.pause(every(seat.partition)));
      }
      await Promise.all([...seats.values()].map((seat) => commit(seat, true).catch(() => {})));
      stopping = true;
      clearInterval(timer);
      await consumer.disconnect().catch(() => {});
      await Promise.all([...seats.values()].map(drop));
      await admin.disconnect().catch(() => {});
    },
  };
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function messageOf({ key, value, partition, headers, timestampMs }: Produced): Message {
  return {
    key: typeof key === "string" || key === null ? key : asBuffer(key),
    value: typeof value === "string" ? value : asBuffer(value),
    ...(partition === undefined ? {} : { partition }),
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
  };
}

/** kafkajs makes one record batch of all that goes to a partition in one call, and brokers refuse large ones. */
const BATCH_BYTES = 768 * 1024;

function* batches(byTopic: ReadonlyMap<string, Message[]>) {
  for (const [topic, messages] of byTopic) {
    let [from, bytes] = [0, 0];
    for (let i = 0; i < messages.length; i++) {
      const m = messages[i] as Message;
      const size = (m.value?.length ?? 0) + (m.key?.length ?? 0) + 100;
      if (i > from && bytes + size > BATCH_BYTES) {
        yield [{ topic, messages: messages.slice(from, i) }];
        [from, bytes] = [i, 0];
      }
      bytes += size;
    }
    yield [{ topic, messages: messages.slice(from) }];
  }
}

function recordOf(
  topic: string,
  partition: number,
  m: { offset: string; timestamp: string; key: Buffer | null; value: Buffer | null; headers?: object },
): TaskRecord {
  return {
    topic,
    partition,
    offset: BigInt(m.offset),
    timestampMs: Number(m.timestamp),
    key: m.key,
    value: m.value ?? EMPTY,
    headers: headersOf(m.headers),
  };
}
const EMPTY = new Uint8Array(0);
