/** Our side: `faultwright run` as a process of its own, measured from outside by the offsets that it commits. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Admin } from "kafkajs";
import { stringify } from "yaml";
import { clientOf, type Filled } from "./fill.ts";
import { ROOT, startPinned } from "./process.ts";

const run = promisify(execFile);
const POLL_MS = 100;
/** Nothing committed for this long is a failure. */
const STALL_MS = 120_000;

export interface OursOptions {
  readonly bootstrap: string;
  readonly topic: Filled;
  readonly windowMs: number;
  readonly latenessMs: number;
  readonly commitMs: number;
  /** Left out at the beginning, counted from the first commit. */
  readonly warmUpSeconds: number;
  readonly say?: (text: string) => void;
}

export interface OursResult {
  readonly pointsPerSec: number;
  readonly recordsPerSec: number;
  readonly bytesPerSec: number;
  readonly rssBytes: number;
  /** CPU time of all threads in the measured part, by its length: below 1 it waited, or others had the core. */
  readonly cpuShare: number | null;
  /** Part of the process's life in which something else had the core. */
  readonly othersShare: number | undefined;
  readonly measuredSeconds: number;
  /** `commits`: from one commit to the last. `process`: start to end, for a runtime that commits no offsets. */
  readonly measuredBy: "commits" | "process";
}

/** Compiles the tree, so that no loader is measured; gives the command's file. */
export async function compileOurs(): Promise<string> {
  // Inside node_modules, so that the output finds the packages.
  const out = join(ROOT, "node_modules/.cache/faultwright-bench");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await run("npx", ["tsc", "-p", "tsconfig.build.json", "--outDir", out, "--declaration", "false"], { cwd: ROOT });
  writeFileSync(join(out, "package.json"), '{"type":"module"}');
  return join(out, "pipelines/cli/main.js");
}

/** The whole of what our side is told. */
function configOf({ bootstrap, topic, windowMs, latenessMs, commitMs }: OursOptions, dataDir: string) {
  const format = topic.format === "otlp" ? "otlp-metrics-proto" : "jsonl";
  return {
    system: "bench",
    dataDir,
    runtime: {
      kind: "kafka",
      brokers: [bootstrap],
      prefix: `bench-${topic.name}-${process.pid}-${Date.now()}`,
      // The load writes each instance to one partition, as the Collector does with partitioning by resource.
      keyed: true,
      topics: [{ name: topic.name, format }],
    },
    windows: { window: windowMs, lateness: latenessMs },
    commit: commitMs,
  };
}

/** Runs until the topic's end is committed. @throws when the process ends early or stalls */
export async function ours(main: string, options: OursOptions): Promise<OursResult> {
  const { bootstrap, topic, warmUpSeconds, say = () => {} } = options;
  const dir = mkdtempSync(join(tmpdir(), "faultwright-bench-"));
  const config = join(dir, "pipeline.yaml");
  writeFileSync(config, stringify(configOf(options, join(dir, "data"))));
  const admin = clientOf(bootstrap).admin();
  await admin.connect();
  const before = await groupsOf(admin);
  const startMs = performance.now();
  const child = startPinned(process.execPath, [main, "run", "--config", config, "--log-level", "warn"]);
  const samples: { atMs: number; records: number; cpu: number | undefined }[] = [];
  try {
    let lastMs = startMs;
    let nextSayMs = startMs + 5000;
    while ((samples.at(-1)?.records ?? 0) < topic.records) {
      if (child.exited) break;
      const records = await committed(admin, topic, before);
      const atMs = performance.now();
      if (records > (samples.at(-1)?.records ?? 0)) {
        samples.push({ atMs, records, cpu: child.cpuSeconds() });
        lastMs = atMs;
      }
      if (atMs - lastMs > STALL_MS && samples.length > 0) throw new Error(`no commit for ${STALL_MS / 1000} s`);
      if (atMs > nextSayMs) {
        say(`ours ${topic.name}: ${records} of ${topic.records} records committed`);
        nextSayMs = atMs + 5000;
      }
      await sleep(POLL_MS);
    }
    const endMs = performance.now();
    const reached = (samples.at(-1)?.records ?? 0) >= topic.records;
    if (!reached) {
      await child.ended; // throws with what it said
      if (samples.length > 0) throw new Error(`it ended after ${samples.at(-1)?.records} of ${topic.records} records`);
    }
    const { valueBytes, records: all, pointsPerRecord } = topic;
    const resultOf = (records: number, seconds: number, cpu: number | null, measuredBy: OursResult["measuredBy"]) => ({
      pointsPerSec: (records * pointsPerRecord) / seconds,
      recordsPerSec: records / seconds,
      bytesPerSec: (records * (valueBytes / all)) / seconds,
      rssBytes: child.peakRssBytes,
      cpuShare: cpu === null ? null : cpu / seconds,
      othersShare: child.othersShare,
      measuredSeconds: seconds,
      measuredBy,
    });
    if (!reached) return resultOf(all, (endMs - startMs) / 1000, null, "process");
    const first = samples[0]!;
    const last = samples.at(-1)!;
    const warm = samples.find((s) => s.atMs - first.atMs >= warmUpSeconds * 1000);
    // A run that is hardly longer than its warm-up is all there is.
    const from = warm && last.atMs - warm.atMs > warmUpSeconds * 1000 ? warm : first;
    if (from === last) throw new Error("the whole topic came with one commit: give more points");
    const cpu = from.cpu !== undefined && last.cpu !== undefined ? last.cpu - from.cpu : null;
    return resultOf(last.records - from.records, (last.atMs - from.atMs) / 1000, cpu, "commits");
  } finally {
    await child.stop();
    await admin.disconnect();
    rmSync(dir, { recursive: true, force: true });
  }
}

const groupsOf = async (admin: Admin) => new Set((await admin.listGroups()).groups.map((g) => g.groupId));

/** Records of the topic that a group which came since `before` has committed. */
async function committed(admin: Admin, topic: Filled, before: ReadonlySet<string>): Promise<number> {
  let most = 0;
  // A coordinator that is still loading has nothing to say yet.
  for (const groupId of await groupsOf(admin).catch(() => new Set<string>())) {
    if (before.has(groupId)) continue;
    const topics = await admin.fetchOffsets({ groupId, topics: [topic.name] }).catch(() => []);
    // -1 is nothing committed yet. The load is written without transactions, so offsets count records.
    const sum = topics.flatMap((t) => t.partitions).reduce((n, p) => n + Math.max(0, Number(p.offset)), 0);
    most = Math.max(most, sum);
  }
  return most;
}
