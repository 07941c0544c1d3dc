/**
 * How long a task's state takes to come back from its changelog: `npx tsx test/bench/restore.ts [--mb 1024] [--chunk-kb 350]`.
 * A real broker on this machine; chunks of numbers as the detector writes them, lz4.
 */
import { parseArgs } from "node:util";
import { readChangelog } from "../../pipelines/runtime/kafka/changelog.ts";
import { kafkaClient } from "../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { startBroker } from "../broker/broker.ts";
import { randomOf } from "../chaos/signals.ts";

const { values } = parseArgs({
  options: { mb: { type: "string", default: "1024" }, "chunk-kb": { type: "string", default: "350" } },
});
const bytes = Number(values.mb) * 1024 * 1024;
const chunkBytes = Number(values["chunk-kb"]) * 1024;
const broker = await startBroker();
const connection = { brokers: [broker.bootstrap], compression: "lz4" as const };
const transport = kafkajsTransport(connection);
const admin = kafkaClient(connection).admin();
try {
  await admin.connect();
  const configEntries = [{ name: "cleanup.policy", value: "compact" }];
  await admin.createTopics({ topics: [{ topic: "state", numPartitions: 1, configEntries }] });
  const random = randomOf(1);
  const count = Math.ceil(bytes / chunkBytes);
  for (let i = 0; i < count; i += 2) {
    const records = Array.from({ length: Math.min(2, count - i) }, (_, k) => {
      const numbers = Float64Array.from({ length: chunkBytes / 8 }, () => Math.fround(random() * 100));
      return { key: Buffer.from(`detect/${i + k}#0`), value: Buffer.from(numbers.buffer), partition: 0 };
    });
    await transport.produce("state", records);
  }
  const began = performance.now();
  const reader = await transport.reader(["state"]);
  const joinedMs = performance.now() - began;
  const chunks = await readChangelog(transport, reader, "state", 0);
  const seconds = (performance.now() - began - joinedMs) / 1000;
  let read = 0;
  for (const chunk of chunks.values()) read += chunk.length;
  const mb = read / 1024 / 1024;
  process.stdout.write(
    `${JSON.stringify({ mb: Math.round(mb), chunks: chunks.size, joinMs: Math.round(joinedMs), seconds: Number(seconds.toFixed(2)), mbPerSecond: Math.round(mb / seconds), rssMb: Math.round(process.memoryUsage.rss() / 1024 / 1024) })}\n`,
  );
  await reader.close();
} finally {
  await transport.close();
  await admin.disconnect();
  await broker.stop();
}
