/** For the test of the measurement: reads what the config names, at a steady pace, commits, and goes on until stopped. */
import { readFileSync } from "node:fs";
import kafkajs from "kafkajs";
import { decompressFrameSync } from "lz4-napi";
import { parse } from "yaml";

kafkajs.CompressionCodecs[kafkajs.CompressionTypes.LZ4] = () => ({
  compress: () => Promise.reject(new Error("reads only")),
  decompress: async (bytes) => decompressFrameSync(bytes),
});
const config = parse(readFileSync(process.argv[process.argv.indexOf("--config") + 1], "utf8"));
const { brokers, topics } = config.runtime;
const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING, retry: { initialRetryTime: 20 } });
const consumer = kafka.consumer({ groupId: "steady", maxWaitTimeInMs: 100 });
await consumer.connect();
await consumer.subscribe({ topic: topics[0].name, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ topic, partition, message }) => {
    const next = Number(message.offset) + 1;
    if (next % 100 !== 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await consumer.commitOffsets([{ topic, partition, offset: String(next) }]);
  },
});
process.once("SIGTERM", () => process.exit(0));
