import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { DeadLetter } from "../../../pipelines/core/records.ts";
import type { Source } from "../../../pipelines/core/source.ts";
import { stream } from "../../../pipelines/run/stream.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { topicRange } from "../../../pipelines/runtime/kafka/topic-range.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";

const quiet = (broker: Broker) => new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });

describe.skipIf(skipWithoutBroker())("what goes wrong with Kafka", () => {
  let broker: Broker;
  let admin: Admin;
  const transport = () => kafkajsTransport({ brokers: [broker.bootstrap] });
  const create = (topic: string) => admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  const sourceOf = async (name: string, onOffsetLost: "fail" | "earliest" = "fail", warnings: string[] = []) => {
    const topics = [{ name, format: "jsonl" }];
    const [source] = await topicRange({
      transport: transport(),
      topics,
      onOffsetLost,
      onWarning: (w) => warnings.push(w),
    });
    return source as Source;
  };
  /** 100 KB each, ten a batch: more than the reader fetches at once, and too random for gzip. */
  const fillLarge = async (topic: string, batches: number) => {
    const own = transport();
    for (let b = 0; b < batches; b++)
      await own.produce(
        topic,
        Array.from({ length: 10 }, () => ({ value: randomBytes(100_000), partition: 0 })),
      );
    await own.close();
  };
  const deleteBefore = async (topic: string, offset: string) => {
    await admin.fetchTopicOffsets(topic); // kafkajs looks the leader up in what it has heard of so far
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
  };
  /** Offsets of the records from a position on, until the range is read or something is thrown. */
  const offsets = async (source: Source, from: string | undefined) => {
    const seen: number[] = [];
    for (let at = from; !(await source.finished(at)); ) {
      const records = await source.read(at, 1e6);
      seen.push(...records.map((r) => Number(r.position) - 1));
      at = records.at(-1)?.position ?? at;
    }
    return seen;
  };
  const count = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  beforeAll(async () => {
    broker = await startBroker();
    admin = quiet(broker).admin();
    await admin.connect();
  }, 180_000);
  afterAll(async () => {
    await admin?.disconnect();
    await broker?.stop();
  });

  it("retention that overtakes the reader is an error, or a gap with one warning, never silence", async () => {
    await create("overtaken");
    await fillLarge("overtaken", 30);
    const strict = await sourceOf("overtaken");
    const warnings: string[] = [];
    const lenient = await sourceOf("overtaken", "earliest", warnings);
    for (const source of [strict, lenient]) expect(await source.read(undefined, 1)).toHaveLength(1);
    await deleteBefore("overtaken", "250");
    await expect(offsets(strict, "1")).rejects.toThrow(/offset \d+ is gone, the topic begins at 250 by now/);
    const seen = await offsets(lenient, "1");
    expect(seen.slice(-50)).toEqual(count(250, 300));
    expect(seen.slice(0, -50)).toEqual(count(1, seen.length - 49));
    expect(seen.length).toBeLessThan(249);
    expect(warnings).toHaveLength(1);
    for (const source of [strict, lenient]) await source.close();
  }, 60_000);

  it("a range of which retention takes all that is left still ends", async () => {
    await create("emptied");
    await fillLarge("emptied", 1);
    const [strict, lenient] = [await sourceOf("emptied"), await sourceOf("emptied", "earliest")];
    await deleteBefore("emptied", "10");
    await expect(offsets(strict, "4")).rejects.toThrow(/offset 4 is gone/);
    expect(await offsets(lenient, "4")).toEqual([]);
    for (const source of [strict, lenient]) await source.close();
  }, 60_000);

  it("a position beyond the end, of a topic that was made anew, is an error and not an end", async () => {
    await create("anew");
    await fillLarge("anew", 1);
    const strict = await sourceOf("anew");
    await expect(strict.finished("500")).rejects.toThrow(/offset 500 is gone, the topic ends at 10: was it deleted/);
    const lenient = await sourceOf("anew", "earliest");
    expect(await offsets(lenient, "500")).toEqual(count(0, 10));
    for (const source of [strict, lenient]) await source.close();
  }, 60_000);

  it("a range that ends in markers and aborted records ends, read whole or gone on from its last record", async () => {
    await create("aborted");
    const producer = quiet(broker).producer({ transactionalId: "aborted", idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (const ending of ["commit", "abort"] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: "aborted", messages: [{ value: "{}" }, { value: "{}" }] });
      await transaction[ending]();
    }
    await producer.disconnect();
    for (const [from, expected] of [
      [undefined, [0, 1]],
      ["1", [1]],
      ["2", []],
    ] as const) {
      const source = await sourceOf("aborted");
      expect(await offsets(source, from)).toEqual(expected);
      await source.close();
    }
  }, 60_000);

  it("a broker killed and back costs waiting, not records, and no error", async () => {
    await create("killed");
    await fillLarge("killed", 40); // five times the buffer
    const source = await sourceOf("killed");
    expect(await source.read(undefined, 1)).toHaveLength(1);
    const back = broker.restart(1000);
    expect(await offsets(source, "1")).toEqual(count(1, 400));
    await back;
    await source.close();
  }, 120_000);

  it("a second run reads what came since the first, once", async () => {
    await create("again");
    const dir = mkdtempSync(join(tmpdir(), "faultwright-kafka-"));
    try {
      const topics = [{ name: "again", format: "jsonl" }];
      const kafka = { kind: "kafka", brokers: [broker.bootstrap], topics };
      const windows = { window: "1s", lateness: "1s" };
      const config = parseConfig(stringify({ dataDir: dir, windows, sources: [kafka] }));
      const runAfter = async (seconds: readonly number[]) => {
        const own = transport();
        const records = seconds.map((s) => {
          const time = 1_760_000_000_000 + 1000 * s;
          const value = Buffer.from(s < 0 ? "broken" : JSON.stringify({ time, service: "a", metric: "m", value: s }));
          return { value, partition: 0, timestampMs: time };
        });
        await own.produce("again", records);
        await own.close();
        const run = await stream({ config, clock: systemClock, log: pino({ level: "silent" }) });
        await run.ended;
        await run.stop();
        const store = await openStore(join(dir, "store"));
        const letters = await store.records("dead-letters");
        const position = (await store.positions()).get("kafka:again/0");
        await store.close();
        const codes = (value: string) => (JSON.parse(value) as DeadLetter).reasons.map((r) => r.code).join();
        return { position, letters: letters.map((l) => `${l.key} ${codes(l.value)}`) };
      };
      const first = ["kafka:again/0@2 DECODE_BAD_JSON"];
      expect(await runAfter([1, -1, 3])).toEqual({ position: "3", letters: first });
      // The first run has closed the window of second 3: what it ended with is final.
      const second = ["kafka:again/0@4 DECODE_BAD_JSON", "kafka:again/0@5 TIME_TOO_LATE"];
      expect(await runAfter([-1, 3, 9])).toEqual({ position: "6", letters: [...first, ...second] });
      const wrong = { ...config, sources: [{ ...config.sources[0], topics: [{ name: "again", format: "jsnol" }] }] };
      await expect(
        stream({ config: wrong as typeof config, clock: systemClock, log: pino({ level: "silent" }) }),
      ).rejects.toThrow(/CONFIG_INVALID at format of again: .*no decoder jsnol .*there are .*jsonl/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  }, 60_000);

  it("a broker that refuses the group is an error that says why", async () => {
    const strict = await startBroker(["group.max.session.timeout.ms=9000"]);
    const own = kafkajsTransport({ brokers: [strict.bootstrap] });
    const strictAdmin = quiet(strict).admin();
    try {
      await strictAdmin.createTopics({ topics: [{ topic: "any", numPartitions: 1 }] });
      await expect(own.reader(["any"])).rejects.toMatchObject({
        code: "KAFKA_FAILED",
        message: expect.stringContaining("session timeout is not within the range"),
      });
    } finally {
      await strictAdmin.disconnect();
      await own.close();
      await strict.stop("SIGKILL");
    }
  }, 60_000);
});
