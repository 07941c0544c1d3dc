/** What the partitions of topics hold, as sources: a past range, read like files. */
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Source } from "../../core/source.ts";
import type { FetchedRecord, OffsetRange, Reader, Transport } from "./transport.ts";

export interface TopicRangeOptions {
  readonly transport: Transport;
  readonly topics: readonly { readonly name: string; readonly format: string }[];
  /** What to do when retention has deleted the offset to go on from: stop with an error, or begin at the earliest. */
  readonly onOffsetLost: "fail" | "earliest";
  readonly onWarning?: (text: string) => void;
  /** Only records that arrived from about then, up to then: what the broker's index finds. */
  readonly arrived?: { readonly fromMs?: number | undefined; readonly toMs?: number | undefined };
  /** Only these offsets of every topic; partitions that are not named are left out. */
  readonly offsets?: readonly PartitionRange[] | undefined;
}

/** Offsets `[from, to)` of one partition, or of every one. */
export interface PartitionRange {
  readonly partition?: number | undefined;
  readonly from: bigint;
  readonly to: bigint;
}

const WAIT_MS = 1000;

/**
 * A source for each partition, from its first record to what was its last when this was called, so that a run ends and
 * a run over the same range is the same run. Positions are offsets, and are committed with state and outputs: each
 * record counts exactly once, whatever the group's offsets say. Throws SOURCE_UNREADABLE.
 */
export async function topicRange({
  transport,
  topics,
  arrived = {},
  offsets,
  ...options
}: TopicRangeOptions): Promise<Source[]> {
  const found: [{ name: string; format: string }, number, OffsetRange][] = [];
  for (const topic of topics) {
    const at = async (timeMs: number | undefined) =>
      timeMs === undefined ? undefined : await transport.offsetsAt(topic.name, timeMs);
    const [first, end] = [await at(arrived.fromMs), await at(arrived.toMs)];
    for (const [partition, whole] of await transport.offsets(topic.name)) {
      let range = cut(whole, first?.get(partition), end?.get(partition));
      if (offsets) {
        const wanted = offsets.find((o) => o.partition === undefined || o.partition === partition);
        if (!wanted) continue;
        range = cut(range, wanted.from, wanted.to);
      }
      found.push([topic, partition, range]);
    }
  }
  let reader: Promise<Reader> | undefined;
  const open = () => {
    reader ??= transport.reader(topics.map((t) => t.name));
    reader.catch(() => {
      reader = undefined;
    });
    return reader;
  };
  let left = found.length;
  const release = async () => {
    left -= 1;
    if (left === 0) await transport.close();
  };
  const lowOf = async (topic: string, partition: number) => (await transport.offsets(topic)).get(partition)?.low ?? 0n;
  return found.map(([topic, partition, range]) =>
    partitionSource({ topic, partition, range, open, lowOf, release, options }),
  );
}

/** What of a range lies in another; empty at its end where nothing does. */
function cut({ low, high }: OffsetRange, from = low, to = high): OffsetRange {
  const first = from > high ? high : from > low ? from : low;
  const end = to < high ? to : high;
  return { low: first, high: end > first ? end : first };
}

interface Part {
  readonly topic: { readonly name: string; readonly format: string };
  readonly partition: number;
  readonly range: OffsetRange;
  readonly open: () => Promise<Reader>;
  /** Where the partition begins by now. */
  readonly lowOf: (topic: string, partition: number) => Promise<bigint>;
  readonly release: () => Promise<void>;
  readonly options: Pick<TopicRangeOptions, "onOffsetLost" | "onWarning">;
}

function partitionSource({ topic, partition, range, open, lowOf, release, options }: Part): Source {
  const name = `kafka:${topic.name}/${partition}`;
  /** Further than any record where the range ends in markers or deleted records. */
  let reached = { after: range.low, next: range.low };
  let lostAt: bigint | undefined;
  let closed = false;

  /** Once for each offset. @throws PipelineError unless going on with a gap is wanted */
  const lost = (offset: bigint, text: string) => {
    const detail = `offset ${offset} is gone, ${text}`;
    if (options.onOffsetLost === "fail")
      throw new PipelineError("SOURCE_UNREADABLE", name, {
        detail,
        hint: "longer retention, or onOffsetLost: earliest to go on with a gap",
      });
    if (lostAt !== offset) options.onWarning?.(`${name}: ${detail}`);
    lostAt = offset;
  };
  const offsetOf = (position: string | undefined): bigint => {
    if (position === undefined) return range.low;
    if (!/^\d{1,19}$/.test(position))
      throw new PipelineError("STATE_MISMATCH", name, { detail: `${position.slice(0, 40)} is not an offset` });
    const offset = BigInt(position);
    if (offset >= range.low && offset <= range.high) return offset;
    if (offset < range.low) lost(offset, `the topic begins at ${range.low}`);
    else lost(offset, `the topic ends at ${range.high}: was it deleted and created again?`);
    return range.low;
  };
  const ahead = (offset: bigint) => (reached.after === offset && reached.next > offset ? reached.next : offset);

  /** A gap may be compaction and markers, or what retention has taken since the range was opened. */
  const checkGap = async (at: bigint): Promise<bigint> => {
    const low = await lowOf(topic.name, partition);
    if (low <= at) return at;
    lost(at, `the topic begins at ${low} by now`);
    return low;
  };
  /** Nothing came: where the range goes on, if retention has taken what was next. A broker that is away may come back. */
  const checkSilence = (at: bigint): Promise<bigint> =>
    checkGap(at).catch((error: unknown) => {
      if (!(error instanceof PipelineError && error.retriable)) throw error;
      options.onWarning?.(`${name}: waiting: ${error.message}`);
      return at;
    });

  return {
    name,
    grows: true,
    async read(position, maxBytes) {
      const from = offsetOf(position);
      const records: RawRecord[] = [];
      for (let at = ahead(from); records.length === 0 && at < range.high; ) {
        const { records: fetched, nextOffset } = await (await open()).take(
          topic.name,
          partition,
          at,
          maxBytes,
          WAIT_MS,
        );
        const gap = gapIn(fetched, at, nextOffset);
        if (gap !== undefined) await checkGap(gap);
        for (const { offset, timestampMs, value } of fetched) {
          // A tombstone says nothing; the position moves on with the next record.
          if (value === null || offset >= range.high) continue;
          records.push({
            source: name,
            position: String(offset + 1n),
            // The record's own time, not ours: a second run over the range sees the same arrival.
            ingestTimeMs: timestampMs,
            format: topic.format,
            value,
          });
        }
        const next = nextOffset === at ? await checkSilence(at) : nextOffset;
        if (next === at) break;
        at = next;
        const last = records.at(-1);
        reached = { after: last ? BigInt(last.position) : from, next: at };
      }
      return records;
    },
    async finished(position) {
      return ahead(offsetOf(position)) >= range.high;
    },
    async close() {
      if (closed) return;
      closed = true;
      await release();
    },
  };
}

/** The first offset from `at` on that was not delivered, if any. */
function gapIn(records: readonly FetchedRecord[], at: bigint, nextOffset: bigint): bigint | undefined {
  let expected = at;
  for (const { offset } of records) {
    if (offset !== expected) return expected;
    expected += 1n;
  }
  return nextOffset === expected ? undefined : expected;
}
