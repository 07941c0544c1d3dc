import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, type KafkaMessage } from "cloudevents";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { Anomaly, Incident } from "../../../pipelines/core/records.ts";
import { recordJson } from "../../../pipelines/run/kafka/cloud-event.ts";
import { startWorker } from "../../../pipelines/run/kafka/worker.ts";
import { reread } from "../../../pipelines/runtime/kafka/changelog.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { writeSignals } from "../../chaos/signals.ts";

const MINUTES = 15;

/** The same seconds of three services as JSON lines: a record a second, all services in it. */
function seconds(): { timeMs: number; metrics: Buffer; logs: Buffer | undefined }[] {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-signals-"));
  try {
    const [csv, jsonl] = writeSignals(dir, { seed: 5, minutes: MINUTES }) as [string, string];
    const logs = new Map<number, string[]>();
    let second = 0;
    for (const line of readFileSync(jsonl, "utf8").trim().split("\n")) {
      const time = /"time":"([^"]+)"/.exec(line)?.[1];
      // Every 97th second has lines that can't be read; they go where the line before them went.
      if (time) second = Math.floor(Date.parse(time) / 1000);
      logs.set(second, [...(logs.get(second) ?? []), line]);
    }
    const metrics = new Map<number, string[]>();
    for (const row of readFileSync(csv, "utf8").trim().split("\n").slice(1)) {
      const [time, service, ...values] = row.split(",") as [string, string, ...string[]];
      const second = Math.floor(Number(time) / 1000);
      const lines = ["latency_ms", "error_ratio", "cpu_utilization", "memory_bytes"].map((metric, i) =>
        JSON.stringify({ time: Number(time), service, metric, value: Number(values[i]) }),
      );
      metrics.set(second, [...(metrics.get(second) ?? []), ...lines]);
    }
    return [...metrics].map(([second, lines]) => ({
      timeMs: second * 1000 + 500,
      metrics: Buffer.from(lines.join("\n")),
      logs: logs.has(second) ? Buffer.from((logs.get(second) as string[]).join("\n")) : undefined,
    }));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe.skipIf(skipWithoutBroker())("the stages on Kafka", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker();
  }, 60_000);
  afterAll(() => broker?.stop());

  async function outputs(topics: { metrics: number; logs: number }, runtime: string) {
    const connection = { brokers: [broker.bootstrap], compression: "lz4" as const };
    const prefix = `p${topics.metrics}${topics.logs}`;
    const admin = kafkaClient(connection).admin();
    const transport = kafkajsTransport(connection);
    await admin.connect();
    const names = { metrics: `${prefix}-metrics`, logs: `${prefix}-logs` };
    await admin.createTopics({
      topics: [
        { topic: names.metrics, numPartitions: topics.metrics },
        { topic: names.logs, numPartitions: topics.logs },
      ],
    });
    const put = async (topic: string, of: number) => {
      const records = seconds().flatMap((s) => {
        const value = topic === names.metrics ? s.metrics : s.logs;
        return value ? [{ value, timestampMs: s.timeMs }] : [];
      });
      await transport.produce(
        topic,
        records.map((r, i) => ({ ...r, partition: i % of })),
      );
    };
    await put(names.metrics, topics.metrics);
    await put(names.logs, topics.logs);
    const config = parseConfig(`
system: shop
runtime:
  kind: kafka
  brokers: ["${broker.bootstrap}"]
  prefix: ${prefix}
  topics: [{ name: ${names.metrics}, format: jsonl }, { name: ${names.logs}, format: jsonl }]
  session: 6s
  state: 2s
  ${runtime}
windows: { window: 5s, lateness: 5s }
commit: 200ms
`);
    if (config.runtime.kind !== "kafka") throw new Error("not on Kafka");
    const worker = await startWorker({
      config: { ...config, runtime: config.runtime },
      clock: systemClock,
      log: pino({ level: process.env.LOG_LEVEL ?? "silent" }),
    });
    worker.failed.catch((error) => {
      throw error;
    });
    const idle = () =>
      [...worker.groups.values()].every((g) => g.status().every((t) => t.ready && t.lag === 0)) &&
      [...worker.groups.values()].every((g) => g.status().length > 0);
    for (let quiet = 0; quiet < 8; quiet = idle() ? quiet + 1 : 0) await sleep(250);
    await worker.stop();
    const reader = await transport.reader([
      worker.names.output("anomalies"),
      worker.names.output("incidents"),
      worker.names.output("dead-letters"),
    ]);
    /** In binary mode from one, in structured mode from three. */
    const all = async <T>(topic: "anomalies" | "incidents" | "dead-letters") => {
      const out: T[] = [];
      for (const [p, { low, high }] of await transport.offsets(worker.names.output(topic)))
        for await (const r of reread(reader, worker.names.output(topic), p, low, high, () => false)) {
          expect(Kafka.isEvent({ headers: r.headers } as KafkaMessage)).toBe(true);
          out.push(JSON.parse(recordJson(r)) as T);
        }
      return out;
    };
    const result = {
      anomalies: await all<Anomaly>("anomalies"),
      incidents: await all<Incident>("incidents"),
      dead: await all<{ rows: number }>("dead-letters"),
    };
    await transport.close();
    await admin.disconnect();
    return result;
  }

  it("find the same in scattered topics over three tasks as in one partition with one task", async () => {
    const one = await outputs({ metrics: 1, logs: 1 }, "");
    const three = await outputs({ metrics: 3, logs: 2 }, "partitions: 3\n  events: structured");
    // The mean of a window depends in its last bit on the order in which partitions were read.
    const digits = (_: string, v: unknown) => (typeof v === "number" ? Number(v.toPrecision(12)) : v);
    const sorted = (list: Anomaly[]) => list.map((a) => JSON.stringify(a, digits)).sort();
    expect(one.anomalies.length).toBeGreaterThan(5);
    expect(sorted(three.anomalies)).toEqual(sorted(one.anomalies));
    const rows = (list: { rows: number }[]) => list.reduce((sum, l) => sum + l.rows, 0);
    expect(rows(one.dead)).toBe(Math.ceil((MINUTES * 60) / 97) * 3);
    expect(rows(three.dead)).toBe(rows(one.dead));
    const story = (list: Incident[]) =>
      list.map((i) => [i.id, i.version, i.state, i.diagnosis?.suspects.map((s) => s.name)]);
    expect(one.incidents.length).toBeGreaterThan(0);
    expect(story(three.incidents)).toEqual(story(one.incidents));
  }, 120_000);
});
