/** A stage as a consumer group: each partition is a task that commits positions, state and outputs in one transaction. */
import { PipelineError } from "../../core/errors.ts";
import { Seat, type SeatEvent, type SeatOptions } from "./seat.ts";
import type { Task, TaskRecord, TaskStage } from "./task.ts";
import type { Batch, Subscription } from "./transport.ts";

export interface GroupOptions extends Omit<SeatOptions, "onEvent"> {
  /** Task p is partition p of all that have one. */
  readonly topics: readonly string[];
  /** Longest time between two commits, ms. */
  readonly commitMs: number;
  /** Silence after which event time goes on by itself, ms; 0 never. */
  readonly tickMs: number;
  /** When retention has deleted what comes next: stop, or go on with a gap. */
  readonly onOffsetLost: "fail" | "earliest";
  readonly onEvent: (event: GroupEvent) => void;
  /** Topics of decisions, not of data: no time passes there, and a record may need something in memory first. */
  readonly decisions?: ReadonlySet<string>;
  /** Records that break no silence: event time goes on as if they had not come. */
  readonly aside?: (record: TaskRecord) => boolean;
}

export type GroupEvent =
  | SeatEvent
  | { readonly kind: "assigned"; readonly tasks: readonly number[] }
  | { readonly kind: "lost"; readonly task: number }
  | { readonly kind: "gap"; readonly task: number; readonly topic: string; readonly from: bigint; readonly to: bigint }
  | { readonly kind: "away" | "failed"; readonly error: PipelineError };

export interface TaskStatus {
  readonly task: number;
  readonly ready: boolean;
  /** Records that wait in the input, as far as the last fetch told. */
  readonly lag: number;
  readonly stage: TaskStage | undefined;
}

export interface Group {
  readonly groupId: string;
  status(): TaskStatus[];
  /** Rejects when the group can't go on. */
  readonly failed: Promise<never>;
  /** Takes in nothing more, commits with all state, leaves. */
  stop(): Promise<void>;
}

/** Outputs that wait for a commit, bytes: more make it due at once. */
const PENDING_BYTES = 16 * 1024 * 1024;
const FETCH_BYTES = 1024 * 1024;
const MAX_WAIT_MS = 100;
const TIMER_MS = 50;
const JOIN_MS = 60_000;

interface Place {
  readonly seat: Seat;
  /** Those that have this partition. */
  topics: readonly string[];
  /** By topic: up to when the task knows what time it is there, by records or by being told of silence. */
  readonly ticked: Map<string, number>;
  /** Newest offset on the broker, by topic. */
  readonly ends: Map<string, bigint>;
}

/**
 * Exactly once over crashes, pauses and rebalances (`test/chaos/kafka/exactly-once.ts`): see `Seat` for how. Here:
 * a fetch that begins beyond what the task expects is sought back, what lies before it is dropped.
 */
