/** A task's stored state: one partition of a compacted topic. */
import { PipelineError } from "../../core/errors.ts";
import { PROGRESS, type TaskRecord } from "./task.ts";
import type { Reader, Transport } from "./transport.ts";

const READ_BYTES = 4 * 1024 * 1024;
const WAIT_MS = 1000;
/** Nothing for this long although the broker says that there is more. */
const PATIENCE_MS = 30_000;

/**
 * The newest value of each key, read to the end. The writer must have been fenced before: only then does the end stay.
 * `onProgress` is told of records, of how many; it may answer true to give up. Memory: the state, twice for a moment.
 */
export async function readChangelog(
  transport: Transport,
  reader: Reader,
  topic: string,
  partition: number,
  onProgress: (records: number, ofRecords: number) => boolean = () => false,
): Promise<Map<string, Uint8Array>> {
  const range = (await transport.offsets(topic)).get(partition);
  if (range === undefined)
    throw new PipelineError("SOURCE_UNREADABLE", `${topic}/${partition}`, { detail: "no such partition" });
  const newest = new Map<string, Uint8Array>();
  for await (const { key, value, offset } of readRange(reader, topic, partition, range.low, range.high)) {
    const name = Buffer.from(key ?? []).toString("utf8");
    if (value === null) newest.delete(name);
    else newest.set(name, value);
    if (Number(offset) % 1000 === 0 && onProgress(Number(offset - range.low), Number(range.high - range.low))) break;
  }
  return newest;
}

/** Records at the end that are looked through for the last commit: others' aborted ones may follow it. */
const TAIL = 200n;

/** What the last commit ended with; undefined when it lies further back than one would look. */
export async function newestProgress(
  transport: Transport,
  reader: Reader,
  topic: string,
  partition: number,
): Promise<Uint8Array | undefined> {
  const { low, high } = (await transport.offsets(topic)).get(partition) ?? { low: 0n, high: 0n };
  let newest: Uint8Array | undefined;
  const from = high - TAIL > low ? high - TAIL : low;
  for await (const { key, value } of readRange(reader, topic, partition, from, high))
    if (value !== null && Buffer.from(key ?? []).toString("utf8") === PROGRESS) newest = value;
  return newest;
}

/** Input that was taken in before, again. @throws PipelineError when retention has deleted part of it */
export async function* reread(
  reader: Reader,
  topic: string,
  partition: number,
  from: bigint,
  until: bigint,
  over: () => boolean,
): AsyncGenerator<TaskRecord> {
  for await (const r of readRange(reader, topic, partition, from, until)) {
    if (over()) return;
    const { offset, timestampMs, key, value, headers } = r;
    yield { topic, partition, offset, timestampMs, key, value: value ?? new Uint8Array(0), headers };
  }
}

async function* readRange(reader: Reader, topic: string, partition: number, from: bigint, until: bigint) {
  let at = from;
  let waitedMs = 0;
  while (at < until) {
    const { records, nextOffset } = await reader.take(topic, partition, at, READ_BYTES, WAIT_MS);
    for (const r of records) if (r.offset < until) yield r;
    waitedMs = nextOffset > at ? 0 : waitedMs + WAIT_MS;
    if (waitedMs > PATIENCE_MS)
      throw new PipelineError("SOURCE_UNREADABLE", `${topic}/${partition}@${at}`, {
        detail: `nothing came for ${PATIENCE_MS / 1000} s, though the partition goes on to ${until}`,
        retriable: true,
      });
    at = nextOffset;
  }
}
