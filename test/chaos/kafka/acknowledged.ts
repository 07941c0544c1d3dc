/** Writes to the input whose acknowledgement is logged, and what the committed output shows of them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DeadLetter } from "../../../pipelines/core/records.ts";
import type { Transport } from "../../../pipelines/runtime/kafka/transport.ts";

export interface Written {
  readonly partition: number;
  /** When its writing began. */
  readonly writtenMs: number;
  /** Undefined until the broker has said so: what was not acknowledged may be there or not. */
  acknowledgedMs?: number;
  /** When the committed output first showed it, and how often it did. */
  seenMs?: number;
  times: number;
}

/**
 * One record a partition every `paceMs`, each of a line of metrics and one that nobody can read: its dead letter shows that the
 * record was taken in.
 */
export function writeOn(
  transport: Transport,
  { topic, partitions, paceMs }: { readonly topic: string; readonly partitions: number; readonly paceMs: number },
) {
  const log = new Map<number, Written>();
  let on = true;
  const done = (async () => {
    while (on) {
      const timeMs = Date.now();
      const batch = Array.from({ length: partitions }, (_, partition) => ({ n: log.size + partition, partition }));
      for (const { n, partition } of batch) log.set(n, { partition, writtenMs: timeMs, times: 0 });
      const records = batch.map(({ n, partition }) => ({
        ...{ partition, key: Buffer.from(`s${partition}`) },
        value: Buffer.from(
          `${JSON.stringify({ time: timeMs, service: `s${partition}`, metric: "queue", value: n % 7 })}\n{"time": torn ${n}\n`,
        ),
      }));
      await transport.produce(topic, records);
      for (const { n } of batch) (log.get(n) as Written).acknowledgedMs = Date.now();
      await sleep(paceMs);
    }
  })();
  done.catch(() => {});
  return {
    log: log as ReadonlyMap<number, Written>,
    acknowledged: () => [...log.values()].filter((w) => w.acknowledgedMs !== undefined),
    async stop() {
      on = false;
      await done;
    },
  };
}

/** Follows the committed dead letters from the beginning on, and notes in the log what they show. */
export async function follow(
  transport: Transport,
  {
    topic,
    partitions,
    log,
  }: { readonly topic: string; readonly partitions: number; log: ReadonlyMap<number, Written> },
) {
  const reader = await transport.reader([topic]);
  const newest = new Map<number, number>();
  let on = true;
  const loops = Array.from({ length: partitions }, async (_, partition) => {
    for (let offset = 0n; on; ) {
      const { records, nextOffset } = await reader.take(topic, partition, offset, 1 << 20, 100);
      offset = nextOffset;
      const nowMs = Date.now();
      for (const r of records) {
        const { payload } = JSON.parse(Buffer.from(r.value ?? []).toString()) as DeadLetter;
        const n = Number(/torn (\d+)/.exec(Buffer.from(payload, "base64").toString())?.[1]);
        const written = log.get(n);
        if (written === undefined) throw new Error(`a dead letter of what was never written: ${n}`);
        written.times += 1;
        written.seenMs ??= nowMs;
        newest.set(partition, written.writtenMs);
      }
    }
  });
  const failed = Promise.all(loops);
  failed.catch(() => {});
  return {
    /** When the newest that was seen of a partition was written. */
    newestMs: (partition: number) => newest.get(partition) ?? 0,
    async stop() {
      on = false;
      await failed;
      await reader.close();
    },
  };
}
