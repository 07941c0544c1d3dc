import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { allRecords } from "../../../pipelines/cli/run.ts";
import { manualClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { assemble } from "../../../pipelines/run/assemble.ts";
import { engine } from "../../../pipelines/runtime/embedded/engine.ts";
import { openJournal } from "../../../pipelines/runtime/embedded/journal.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { topicRange } from "../../../pipelines/runtime/kafka/topic-range.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { randomOf } from "../../chaos/signals.ts";
import { checkSource, readAll } from "../../conformance/source.ts";

const START_MS = 1_760_000_000_000;

/** A record a second; `payment` is slow from second 300 to 360. */
function signals(): Buffer[] {
  const random = randomOf(1);
  return Array.from({ length: 420 }, (_, i) => {
    const points = ["gateway", "orders", "payment"].map((service) => {
      const slow = service === "payment" && i >= 300 && i < 360 ? 300 : 0;
      return { time: START_MS + 1000 * i, service, metric: "latency", unit: "ms", value: 20 + 4 * random() + slow };
    });
    return Buffer.from(points.map((p) => JSON.stringify(p)).join("\n"));
  });
}

describe.skipIf(skipWithoutBroker())("on a real broker", () => {
  let broker: Broker;
  let admin: ReturnType<Kafka["admin"]>;
  const options = () => ({ brokers: [broker.bootstrap] });
  const create = (topic: string, numPartitions: number) => admin.createTopics({ topics: [{ topic, numPartitions }] });
  const sourcesOf = (name: string, onOffsetLost: "fail" | "earliest" = "fail", onWarning?: (text: string) => void) =>
    topicRange({
      transport: kafkajsTransport(options()),
      topics: [{ name, format: "jsonl" }],
      onOffsetLost,
      ...(onWarning ? { onWarning } : {}),
    });
  const fill = async (topic: string, count: number, of: (i: number) => Uint8Array | null, partition = 0) => {
    const transport = kafkajsTransport(options());
    const records = Array.from({ length: count }, (_, i) => ({ value: of(i), partition, timestampMs: 1e12 + i }));
    for (let i = 0; i < count; i += 500) await transport.produce(topic, records.slice(i, i + 500));
    await transport.close();
  };
  const line = (i: number) => Buffer.from(`{"i":${i}}`);

  beforeAll(async () => {
    broker = await startBroker();
    admin = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
  }, 180_000);
  afterAll(async () => {
    await admin?.disconnect();
    await broker?.stop();
  });

  it("a partition keeps the laws of a source, tombstones and all", async () => {
    await create("laws", 1);
    await fill("laws", 1500, (i) => (i % 10 === 3 || i > 1490 ? null : line(i)));
    const open = async () => (await sourcesOf("laws"))[0]!;
    const all = await checkSource(open);
    expect(all).toHaveLength(1342);
    expect(all[0]).toMatchObject({ source: "kafka:laws/0", position: "1", ingestTimeMs: 1e12, format: "jsonl" });
    const source = await open();
    expect(await source.finished("1000")).toBe(false);
    expect(await source.read(all.at(-1)?.position, 1000)).toEqual([]);
    expect(await source.finished(all.at(-1)?.position)).toBe(true); // only tombstones follow
    await source.close();
  }, 60_000);

  it("ends where the topic ended when it was opened, partition by partition", async () => {
    await create("range", 3);
    await fill("range", 40, line, 0);
    await fill("range", 7, line, 2);
    const sources = await sourcesOf("range");
    await fill("range", 5, line, 2);
    expect(sources.map((s) => s.name)).toEqual(["kafka:range/0", "kafka:range/1", "kafka:range/2"]);
    expect(await sources[1]!.finished(undefined)).toBe(true);
    const counts = await Promise.all(sources.map(async (s) => (await readAll(s)).length));
    expect(counts).toEqual([40, 0, 7]);
    for (const s of sources) await s.close();
  }, 60_000);

  it("holds no more than its bound while nobody reads on", async () => {
    await create("bound", 1);
    await fill("bound", 3000, () => randomBytes(1000));
    const transport = kafkajsTransport(options());
    const reader = await transport.reader(["bound"], { bufferBytes: 200_000 });
    const before = process.memoryUsage().arrayBuffers;
    let offset = 0n;
    let records = 0;
    let widest = 0;
    while (offset < 3000n) {
      const got = await reader.take("bound", 0, offset, 50_000, 2000);
      widest = Math.max(
        widest,
        got.records.reduce((sum, r) => sum + (r.value?.length ?? 0), 0),
      );
      records += got.records.length;
      offset = got.nextOffset;
    }
    expect(records).toBe(3000);
    expect(widest).toBeLessThan(52_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64e6);
    await transport.close();
  }, 60_000);

  it("says what is wrong: a missing topic, an offset that retention took, a broker that is away", async () => {
    await create("short", 1);
    await expect(sourcesOf("nowhere")).rejects.toThrow(/KAFKA_UNKNOWN_TOPIC at kafka:.*nowhere: .*there are .*short/);
    await fill("short", 20, line);
    await admin.fetchTopicOffsets("short"); // kafkajs looks the leader up in what it has heard of so far
    await admin.deleteTopicRecords({ topic: "short", partitions: [{ partition: 0, offset: "12" }] });
    const [strict] = await sourcesOf("short");
    await expect(strict!.read("5", 1000)).rejects.toThrow(/offset 5 is gone, the topic begins at 12/);
    await strict!.close();
    const warnings: string[] = [];
    const [lenient] = await sourcesOf("short", "earliest", (text) => warnings.push(text));
    expect((await lenient!.read("5", 1000))[0]?.position).toBe("13");
    expect(warnings[0]).toContain("offset 5 is gone");
    await lenient!.close();
    const away = kafkajsTransport({ brokers: ["127.0.0.1:1"] });
    await expect(away.offsets("any")).rejects.toMatchObject({ code: "KAFKA_UNREACHABLE", retriable: true });
    await away.close();
  }, 60_000);

  it("a run over topics, stopped on the way, equals a run over the same records in a journal", async () => {
    const dir = mkdtempSync(join(tmpdir(), "faultwright-kafka-"));
    try {
      await create("signals", 1);
      const values = signals();
      const transport = kafkajsTransport(options());
      const records = values.map((value, i) => ({ value, partition: 0, timestampMs: START_MS + 1000 * i }));
      await transport.produce("signals", records);
      await transport.close();
      const clock = manualClock(START_MS);
      const journal = await openJournal({ dir: join(dir, "journal"), clock });
      for (const value of values) {
        await journal.append({ format: "jsonl", value });
        clock.advance(1000);
      }
      await journal.close();
      const config = parseConfig(stringify({ windows: { window: "1s", lateness: "1s" } }));
      const outputs = async (
        name: string,
        cuts: readonly number[],
        open: () => Promise<Parameters<typeof engine>[0]["sources"]>,
      ) => {
        const at = join(dir, name);
        for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
          const [store, sources, stages] = [await openStore(at), await open(), assemble(config)];
          let batches = 0;
          const stop = new Error("stop");
          const run = engine({
            sources,
            store,
            head: stages.features,
            next: [stages.incidents, stages.act],
            readBytes: 2000,
            commitDue: () => {
              batches += 1;
              if (batches === cut) throw stop;
              return batches % 20 === 0;
            },
          });
          await run.restore();
          try {
            await run.drain();
            await run.commit();
          } catch (error) {
            expect(error).toBe(stop);
          }
          for (const s of sources) await s.close();
          await store.close();
        }
        const store = await openStore(at);
        const out: string[] = [];
        for (const topic of ["anomalies", "incidents", "actions", "dead-letters"] as const)
          for await (const r of allRecords(store, topic)) out.push(`${topic} ${r.key} ${r.value}`);
        await store.close();
        return out;
      };
      const kafka = await outputs("a", [75, 130], () => sourcesOf("signals"));
      const plain = await outputs("b", [], async () => [
        await openJournal({ dir: join(dir, "journal"), readOnly: true }),
      ]);
      expect(kafka.filter((r) => r.startsWith("anomalies")).length).toBeGreaterThan(0);
      expect(kafka).toEqual(plain);
    } finally {
      rmSync(dir, { recursive: true });
    }
  }, 120_000);
});