export async function startGroup(options: GroupOptions): Promise<Group> {
  const { groupId, topics, clock, onEvent, sessionMs } = options;
  const places = new Map<number, Place>();
  let stopping = false;
  let refuse: (error: PipelineError) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  failure.catch(() => {});
  const fail = (cause: unknown) => {
    const error =
      cause instanceof PipelineError
        ? cause
        : new PipelineError("KAFKA_FAILED", groupId, { detail: (cause as Error).message, cause });
    onEvent({ kind: "failed", error });
    refuse(error);
  };
  const open = (place: Place) => {
    const { seat } = place;
    if (stopping || places.get(seat.partition) !== place) return;
    for (const topic of place.topics) subscription?.pause(topic, seat.partition);
    const ready = (task: Task) => {
      for (const topic of place.topics) {
        place.ticked.set(topic, clock.nowMs());
        subscription?.seek(topic, seat.partition, task.position(topic) ?? "earliest");
        subscription?.resume(topic, seat.partition);
      }
    };
    seat.open(ready).catch(fail);
  };
  const commit = (place: Place) => place.seat.commit(() => open(place));

  const join = (assigned: ReadonlyMap<number, readonly string[]>) => {
    onEvent({ kind: "assigned", tasks: [...assigned.keys()].sort((a, b) => a - b) });
    for (const [partition, { seat }] of [...places]) {
      if (assigned.has(partition)) continue;
      places.delete(partition);
      onEvent({ kind: "lost", task: partition });
      void seat.close();
    }
    for (const [partition, own] of assigned) {
      const place = places.get(partition) ?? {
        seat: new Seat(partition, options),
        topics: own,
        ticked: new Map(),
        ends: new Map(),
      };
      place.topics = own;
      places.set(partition, place);
      open(place);
    }
  };

  /** What came is not where the task stands: sought back, unless that offset is gone for good. */
  const beyond = async (topic: string, partition: number, expected: bigint, end: bigint): Promise<void> => {
    const where = `${topic}/${partition}@${expected}`;
    try {
      const low = (await options.transport.offsets(topic)).get(partition)?.low ?? 0n;
      const task = places.get(partition)?.seat.task;
      if (!task || task.position(topic) !== expected) return;
      if (low <= expected && end >= expected) return subscription?.seek(topic, partition, expected);
      const detail =
        end < expected
          ? `the topic ends at ${end}: was it deleted and created again?`
          : `retention has deleted what comes before ${low}`;
      if (options.onOffsetLost === "fail" || end < expected) {
        const hint =
          "longer retention, or onOffsetLost: earliest to go on with a gap; a topic made anew needs a new prefix";
        throw new PipelineError("SOURCE_UNREADABLE", where, { detail, hint });
      }
      onEvent({ kind: "gap", task: partition, topic, from: expected, to: low });
      task.reach(topic, low);
      subscription?.seek(topic, partition, low);
    } catch (error) {
      if (error instanceof PipelineError && error.retriable) return; // the broker is away: the next fetch asks again
      fail(error);
    }
  };

  const onBatch = async (batch: Batch) => {
    const { topic, partition, end } = batch;
    const place = places.get(partition);
    const task = place?.seat.task;
    // Fetched before the task was ready, or before a seek: what is here is not what was asked for.
    if (!place || !task || batch.stale) return;
    const position = task.position(topic);
    if (position !== undefined && (batch.from > position || end < position)) {
      await beyond(topic, partition, position, end);
      return;
    }
    if (options.decisions?.has(topic)) {
      for (const record of batch.records(position ?? 0n)) await task.stage.prepare?.(record);
      // While that went on the task may have become another's.
      if (places.get(partition) !== place || place.seat.task !== task || task.position(topic) !== position) return;
    }
    place.ends.set(topic, end);
    let heard = batch.length === 0;
    try {
      for (const record of batch.records(position ?? 0n)) {
        task.process(record);
        heard ||= !options.aside?.(record);
      }
      task.reach(topic, batch.next);
    } catch (cause) {
      // What it has done to its state by then must never be committed.
      places.delete(partition);
      void place.seat.close();
      fail(new PipelineError("STAGE_FAILED", `${topic}/${partition}`, { detail: (cause as Error).message, cause }));
      return;
    }
    if (heard) place.ticked.set(topic, clock.nowMs());
    batch.taken();
    if (clock.nowMs() - place.seat.committedMs >= options.commitMs || task.pendingBytes >= PENDING_BYTES) {
      // One commit on its way while one batch is taken in, never more: a slow broker holds us up.
      const before = place.seat.committing ? commit(place) : undefined;
      if (before === undefined) void commit(place);
      await before?.catch(() => {});
    }
    await batch.heartbeat();
  };

  let subscription: Subscription | undefined;
  subscription = await options.transport.subscribe({
    groupId,
    topics,
    sessionMs,
    maxWaitMs: MAX_WAIT_MS,
    fetchBytes: FETCH_BYTES,
    joinMs: JOIN_MS,
    holds: () => [...places].filter(([, p]) => p.seat.holdsState).map(([partition]) => partition),
    onAssigned: (assigned, own) => {
      subscription = own;
      const tasks = new Map<number, string[]>();
      for (const [topic, partitions] of assigned)
        for (const p of partitions) tasks.set(p, [...(tasks.get(p) ?? []), topic]);
      join(tasks);
    },
    onBatch,
    onNothing: (topic, partition, first, next) => {
      const task = places.get(partition)?.seat.task;
      if (task && first <= (task.position(topic) ?? 0n)) task.reach(topic, next);
    },
    onTrouble: (error) => {
      // Without a group nothing is ours for certain; what is in memory may still prove to be the newest.
      for (const { seat } of places.values()) seat.pause();
      onEvent({ kind: "away", error });
    },
    onEnd: fail,
  });

  const timer = setInterval(() => {
    const now = clock.nowMs();
    for (const place of places.values()) {
      const { seat } = place;
      const { task } = seat;
      if (!task || seat.committing) continue;
      // Silence is what brokers have said, not what we have not heard: one that is away may have a lot to say.
      const silentTo = subscription?.heardUpToMs() ?? 0;
      for (const topic of options.tickMs > 0 ? place.topics : []) {
        if (options.decisions?.has(topic)) continue;
        const silentMs = silentTo - (place.ticked.get(topic) ?? silentTo);
        if (silentMs < options.tickMs || (task.position(topic) ?? 0n) < (place.ends.get(topic) ?? 0n)) continue;
        task.tick(topic, silentMs);
        place.ticked.set(topic, silentTo);
      }
      if (task.changed && now - seat.committedMs >= options.commitMs) void commit(place).catch(() => {});
    }
  }, TIMER_MS);

  return {
    groupId,
    failed: failure,
    status: () =>
      [...places].map(([partition, { seat, ends }]) => ({
        task: partition,
        ready: seat.task !== undefined,
        lag: [...ends].reduce((sum, [t, end]) => sum + Math.max(0, Number(end - (seat.task?.position(t) ?? 0n))), 0),
        stage: seat.stage,
      })),
    async stop() {
      if (stopping) return;
      stopping = true;
      clearInterval(timer);
      await Promise.all([...places.values()].map(({ seat }) => seat.leave()));
      await subscription?.close();
    },
  };
}
