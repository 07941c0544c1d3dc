/**
 * Bare kafkajs, a process of its own: `eachBatch` over a topic, again and again, with `JSON.parse` of each message
 * (`parse`) or without (`fetch`). Arguments: bootstrap, topic, mode, seconds, seconds of warm-up. Prints one JSON
 * object: what it read after the warm-up.
 */
import { clientOf } from "./fill.ts";

const [bootstrap, topic, mode, seconds, warmUp] = process.argv.slice(2) as [string, string, string, string, string];
const kafka = clientOf(bootstrap, "bare-kafkajs");
const consumer = kafka.consumer({ groupId: `bare-kafkajs-${process.pid}`, maxWaitTimeInMs: 200 });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });

let records = 0;
let bytes = 0;
let sum = 0;
let fromMs = 0;
let firstMs = 0;
let end = () => {};
const ended = new Promise<void>((resolve) => {
  end = resolve;
});
let done = false;
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    if (done) return;
    const nowMs = performance.now();
    firstMs ||= nowMs;
    if (fromMs === 0 && nowMs - firstMs >= Number(warmUp) * 1000) {
      fromMs = nowMs;
      records = 0;
      bytes = 0;
    }
    for (const { value } of batch.messages) {
      if (value === null) continue;
      if (mode === "parse") sum += (JSON.parse(value.toString()) as { value: number }).value;
      bytes += value.length;
    }
    records += batch.messages.length;
    if (BigInt(batch.lastOffset()) + 1n >= BigInt(batch.highWatermark))
      consumer.seek({ topic, partition: batch.partition, offset: "0" });
    const atMs = performance.now();
    if (fromMs === 0 || atMs - fromMs < Number(seconds) * 1000) return;
    done = true;
    process.stdout.write(`${JSON.stringify({ records, bytes, seconds: (atMs - fromMs) / 1000, sum })}\n`);
    end();
  },
});
await ended;
// Leaving the group waits for fetches in flight; nothing is left to keep.
process.exit(0);
