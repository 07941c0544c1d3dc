import { setTimeout as sleep } from "node:timers/promises";
import type { Admin } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { ensureTopics } from "../../../pipelines/runtime/kafka/kafkajs/topics.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Cluster, skipWithoutBroker, startCluster } from "../../broker/broker.ts";

describe.skipIf(skipWithoutBroker())("three brokers", () => {
  let cluster: Cluster;
  let admin: Admin;

  beforeAll(async () => {
    cluster = await startCluster();
    admin = kafkaClient({ brokers: [...cluster.brokers] }).admin();
    await admin.connect();
  }, 180_000);
  afterAll(async () => {
    await admin?.disconnect();
    await cluster?.stop();
  });

  it("lose nothing that was acknowledged when the leader is killed, and take it back", async () => {
    const config = { "min.insync.replicas": "2" };
    await ensureTopics(admin, [{ name: "kept", partitions: 1, replication: 3, config }]);
    const leaderOf = async () =>
      (await admin.fetchTopicMetadata({ topics: ["kept"] })).topics[0]?.partitions[0]?.leader as number;
    const transport = kafkajsTransport({ brokers: [...cluster.brokers] });
    const value = (i: number) => Buffer.from(String(i));
    let acknowledged = 0;
    /** Idempotent, one batch after the other: what fails for good was tried for longer than a leader takes to change. */
    const write = async (batches: number) => {
      for (let b = 0; b < batches; b++) {
        const records = Array.from({ length: 10 }, (_, i) => ({ value: value(acknowledged + i), partition: 0 }));
        await transport.produce("kept", records);
        acknowledged += records.length;
      }
    };
    await write(20);
    const dead = (await leaderOf()) - 1;
    await cluster.kill(dead);
    await write(20);
    expect(await leaderOf()).not.toBe(dead + 1);
    await cluster.start(dead);
    const inSync = async () =>
      (await admin.fetchTopicMetadata({ topics: ["kept"] })).topics[0]?.partitions[0]?.isr.length;
    for (const until = Date.now() + 30_000; (await inSync()) !== 3 && Date.now() < until; ) await sleep(100);
    expect(await inSync()).toBe(3);

    const reader = await transport.reader(["kept"]);
    const read: string[] = [];
    for (let offset = 0n; read.length < acknowledged; ) {
      const got = await reader.take("kept", 0, offset, 1e6, 5000);
      if (got.nextOffset === offset) break;
      read.push(...got.records.map((r) => Buffer.from(r.value ?? []).toString()));
      offset = got.nextOffset;
    }
    expect(read).toEqual(Array.from({ length: acknowledged }, (_, i) => String(i)));
    await transport.close();
  }, 120_000);
});
