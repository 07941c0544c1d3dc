/**
 * From the produce of an odd record to its anomaly, committed and read: `npx tsx test/bench/latency.ts [--seconds 120]
 * [--points 100000]`. One worker of `faultwright run` on a real broker, windows of 1 s without lateness, live OTLP-sized
 * JSON-lines records at the given points a second; each second some series jump. The window itself is in the figure.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import type { Anomaly } from "../../pipelines/core/records.ts";
import { namesOf } from "../../pipelines/run/kafka/topics.ts";
import { kafkaClient } from "../../pipelines/runtime/kafka/client.ts";
import { kafkajsTransport } from "../../pipelines/runtime/kafka/kafkajs-transport.ts";
import { startBroker } from "../broker/broker.ts";
import { randomOf } from "../chaos/signals.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "120" }, points: { type: "string", default: "20000" } },
});
const seconds = Number(values.seconds);
const perSecond = Number(values.points);
const SERIES = 100;
const WARM_UP_S = 45;
const services = Math.ceil(perSecond / SERIES);
const broker = await startBroker();
const connection = { brokers: [broker.bootstrap], compression: "lz4" as const };
const transport = kafkajsTransport(connection);
const admin = kafkaClient(connection).admin();
const dir = mkdtempSync(join(tmpdir(), "faultwright-latency-"));
const config = join(dir, "pipeline.yaml");
const names = namesOf("latency");
writeFileSync(
  config,
  stringify({
    dataDir: join(dir, "data"),
    runtime: { kind: "kafka", ...connection, prefix: "latency", topics: [{ name: "metrics", format: "jsonl" }] },
    windows: { window: "1s", lateness: 1 },
    commit: 100,
  }),
);
await admin.connect();
await admin.createTopics({ topics: [{ topic: "metrics", numPartitions: 1 }] });
const worker = spawn(
  process.execPath,
  ["--import", "tsx", "pipelines/cli/main.ts", "run", "--config", config, "--log-level", "warn"],
  { stdio: ["ignore", "ignore", "inherit"] },
);
try {
  const jumps = new Map<string, number>();
  const taken: number[] = [];
  const random = randomOf(7);
  const began = Date.now();
  let stop = false;
  const watch = (async () => {
    while (!(await admin.listTopics()).includes(names.output("anomalies"))) await sleep(200);
    const reader = await transport.reader([names.output("anomalies")]);
    for (let at = 0n; !stop; ) {
      const { records, nextOffset } = await reader.take(names.output("anomalies"), 0, at, 1e6, 50);
      const now = Date.now();
      for (const r of records) {
        const a = JSON.parse(Buffer.from(r.value ?? []).toString()) as Anomaly;
        const key = `${a.entity} ${a.series}`;
        const since = jumps.get(key);
        if (since === undefined || a.endMs !== null) continue;
        taken.push(now - since);
        jumps.delete(key);
      }
      at = nextOffset;
    }
    await reader.close();
  })();
  // A tenth of each second at a time; the jump begins with the second.
  for (let tenth = 0; tenth < seconds * 10; tenth++) {
    const due = began + tenth * 100;
    await sleep(Math.max(0, due - Date.now()));
    const second = Math.floor(tenth / 10);
    const records = [];
    for (let s = 0; s < services; s++) {
      if (s % 10 !== tenth % 10) continue;
      const now = Date.now();
      const lines = [];
      for (let m = 0; m < SERIES; m++) {
        const odd = second >= WARM_UP_S && s === second % services && m < 3;
        if (odd) jumps.set(`s${s} latency_${m}`, now);
        lines.push(
          JSON.stringify({
            time: now,
            service: `s${s}`,
            metric: `latency_${m}`,
            value: 50 + random() * 4 + (odd ? 900 : 0),
          }),
        );
      }
      records.push({ value: Buffer.from(lines.join("\n")), partition: 0, timestampMs: now });
    }
    if (records.length > 0) await transport.produce("metrics", records);
  }
  await sleep(3000);
  stop = true;
  await watch;
  taken.sort((a, b) => a - b);
  const quantile = (q: number) => taken[Math.min(taken.length - 1, Math.floor(q * taken.length))] ?? null;
  process.stdout.write(
    `${JSON.stringify({ pointsPerSecond: services * SERIES, anomalies: taken.length, missed: jumps.size, p50Ms: quantile(0.5), p90Ms: quantile(0.9), p99Ms: quantile(0.99), maxMs: taken.at(-1) ?? null })}\n`,
  );
} finally {
  worker.kill("SIGTERM");
  await new Promise((resolve) => worker.once("exit", resolve));
  await transport.close();
  await admin.disconnect();
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
}
