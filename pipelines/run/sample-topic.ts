/** Some records of a topic: the first and the last of each partition. */
import type { FetchedRecord, OffsetRange, Reader, Transport } from "../runtime/kafka/transport.ts";

export interface TopicSample {
  readonly partitions: ReadonlyMap<number, OffsetRange>;
  /** Tombstones left out. */
  readonly records: readonly (FetchedRecord & { readonly partition: number; readonly value: Uint8Array })[];
}

const WAIT_MS = 500;
/** Takes without progress: offsets say that there is something, so a reader that gives nothing is slow, not at the end. */
const MAX_IDLE = 20;

/** About `maxRecords` records and `maxBytes`, at least one where there is one. @throws PipelineError as the transport does */
export async function sampleTopic(
  transport: Transport,
  topic: string,
  { maxRecords = 100, maxBytes = 1024 * 1024 }: { maxRecords?: number; maxBytes?: number } = {},
): Promise<TopicSample> {
  const partitions = await transport.offsets(topic);
  const filled = [...partitions].filter(([, { low, high }]) => high > low);
  if (filled.length === 0) return { partitions, records: [] };
  const looked = filled.slice(0, maxRecords);
  const each = BigInt(Math.max(1, Math.floor(maxRecords / looked.length / 2)));
  const reader = await transport.reader([topic]);
  try {
    const records: (FetchedRecord & { partition: number; value: Uint8Array })[] = [];
    let bytes = 0;
    for (const [partition, { low, high }] of looked) {
      const middle = low + each < high - each ? high - each : low + each;
      for (const [from, to] of [
        [low, low + each],
        [middle, middle + each],
      ] as const) {
        if (bytes >= maxBytes && records.length > 0) break;
        for (const r of await range(reader, topic, partition, from, to < high ? to : high, maxBytes)) {
          if (r.value === null || (bytes >= maxBytes && records.length > 0)) continue;
          bytes += r.value.length;
          records.push({ ...r, partition, value: r.value });
        }
      }
    }
    return { partitions, records };
  } finally {
    await reader.close();
  }
}

/** Records of [from, to): compaction, markers and retention may have left none. */
async function range(reader: Reader, topic: string, partition: number, from: bigint, to: bigint, maxBytes: number) {
  const out: FetchedRecord[] = [];
  let idle = 0;
  for (let at = from, bytes = 0; at < to && bytes < maxBytes && idle < MAX_IDLE; ) {
    const { records, nextOffset } = await reader.take(topic, partition, at, maxBytes - bytes, WAIT_MS);
    for (const r of records) {
      if (r.offset >= to) return out;
      out.push(r);
      bytes += r.value?.length ?? 0;
    }
    idle = nextOffset === at ? idle + 1 : 0;
    at = nextOffset;
  }
  return out;
}
