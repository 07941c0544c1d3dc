import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { PostmortemReport } from "../../../pipelines/core/schemas/postmortem.ts";
import { postmortem } from "../../../pipelines/run/postmortem/postmortem.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { writeSignals } from "../../chaos/signals.ts";

const dir = mkdtempSync(join(tmpdir(), "faultwright-postmortem-kafka-"));
const log = pino({ level: "silent" });
const SHARED = { windows: { window: "5s", lateness: "5s" }, incidents: { quiet: "30s", reopen: "60s" } };

describe.skipIf(skipWithoutBroker())("a post-mortem of Kafka topics", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker();
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("finds in a pipeline's topics what it finds in files of the same rows", async () => {
    const [csv] = writeSignals(dir, { seed: 5, minutes: 16 }) as [string];
    const brokers = [broker.bootstrap];
    const admin = kafkaClient({ brokers, compression: "lz4" }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "metrics", numPartitions: 1 }] });
    await admin.disconnect();
    const transport = kafkajsTransport({ brokers, compression: "lz4" });
    const [head = "", ...rows] = readFileSync(csv, "utf8").trim().split("\n");
    const records = [];
    for (let i = 0; i < rows.length; i += 15) {
      const timestampMs = Number((rows[i] as string).split(",", 1)[0]);
      records.push({ value: Buffer.from([head, ...rows.slice(i, i + 15)].join("\n")), partition: 0, timestampMs });
    }
    await transport.produce("metrics", records);
    await transport.close();

    const run = (out: string, more: object, input?: string[]): Promise<PostmortemReport> =>
      postmortem({
        config: parseConfig(JSON.stringify({ ...SHARED, ...more })),
        outDir: join(dir, out),
        clock: systemClock,
        log,
        ...(input ? { input } : {}),
      });
    const runtime = { kind: "kafka", brokers, prefix: "pm", topics: [{ name: "metrics", format: "csv" }] };
    const ofTopics = await run("topics", { runtime });
    const ofFiles = await run("files", {}, [csv]);
    const short = (r: PostmortemReport) =>
      r.incidents.map((i) => [i.incidentId, i.severity, i.detectedMs, i.resolvedMs, i.cause?.name]);
    expect(ofFiles.incidents.length).toBeGreaterThan(0);
    expect(short(ofTopics)).toEqual(short(ofFiles));
    expect(ofTopics.data.rows).toBe(ofFiles.data.rows);
    expect(ofTopics.inputs.map((i) => i.format)).toEqual(["kafka"]);
  }, 180_000);
});
