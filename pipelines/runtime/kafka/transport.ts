/** What the runtime needs of Kafka: offsets, a reader, a producer. A client library stays behind this. */

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

/** Throws PipelineError KAFKA_..., retriable where the broker may come back. */
export interface Transport {
  /** By partition. @throws PipelineError naming the topics there are when this one is missing */
  offsets(topic: string): Promise<ReadonlyMap<number, OffsetRange>>;
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
  close(): Promise<void>;
}
