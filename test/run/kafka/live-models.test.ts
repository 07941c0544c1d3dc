import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { ModelScores, ModelStatus, ScoresSwitch } from "../../../pipelines/core/live-models.ts";
import type { Anomaly } from "../../../pipelines/core/records.ts";
import { recordJson } from "../../../pipelines/run/kafka/cloud-event.ts";
import { startWorker, type Worker } from "../../../pipelines/run/kafka/worker.ts";
import { reread } from "../../../pipelines/runtime/kafka/changelog.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { writeSignals } from "../../chaos/signals.ts";
import { makeRegistry } from "../models/fixture.ts";

describe.skipIf(skipWithoutBroker())("models on Kafka", () => {
  let broker: Broker;
  const dir = mkdtempSync(join(tmpdir(), "faultwright-models-"));
  beforeAll(async () => {
    broker = await startBroker();
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("score in the tasks of their entities, are switched by records, and keep their state from worker to worker", async () => {
    const connection = { brokers: [broker.bootstrap], compression: "lz4" as const };
    const admin = kafkaClient(connection).admin();
    const transport = kafkajsTransport(connection);
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "metrics", numPartitions: 2 }] });
    const [csv] = writeSignals(dir, { seed: 5, minutes: 14 }) as [string];
    const rows = readFileSync(csv, "utf8").trim().split("\n").slice(1);
    /** Rows of some minutes, as JSON lines. */
    const feed = async (from: number, to: number) => {
      const records = rows.slice(from * 180, to * 180).map((row, i) => {
        const [time, service, ...values] = row.split(",") as [string, string, ...string[]];
        const lines = ["latency_ms", "error_ratio", "cpu_utilization", "memory_bytes"].map((metric, k) =>
          JSON.stringify({ time: Number(time), service, metric, value: Number(values[k]) }),
        );
        return { value: Buffer.from(lines.join("\n")), timestampMs: Number(time) + 500, partition: i % 2 };
      });
      await transport.produce("metrics", records);
    };
    const registry = await makeRegistry(dir);
    const config = parseConfig(`
system: shop
dataDir: ${dir}
runtime:
  kind: kafka
  brokers: ["${broker.bootstrap}"]
  prefix: m
  topics: [{ name: metrics, format: jsonl }]
  partitions: 2
  session: 6s
  state: 1s
windows: { window: 5s, lateness: 5s }
detect: { models: { poll: 100ms, summary: 20, use: [{ name: hosts }] } }
commit: 200ms
`);
    if (config.runtime.kind !== "kafka") throw new Error("not on Kafka");
    const { runtime } = config;
    const start = () =>
      startWorker({
        config: { ...config, runtime },
        clock: systemClock,
        log: pino({ level: process.env.LOG_LEVEL ?? "silent" }),
      });
    type Inner = { models: { status(): ModelStatus[]; decided: Map<string, { live: { version: number } | null }> } };
    const innersOf = (worker: Worker) =>
      (worker.groups.get("features")?.status() ?? []).flatMap((t) =>
        t.ready && t.stage ? [(t.stage as unknown as { inner: Inner }).inner] : [],
      );
    const decided = async (worker: Worker, version: number) => {
      for (;;) {
        const inners = innersOf(worker);
        if (inners.length === 2 && inners.every((i) => i.models.decided.get("hosts")?.live?.version === version))
          return;
        await sleep(50);
      }
    };
    const idle = async (worker: Worker) => {
      const still = () =>
        [...worker.groups.values()].every(
          (g) => g.status().length > 0 && g.status().every((t) => t.ready && t.lag === 0),
        );
      for (let quiet = 0; quiet < 8; quiet = still() ? quiet + 1 : 0) await sleep(250);
    };
    await registry.promote("hosts@2", "shadow");
    let worker = await start();
    await decided(worker, 1);
    await feed(0, 6);
    await idle(worker);
    await worker.stop();
    worker = await start();
    await decided(worker, 1);
    await registry.promote("hosts:shadow", "live");
    await decided(worker, 2);
    await feed(6, 14);
    await idle(worker);
    const states = innersOf(worker).flatMap((i) => i.models.status().filter((s) => s.role === "live"));
    expect(states.map((s) => s.version)).toEqual([2, 2]);
    expect(states.reduce((n, s) => n + s.entities.scoring, 0)).toBe(3);
    await worker.stop();

    const { names } = worker;
    const reader = await transport.reader([names.output("scores"), names.output("anomalies")]);
    const all = async <T>(topic: "scores" | "anomalies") => {
      const out: T[] = [];
      for (const [p, { low, high }] of await transport.offsets(names.output(topic)))
        for await (const r of reread(reader, names.output(topic), p, low, high, () => false))
          out.push(JSON.parse(recordJson(r)) as T);
      return out;
    };
    const scores = await all<ModelScores>("scores");
    const switches = scores.filter((s): s is ScoresSwitch => s.kind === "switch");
    const pairs = switches.map((s) => `${s.live} ${s.shadow}`).sort();
    expect(pairs).toEqual(["1 2", "1 2", "2 null", "2 null"]);
    const summaries = scores.filter((s) => s.kind === "summary");
    expect(new Set(summaries.map((s) => s.entity))).toEqual(new Set(["gateway", "orders", "payment"]));
    const anomalies = await all<Anomaly>("anomalies");
    expect(anomalies.some((a) => a.detectors["model:hosts"] === 1)).toBe(true);
    await transport.close();
    await admin.disconnect();
  }, 240_000);
});
