/** What the runtime needs of Kafka. A client library stays behind this: `kafkajs/` is one. */
import type { PipelineError } from "../../core/errors.ts";
import type { Produced, TaskRecord } from "./task.ts";

export interface FetchedRecord {
  readonly offset: bigint;
  /** As the topic is set up: when it was created, or when the broker appended it. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  /** null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Committed records only. The end is what the next fetch would begin at: markers and aborted records are passed over. */
export interface Fetched {
  readonly records: readonly FetchedRecord[];
  readonly nextOffset: bigint;
}

/** Reads single partitions from offsets that the caller keeps; nothing is ever committed to the group. */
export interface Reader {
  /**
   * About `maxBytes` of records from `offset` on; waits up to `waitMs` for the first. Reading on from the last
   * `nextOffset` is sequential, any other offset seeks. Holds at most `bufferBytes` and one fetch for each partition.
   */
  take(topic: string, partition: number, offset: bigint, maxBytes: number, waitMs: number): Promise<Fetched>;
  close(): Promise<void>;
}

export interface OffsetRange {
  readonly low: bigint;
  /** One past the last. */
  readonly high: bigint;
}

/** Of one partition, as it was fetched: committed records only. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
  /** Offset that was asked for. */
  readonly from: bigint;
  /** Offset after the last record, or after the markers and aborted records behind it. */
  readonly next: bigint;
  /** One past the newest on the broker. */
  readonly end: bigint;
  readonly length: number;
  /** Those at or after an offset: a fetch begins with the whole record batch that holds the offset asked for. */
  records(from: bigint): Iterable<TaskRecord>;
  /** Whether another offset was sought since: then this is not what was asked for. */
  readonly stale: boolean;
  /** Taken in: the next fetch goes on after it. What is not taken in comes again. */
  taken(): void;
  /** To be awaited after long work. Never rejects: a rebalance is seen elsewhere. */
  heartbeat(): Promise<void>;
}

/** Membership in a group. Positions are the caller's: after each assignment he seeks. */
export interface Subscription {
  seek(topic: string, partition: number, offset: bigint | "earliest"): void;
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** All brokers have answered a fetch that began after this time, ms since the epoch: what they had then was handed out. */
  heardUpToMs(): number;
  close(): Promise<void>;
}

export interface SubscribeOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionMs: number;
  /** How long a broker waits for data before it answers a fetch, ms. */
  readonly maxWaitMs: number;
  /** Asked of a partition at a time, bytes. */
  readonly fetchBytes: number;
  /** A first join that takes longer than this is an error, ms. */
  readonly joinMs: number;
  /** Partitions whose state is in memory here: they stay while that is fair. Partition p of all topics is one task. */
  readonly holds: () => readonly number[];
  /** By topic, at each generation, before anything is fetched: what was sought or paused is forgotten. */
  readonly onAssigned: (assigned: ReadonlyMap<string, readonly number[]>, subscription: Subscription) => void;
  /** One at a time for each partition. */
  readonly onBatch: (batch: Batch) => Promise<void>;
  /** Markers, aborted and deleted records `[first, next)`, of which `onBatch` is not told. */
  readonly onNothing: (topic: string, partition: number, first: bigint, next: bigint) => void;
  /** The group is lost and will be joined again. */
  readonly onTrouble: (error: PipelineError) => void;
  /** It will not: refused, not merely away. */
  readonly onEnd: (error: PipelineError) => void;
}

/** As `Produced`; null deletes in a compacted topic. */
export type Written = Omit<Produced, "value"> & { readonly value: Uint8Array | string | null };

/** One transaction after another, under an id that only one may have. */
export interface Writer {
  /**
   * Records, and the positions of the group in partition `partition` of each topic: all or nothing. After a rejection
   * it is unknown which, and the writer is of no more use; whoever opens the id next finds it settled.
   */
  commit(
    records: Iterable<Written>,
    groupId: string,
    partition: number,
    positions: ReadonlyMap<string, bigint>,
  ): Promise<void>;
  close(): Promise<void>;
}

/** Throws PipelineError KAFKA_..., retriable where the broker may come back. */
export interface Transport {
  /** By partition. @throws PipelineError naming the topics there are when this one is missing */
  offsets(topic: string): Promise<ReadonlyMap<number, OffsetRange>>;
  /** By partition, the offset of the first record at or after a time as the broker knows it; the end where there is none. */
  offsetsAt(topic: string, timeMs: number): Promise<ReadonlyMap<number, bigint>>;
  reader(topics: readonly string[], options?: { bufferBytes?: number }): Promise<Reader>;
  /** Resolves when all in-sync replicas have them. */
  produce(
    topic: string,
    records: readonly {
      key?: Uint8Array | null;
      value: Uint8Array | null;
      /** Without one, any that is up. */
      partition?: number;
      timestampMs?: number;
      headers?: Readonly<Record<string, string>>;
    }[],
  ): Promise<void>;
  /** Resolves once whoever had the id before is fenced and his last transaction settled: what is read then stays. */
  writer(id: string, options: { timeoutMs: number }): Promise<Writer>;
  /** Resolves once it has joined. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  close(): Promise<void>;
}
