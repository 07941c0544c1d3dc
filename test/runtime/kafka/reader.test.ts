import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readChangelog } from "../../../pipelines/runtime/kafka/changelog.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";

describe.skipIf(skipWithoutBroker())("a reader that several share", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker();
  }, 60_000);
  afterAll(() => broker?.stop());

  it("gives the whole partition to each of two who read it at the same time", async () => {
    const connection = { brokers: [broker.bootstrap], compression: "lz4" as const };
    const transport = kafkajsTransport(connection);
    const admin = kafkaClient(connection).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "shared", numPartitions: 1 }] });
    const records = Array.from({ length: 3000 }, (_, i) => ({
      key: Buffer.from(`k${i}`),
      value: Buffer.alloc(2000, i % 256),
      partition: 0,
    }));
    for (let i = 0; i < records.length; i += 200) await transport.produce("shared", records.slice(i, i + 200));
    const reader = await transport.reader(["shared"]);
    const all = await Promise.all([1, 2, 3].map(() => readChangelog(transport, reader, "shared", 0)));
    expect(all.map((chunks) => chunks.size)).toEqual([3000, 3000, 3000]);
    await transport.close();
    await admin.disconnect();
  }, 60_000);
});
