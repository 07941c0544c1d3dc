/** A stage that shows each record lost, repeated or out of order: every output holds the count and a hash of all before. */
import type { Produced, TaskRecord, TaskStage } from "../../../pipelines/runtime/kafka/task.ts";

const BLOCKS = 16;

export function countingStage(outputTopic: string, partition: number): TaskStage {
  const counts = new Map<string, [n: number, hash: number]>();
  const dirty = new Set<number>();
  const blockOf = (key: string) => (key.charCodeAt(key.length - 1) ?? 0) % BLOCKS;
  let ticks = 0;
  return {
    name: "counting",
    version: 1,
    process(record: TaskRecord, produce: (p: Produced) => void) {
      const key = Buffer.from(record.key ?? []).toString();
      const [n, hash] = counts.get(key) ?? [0, 0];
      let h = (hash * 31 + Number(record.offset % 1000003n)) % 2147483647;
      for (const b of record.value) h = (h * 31 + b) % 2147483647;
      counts.set(key, [n + 1, h]);
      dirty.add(blockOf(key));
      produce({ topic: outputTopic, partition, key, value: `${n + 1} ${h}` });
    },
    tick() {
      ticks += 1;
    },
    snapshot(put, full = false) {
      for (let b = 0; b < BLOCKS; b++)
        if (full || dirty.has(b))
          put(String(b), Buffer.from(JSON.stringify([...counts].filter(([key]) => blockOf(key) === b))));
      put("ticks", Buffer.from(String(ticks)));
      dirty.clear();
    },
    restore(chunks) {
      for (const [name, bytes] of chunks)
        if (name === "ticks") ticks = Number(Buffer.from(bytes).toString());
        else
          for (const [key, v] of JSON.parse(Buffer.from(bytes).toString()) as [string, [number, number]][])
            counts.set(key, v);
    },
  };
}
