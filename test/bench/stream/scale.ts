/**
 * Two workers on two partitions against one: `npm run bench -- scale [--points 4000000] [--json]`. Both take what is
 * there, none is pinned, the broker runs beside them: on few cores that is what limits it, so the cores that each run got
 * are told too.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { startBroker } from "../../broker/broker.ts";
import { clientOf, fill } from "./fill.ts";
import { compileOurs } from "./ours.ts";
import { machine, startFree } from "./process.ts";

const { values } = parseArgs({
  options: { points: { type: "string", default: "12000000" }, json: { type: "boolean", default: false } },
});
const STALL_MS = 120_000;
/** Left out at the beginning: joining, restoring, compiling. */
const WARM_UP_MS = 5000;

const main = await compileOurs();
const broker = await startBroker();
const admin = clientOf(broker.bootstrap).admin();
try {
  await admin.connect();
  const topic = await fill(broker.bootstrap, {
    name: "metrics",
    format: "otlp",
    points: Number(values.points),
    series: 10_000,
    partitions: 2,
    stepMs: 1000,
  });
  const run = async (count: number) => {
    const prefix = `scale-${count}`;
    const dirs = Array.from({ length: count }, () => mkdtempSync(join(tmpdir(), "faultwright-scale-")));
    const workers = dirs.map((dir) => {
      const config = join(dir, "pipeline.yaml");
      const runtime = {
        kind: "kafka",
        brokers: [broker.bootstrap],
        prefix,
        keyed: true,
        topics: [{ name: topic.name, format: "otlp-metrics-proto" }],
      };
      const windows = { window: "10s", lateness: "10s" };
      writeFileSync(config, stringify({ system: "bench", dataDir: join(dir, "data"), runtime, windows }));
      return startFree(process.execPath, [main, "run", "--config", config, "--log-level", "warn"]);
    });
    const samples: { atMs: number; records: number; cpu: number }[] = [];
    try {
      for (let lastMs = performance.now(); (samples.at(-1)?.records ?? 0) < topic.records; await sleep(100)) {
        const ended = workers.find((w) => w.exited);
        if (ended) await ended.ended;
        const groupId = (await admin.listGroups().catch(() => ({ groups: [] }))).groups
          .map((g) => g.groupId)
          .find((id) => id.startsWith(prefix) && id.endsWith("features"));
        if (groupId === undefined) continue;
        const offsets = await admin.fetchOffsets({ groupId, topics: [topic.name] }).catch(() => []);
        const records = offsets.flatMap((t) => t.partitions).reduce((n, p) => n + Math.max(0, Number(p.offset)), 0);
        const atMs = performance.now();
        if (records > (samples.at(-1)?.records ?? 0)) {
          samples.push({ atMs, records, cpu: workers.reduce((sum, w) => sum + (w.cpuSeconds() ?? 0), 0) });
          lastMs = atMs;
        }
        if (atMs - lastMs > STALL_MS) throw new Error(`no commit for ${STALL_MS / 1000} s`);
      }
      const last = samples.at(-1)!;
      const first = samples.find((s) => s.atMs - samples[0]!.atMs >= WARM_UP_MS) ?? samples[0]!;
      const elapsed = (last.atMs - first.atMs) / 1000;
      return {
        workers: count,
        pointsPerSec: ((last.records - first.records) * topic.pointsPerRecord) / elapsed,
        coresUsed: (last.cpu - first.cpu) / elapsed,
      };
    } finally {
      await Promise.all(workers.map((w) => w.stop()));
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    }
  };
  const one = await run(1);
  const two = await run(2);
  const speedup = two.pointsPerSec / one.pointsPerSec;
  const perCore = two.pointsPerSec / two.coresUsed / (one.pointsPerSec / one.coresUsed);
  const result = { one, two, speedup, perCoreOfTwoOverOne: perCore, machine: machine() };
  process.stdout.write(`${JSON.stringify(result, null, values.json ? 0 : 2)}\n`);
} finally {
  await admin.disconnect();
  await broker.stop();
}
