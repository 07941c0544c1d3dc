import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Admin } from "kafkajs";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { DeadLetter } from "../../../pipelines/core/records.ts";
import { recordJson } from "../../../pipelines/run/kafka/cloud-event.ts";
import { stream } from "../../../pipelines/run/stream.ts";
import { reread } from "../../../pipelines/runtime/kafka/changelog.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";

const ARRIVED = Date.now() - 60_000;
const row = (service: string, timeMs: number, value: number) =>
  JSON.stringify({ time: timeMs, service, metric: "queue", value });
const SERVICES = ["a", "b", "c", "d", "e", "f"];

async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 200; i++) {
    const found = await probe();
    if (found !== undefined) return found;
    await sleep(150);
  }
  throw new Error(`${what}: not within 30 s`);
}

/** Whether the group has taken in all that was in its topics when this was asked. */
async function hasReadAll(admin: Admin, groupId: string): Promise<boolean> {
  const ends = new Map<string, number>();
  const read = await admin.fetchOffsets({ groupId });
  for (const { topic } of read)
    for (const { partition, high } of await admin.fetchTopicOffsets(topic))
      ends.set(`${topic}/${partition}`, Number(high));
  const now = await admin.fetchOffsets({ groupId });
  return now.every(({ topic, partitions }) =>
    partitions.every(({ partition, offset }) => Number(offset) >= (ends.get(`${topic}/${partition}`) ?? 0)),
  );
}

describe.skipIf(skipWithoutBroker())("dead letters on Kafka", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker();
  }, 60_000);
  afterAll(() => broker?.stop());

  it.each([
    { partitions: 2, events: "structured", what: "to the task it was routed to, with its share" },
    { partitions: 1, events: "binary", what: "to the topic it came from, where nothing is routed" },
  ])(
    "go back $what",
    async ({ partitions, events }) => {
      const dataDir = mkdtempSync(join(tmpdir(), "faultwright-letters-"));
      const topic = `letters-${partitions}`;
      const connection = { brokers: [broker.bootstrap] };
      const transport = kafkajsTransport(connection);
      const admin = kafkaClient(connection).admin();
      await admin.connect();
      await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] });
      const garbage = Buffer.from("{never closed");
      const mixed = Buffer.from(SERVICES.map((s) => row(s, ARRIVED + 1e9, 1)).join("\n"));
      await transport.produce(topic, [
        { value: garbage, partition: 0, timestampMs: ARRIVED },
        { value: mixed, partition: partitions - 1, timestampMs: ARRIVED + 1 },
      ]);
      const config = parseConfig(`
dataDir: ${dataDir}
runtime:
  kind: kafka
  brokers: ["${broker.bootstrap}"]
  prefix: ${topic}
  topics: [{ name: ${topic}, format: jsonl }]
  session: 6s
  events: ${events}
commit: 200ms
`);
      const running = await stream({ config, clock: systemClock, log: pino({ level: "silent" }) });
      try {
        const { url, token } = JSON.parse(readFileSync(join(dataDir, "endpoint.json"), "utf8"));
        const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
        const list = async () =>
          ((await (await fetch(`${url}/api/dead-letters`)).json()) as { letters: (DeadLetter & { key: string })[] })
            .letters;
        const rowsIn = (letters: readonly DeadLetter[]) => letters.reduce((sum, l) => sum + l.rows, 0);
        const all = await until("each bad row is in a letter", async () => {
          const letters = await list();
          return rowsIn(letters) === SERVICES.length + 1 ? letters : undefined;
        });
        expect(new Set(all.map((l) => l.key)).size).toBe(all.length);
        for (const l of all) {
          expect(l.source).toMatch(new RegExp(`^${topic}/\\d$`));
          expect(l.part === null).toBe(partitions === 1);
          expect([ARRIVED, ARRIVED + 1]).toContain(l.ingestTimeMs);
          const letter = (await (
            await fetch(`${url}/api/dead-letters/letter?${new URLSearchParams({ key: l.key })}`, { headers })
          ).json()) as DeadLetter;
          const whole = l.ingestTimeMs === ARRIVED ? garbage : mixed;
          expect(Buffer.from(letter.payload, "base64").toString()).toBe(whole.toString());
        }
        if (partitions === 2) expect(new Set(all.map((l) => l.part)).size).toBe(2);

        const replay = async (body: object) =>
          (await (
            await fetch(`${url}/api/dead-letters/replay`, { method: "POST", headers, body: JSON.stringify(body) })
          ).json()) as { replayed: string[]; skipped: unknown[] };
        expect(await replay({ filter: {}, by: "ana" })).toMatchObject({
          replayed: { length: all.length },
          skipped: [],
        });
        expect(await replay({ filter: {}, by: "ana" })).toMatchObject({ replayed: [] });

        // Each comes again, is as bad as before, and no row of it is counted by another task as well.
        const names = { out: `${topic}.dead-letters` };
        for (const group of partitions === 2 ? ["route", "features"] : ["features"])
          await until(
            `${group} has read them`,
            async () => (await hasReadAll(admin, `${topic}.${group}`)) || undefined,
          );
        const written = await until("they are refused again", async () => {
          const reader = await transport.reader([names.out]);
          const out: DeadLetter[] = [];
          for (const [p, { low, high }] of await transport.offsets(names.out))
            for await (const r of reread(reader, names.out, p, low, high, () => false)) {
              expect(r.headers["content-type"]).toMatch(events === "binary" ? /^application\/json/ : /cloudevents/);
              out.push(JSON.parse(recordJson(r)) as DeadLetter);
            }
          await reader.close();
          return rowsIn(out) >= 2 * (SERVICES.length + 1) ? out : undefined;
        });
        expect(rowsIn(written)).toBe(2 * (SERVICES.length + 1));
        expect(written.map((l) => l.ingestTimeMs).sort()).toEqual([...all, ...all].map((l) => l.ingestTimeMs).sort());
        // Routed, it keeps its name, and so its key; read as it came, it has a new place in the topic.
        expect(new Set(written.map((l) => `${l.source}@${l.position}#${l.part}`)).size).toBe(
          partitions === 2 ? all.length : 2 * all.length,
        );
      } finally {
        await running.stop();
        await admin.disconnect();
        await transport.close();
        rmSync(dataDir, { recursive: true });
      }
    },
    120_000,
  );
});
