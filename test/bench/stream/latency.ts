/**
 * From the produce of an odd value to its anomaly, committed and read, while the job is under load:
 * `npm run bench -- latency [--points 500000] [--seconds 120] [--open-evidence 9] [--json]`. One `faultwright run`, compiled and pinned as in
 * the stream benchmark, live OTLP records of 100 points, windows of 1 s, commits each 100 ms. Five probes a second, each
 * with a steady value until then, jump once. The rest of the window that a jump falls in, and the lateness, are in the
 * figure; so is the wait for the next record, which is what moves event time. By default (9) it takes two odd windows to
 * open an anomaly; with 6 one that is as odd as can be does.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import type { Anomaly } from "../../../pipelines/core/records.ts";
import { namesOf } from "../../../pipelines/run/kafka/topics.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { startBroker } from "../../broker/broker.ts";
import { randomOf } from "../../chaos/signals.ts";
import { encode } from "../../ingest/decoders/otlp-proto.ts";
import { clientOf } from "./fill.ts";
import { otlpRecords, POINTS_PER_RECORD } from "./load.ts";
import { compileOurs } from "./ours.ts";
import { machine, moveTo, OTHER_CORE, startPinned } from "./process.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "120" },
    points: { type: "string", default: "500000" },
    "open-evidence": { type: "string", default: "9" },
    json: { type: "boolean", default: false },
  },
});
const STEP_MS = 100;
const WARM_UP_S = 45;
const JUMPS_A_SECOND = 5;
/** The load goes on for as long after the last jump: only what comes later ends a window. */
const GRACE_MS = 5000;
const seconds = Number(values.seconds);
const instances = Math.max(1, Math.round((Number(values.points) * STEP_MS) / 1000 / POINTS_PER_RECORD));
const probes = JUMPS_A_SECOND * Math.max(1, seconds - WARM_UP_S);

/** All probes at a time, one resource each. */
function probeRecord(timeMs: number, value: (probe: number) => number): Buffer {
  const resourceMetrics = Array.from({ length: probes }, (_, i) => ({
    resource: { attributes: [{ key: "service.name", value: { stringValue: `probe-${i}` } }] },
    scopeMetrics: [
      {
        metrics: [{ name: "level", gauge: { dataPoints: [{ timeUnixNano: `${timeMs}000000`, asDouble: value(i) }] } }],
      },
    ],
  }));
  return Buffer.from(encode("metrics", { resourceMetrics }));
}

const main = await compileOurs();
const broker = await startBroker();
moveTo(OTHER_CORE, broker.pid);
moveTo(OTHER_CORE, process.pid);
const connection = { brokers: [broker.bootstrap], compression: "lz4" as const };
const transport = kafkajsTransport(connection);
const admin = clientOf(broker.bootstrap).admin();
const dir = mkdtempSync(join(tmpdir(), "faultwright-latency-"));
const config = join(dir, "pipeline.yaml");
const names = namesOf("latency");
writeFileSync(
  config,
  stringify({
    dataDir: join(dir, "data"),
    runtime: {
      kind: "kafka",
      ...connection,
      prefix: "latency",
      keyed: true,
      topics: [{ name: "metrics", format: "otlp-metrics-proto" }],
    },
    windows: { window: "1s", lateness: 1 },
    detect: { openEvidence: Number(values["open-evidence"]) },
    commit: 100,
  }),
);
await admin.connect();
await admin.createTopics({ topics: [{ topic: "metrics", numPartitions: 1 }] });
const worker = startPinned(process.execPath, [main, "run", "--config", config, "--log-level", "warn"], { loud: true });
try {
  const jumpedAt = new Map<string, number>();
  const taken: number[] = [];
  let stop = false;
  const watch = (async () => {
    while (!(await admin.listTopics()).includes(names.output("anomalies"))) await sleep(200);
    const reader = await transport.reader([names.output("anomalies")]);
    for (let at = 0n; !stop; ) {
      const { records, nextOffset } = await reader.take(names.output("anomalies"), 0, at, 1e6, 50);
      const now = Date.now();
      for (const r of records) {
        const { entity } = JSON.parse(Buffer.from(r.value ?? []).toString()) as Anomaly;
        const since = jumpedAt.get(entity);
        if (since === undefined) continue;
        taken.push(now - since);
        jumpedAt.delete(entity);
      }
      at = nextOffset;
    }
    await reader.close();
  })();
  const random = randomOf(7);
  const startMs = Math.ceil(Date.now() / 1000) * 1000;
  const load = otlpRecords({ series: instances * POINTS_PER_RECORD, partitions: 1, stepMs: STEP_MS, startMs });
  let behindMs = 0;
  let jumped = 0;
  for (let step = 0; step < (seconds * 1000 + GRACE_MS) / STEP_MS; step++) {
    const timeMs = startMs + step * STEP_MS;
    await sleep(Math.max(0, timeMs - Date.now()));
    behindMs = Math.max(behindMs, Date.now() - timeMs);
    const records = [];
    for (let i = 0; i < instances; i++) {
      const { key, value, timestampMs } = load.next().value as { key: Buffer; value: Buffer; timestampMs: number };
      records.push({ key, value, timestampMs, partition: 0 });
    }
    const due = Math.floor(((step * STEP_MS - WARM_UP_S * 1000) * JUMPS_A_SECOND) / 1000) + 1;
    for (; jumped < Math.min(due, probes); jumped++) jumpedAt.set(`probe-${jumped}`, Date.now());
    const value = probeRecord(timeMs, (i) => 50 + random() * 4 + (i < jumped ? 900 : 0));
    records.push({ key: Buffer.from("probes"), value, timestampMs: timeMs, partition: 0 });
    await transport.produce("metrics", records);
  }
  stop = true;
  await watch;
  taken.sort((a, b) => a - b);
  const quantile = (q: number) => taken[Math.min(taken.length - 1, Math.floor(q * taken.length))] ?? null;
  const result = {
    pointsPerSec: (instances * POINTS_PER_RECORD * 1000) / STEP_MS,
    openEvidence: Number(values["open-evidence"]),
    jumps: probes,
    found: taken.length,
    p50Ms: quantile(0.5),
    p90Ms: quantile(0.9),
    p99Ms: quantile(0.99),
    maxMs: taken.at(-1) ?? null,
    /** The load came at most so much too late. */
    behindMs,
    othersShare: worker.othersShare,
    machine: machine(),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  await worker.stop();
  await transport.close();
  await admin.disconnect();
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
}
