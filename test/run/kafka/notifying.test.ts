import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { Incident } from "../../../pipelines/core/records.ts";
import { namesOf } from "../../../pipelines/run/kafka/topics.ts";
import { toRecords } from "../../../pipelines/run/kafka/wire.ts";
import { stream } from "../../../pipelines/run/stream.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { receiver, until } from "../../report/outbox/fixture.ts";

const NOW = Date.now();
const incident = (version: number, resolvedMs: number | null = null): Incident => ({
  ...{ id: "I", version, system: "shop", state: resolvedMs === null ? "open" : "resolved", severity: "major" },
  times: {
    ...{ faultStartMs: NOW - 30_000, detectedMs: NOW, acknowledgedMs: null, mitigatedMs: null, verifiedMs: null },
    resolvedMs,
  },
  ...{ reopened: 0, entities: ["orders"], anomalies: [], diagnosis: null, timeline: [], labels: [] },
});

describe.skipIf(skipWithoutBroker())("notifications on Kafka", () => {
  let broker: Broker;
  const dir = mkdtempSync(join(tmpdir(), "faultwright-notifying-"));
  beforeAll(async () => {
    broker = await startBroker();
  }, 60_000);
  afterAll(async () => {
    await broker?.stop();
    rmSync(dir, { recursive: true });
  });

  it("go out once, also when another process with an empty directory takes over", { timeout: 180_000 }, async () => {
    const pager = await receiver();
    const brokers = [broker.bootstrap];
    const transport = kafkajsTransport({ brokers });
    const names = namesOf("faultwright");
    const config = (name: string) =>
      parseConfig(
        JSON.stringify({
          ...{ dataDir: join(dir, name), sources: [] },
          runtime: { kind: "kafka", brokers, topics: [], intake: true, stages: ["act"], session: "10s" },
          notify: { receivers: [{ kind: "webhook", url: pager.url }] },
        }),
      );
    const start = (name: string) =>
      stream({ config: config(name), clock: systemClock, log: pino({ level: "silent" }) });
    const decide = async (i: Incident) => {
      const to = { topic: names.decisions, partition: 0, origin: "incidents/0" };
      const records = [...toRecords({ type: "incident", incident: i }, to)];
      await transport.produce(
        names.decisions,
        records.map((r) => ({ ...r, key: null, value: Buffer.from(r.value) })),
      );
    };
    const told = () => pager.asked.map((a) => JSON.parse(a.body).notification.id);
    const marks = async () => (await transport.offsets(names.output("deliveries"))).get(0)!.high;
    let running = await start("first");
    try {
      await decide(incident(1));
      await until(() => told().length === 1, 60_000);
      await until(async () => (await marks()) > 0n, 30_000);
      await running.stop();
      running = await start("second");
      await decide(incident(2, NOW + 1000));
      await until(() => told().length === 2, 60_000);
      expect(told()).toEqual(["I/1", "I/2"]);
    } finally {
      await running.stop();
      await transport.close();
      await pager.close();
    }
  });
});
