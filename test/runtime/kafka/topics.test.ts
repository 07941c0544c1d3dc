import type { Admin } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { ensureTopics, type TopicSpec } from "../../../pipelines/runtime/kafka/kafkajs/topics.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";

const TOPIC = 2; // what kafkajs calls ConfigResourceTypes.TOPIC
const spec = (name: string, rest: Partial<TopicSpec> = {}): TopicSpec => ({
  name,
  partitions: 2,
  replication: 1,
  config: { "cleanup.policy": "delete", "retention.ms": "3600000", "min.insync.replicas": "1" },
  ...rest,
});
const config = (changes: Record<string, string>) => ({ config: { ...spec("").config, ...changes } });

describe.skipIf(skipWithoutBroker())("topics", () => {
  let broker: Broker;
  let admin: Admin;
  const settings = async (name: string) => {
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: TOPIC, name }] });
    return Object.fromEntries(resources[0]!.configEntries.map((e) => [e.configName, e.configValue]));
  };

  beforeAll(async () => {
    broker = await startBroker();
    admin = kafkaClient({ brokers: [broker.bootstrap] }).admin();
    await admin.connect();
  }, 180_000);
  afterAll(async () => {
    await admin?.disconnect();
    await broker?.stop();
  });

  it("are made with what is stated, once, also by several at a time", async () => {
    const changelog = spec("changelog", {
      partitions: 3,
      config: { "cleanup.policy": "compact,delete", "retention.ms": "-1", "segment.bytes": "1048576" },
    });
    const specs = [spec("plain"), changelog];
    await Promise.all([1, 2, 3].map(() => ensureTopics(admin, specs)));
    expect(await ensureTopics(admin, specs)).toEqual([]);
    expect(await ensureTopics(admin, [...specs, spec("later")])).toEqual(["later"]);
    const { topics } = await admin.fetchTopicMetadata({ topics: ["plain", "changelog"] });
    expect(topics.map((t) => [t.name, t.partitions.length]).sort()).toEqual([
      ["changelog", 3],
      ["plain", 2],
    ]);
    expect(await settings("changelog")).toMatchObject(changelog.config);
  });

  it.each<[string, TopicSpec[], RegExp[]]>([
    ["fewer partitions", [spec("made", { partitions: 3 })], [/made: 2 partitions, 3 are stated/]],
    ["more partitions", [spec("made", { partitions: 1 })], [/made: 2 partitions, 1 are stated/]],
    ["fewer copies", [spec("made", { replication: 3 })], [/made: 1 copies, 3 are stated/]],
    [
      "another policy",
      [spec("made", config({ "cleanup.policy": "compact" }))],
      [
        /cleanup.policy=delete, compact is stated: kafka-configs.sh .* --entity-name made --add-config cleanup.policy=compact/,
      ],
    ],
    [
      "one more policy",
      [spec("made", config({ "cleanup.policy": "compact,delete" }))],
      [/--add-config cleanup.policy=\[compact,delete\]/],
    ],
    [
      "shorter retention",
      [spec("made", config({ "retention.ms": "3600001" }))],
      [/retention.ms=3600000, 3600001 is stated/],
    ],
    ["retention that ends", [spec("made", config({ "retention.ms": "-1" }))], [/retention.ms=3600000, -1 is stated/]],
    ["fewer in sync", [spec("made", config({ "min.insync.replicas": "2" }))], [/min.insync.replicas=1, 2 is stated/]],
    [
      "several differences of several topics",
      [
        spec("made", { partitions: 9, ...config({ "retention.ms": "-1" }) }),
        spec("other", { partitions: 8 }),
        spec("unmade"),
      ],
      [/ 3 differences\n/, /made: 2 partitions, 9/, /made: retention.ms/, /other: 2 partitions, 8/],
    ],
  ])("with %s are an error that says all and makes nothing", async (_, specs, texts) => {
    await ensureTopics(admin, [spec("made"), spec("other")]);
    const before = [await settings("made"), await admin.listTopics()];
    for (const text of texts)
      await expect(ensureTopics(admin, specs)).rejects.toMatchObject({
        code: "KAFKA_TOPIC_MISMATCH",
        message: expect.stringMatching(text),
        retriable: false,
      });
    expect([await settings("made"), await admin.listTopics()]).toEqual(before);
  });

  it.each([
    ["longer retention", { "retention.ms": "60000" }],
    ["the same policies in another order", { "cleanup.policy": "delete, compact" }],
    ["a tuning of the operator's", { "segment.ms": "60000" }],
  ])("with %s are fine", async (_, changes) => {
    const stated = { "cleanup.policy": "compact,delete" };
    await ensureTopics(admin, [spec("fine", config(stated))]);
    expect(await ensureTopics(admin, [spec("fine", config({ ...stated, ...changes }))])).toEqual([]);
  });

  it("that can't be made are an error that says why", async () => {
    await expect(ensureTopics(admin, [spec("copies", { replication: 3 })])).rejects.toThrow(
      /KAFKA_FAILED .*copies wants 3 copies, and 1 brokers are up/,
    );
    await expect(ensureTopics(admin, [spec("with blanks")])).rejects.toThrow(
      /KAFKA_FAILED .*with blanks: .*invalid topic/,
    );
    await expect(ensureTopics(admin, [spec("odd", config({ "retention.ms": "soon" }))])).rejects.toThrow(
      /KAFKA_FAILED .*odd: Configuration is invalid/,
    );
  });
});
