/** The Java rivals: Kafka's own consumer perf tool, and the Kafka Streams job. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Filled } from "./fill.ts";
import { jsonOf, outputOf, startPinned } from "./process.ts";

const run = promisify(execFile);
const HERE = join(import.meta.dirname, "java");
const cacheDir = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "faultwright");

/** Jars and the compiled job, made once for each state of pom and job. @throws when Maven or javac is missing */
export async function javaClasses(): Promise<string> {
  const state = createHash("sha256");
  for (const file of ["pom.xml", "StreamsJob.java"]) state.update(readFileSync(join(HERE, file)));
  const dir = join(cacheDir, `bench-java-${state.digest("hex").slice(0, 12)}`);
  if (!existsSync(dir)) {
    if (outputOf("mvn", "-version") === undefined)
      throw new Error("mvn is not installed (it fetches Kafka Streams once)");
    if (outputOf("javac", "-version") === undefined)
      throw new Error("javac is not installed (a JDK of 17 or newer compiles the job)");
    mkdirSync(cacheDir, { recursive: true });
    const work = mkdtempSync(join(cacheDir, "bench-java-"));
    try {
      copyFileSync(join(HERE, "pom.xml"), join(work, "pom.xml"));
      await run("mvn", ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], { cwd: work });
      const job = join(HERE, "StreamsJob.java");
      await run("javac", ["-nowarn", "-d", join(work, "classes"), "-cp", join(work, "lib", "*"), job]);
      if (!existsSync(dir)) renameSync(work, dir);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return [join(dir, "classes"), join(dir, "lib", "*"), join(cacheDir, "kafka-4.3.1", "*")].join(":");
}

/** A silent log and a directory of its own; what the JVM would take by default on this machine is left to it. */
async function withJava<T>(classes: string, work: (flags: string[]) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-bench-java-"));
  try {
    const log = join(dir, "log4j2.properties");
    writeFileSync(log, "rootLogger.level = off\n");
    return await work([`-Dlog4j2.configurationFile=${log}`, `-Djava.io.tmpdir=${dir}`, "-cp", classes]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Until the JIT has settled. */
const WARM_UP_MS = 1500;
const INTERVAL_MS = 250;

/**
 * What Kafka's own Java consumer fetches and decompresses, doing nothing with it: `ConsumerPerformance` again and again
 * until `seconds` of steady intervals are there; the rate over those. Bytes are of values, uncompressed.
 */
export async function javaFetch(classes: string, bootstrap: string, topic: Filled, seconds: number) {
  const steady: { bytesPerSec: number; recordsPerSec: number }[] = [];
  let rssBytes = 0;
  let othersShare: number | undefined;
  for (let i = 0; i < 20 && (steady.length * INTERVAL_MS) / 1000 < seconds; i++) {
    const lines = await withJava(classes, async (flags) => {
      const tool = [
        "org.apache.kafka.tools.ConsumerPerformance",
        "--bootstrap-server",
        bootstrap,
        "--topic",
        topic.name,
      ];
      const count = ["--num-records", String(topic.records), "--reporting-interval", String(INTERVAL_MS)];
      const child = startPinned("java", [...flags, ...tool, ...count, "--show-detailed-stats", "--hide-header"]);
      const text = await child.ended;
      rssBytes = Math.max(rssBytes, child.peakRssBytes);
      othersShare = child.othersShare;
      return text.split("\n").map((line) => line.split(",").map((cell) => cell.trim()));
    });
    // time, thread, MB (2^20 bytes) so far, MB/s, records so far, records/s, ...
    const rows = lines.filter((cells) => cells.length >= 6 && Number(cells[2]) >= 0);
    const startMs = Date.parse(isoOf(rows[0]?.[0] ?? ""));
    const warm = rows.filter((cells) => Date.parse(isoOf(cells[0] ?? "")) - startMs > WARM_UP_MS);
    // A topic that the tool has read before it is warm has no steady part: then all of it but the first interval.
    for (const cells of warm.length > 0 ? warm : rows.slice(1))
      steady.push({ bytesPerSec: Number(cells[3]) * 2 ** 20, recordsPerSec: Number(cells[5]) });
  }
  if (steady.length === 0) throw new Error("the topic is too short for Kafka's perf tool: give more points");
  const mean = (of: (s: (typeof steady)[number]) => number) =>
    steady.reduce((sum, s) => sum + of(s), 0) / steady.length;
  return {
    bytesPerSec: mean((s) => s.bytesPerSec),
    recordsPerSec: mean((s) => s.recordsPerSec),
    rssBytes,
    othersShare,
  };
}

/** `2026-11-21 11:35:47:004` as the tool writes it. */
const isoOf = (text: string) => text.replace(/^(\S+) (\d+:\d+:\d+):(\d+)$/, "$1T$2.$3Z");

export type StreamsVariant = "defaults" | "tuned" | "processor";

export interface StreamsOptions {
  readonly warmUp: Filled;
  readonly topic: Filled;
  /** Processed when it ends; at most what the topic holds. */
  readonly points: number;
  readonly windowMs: number;
  readonly latenessMs: number;
  readonly commitMs: number;
}

/** The Kafka Streams job, warmed up in the same JVM. */
export function kafkaStreams(classes: string, bootstrap: string, variant: StreamsVariant, o: StreamsOptions) {
  const times = [o.windowMs, o.latenessMs, o.commitMs];
  const topics = [o.warmUp.name, o.warmUp.points, o.topic.name, Math.min(o.points, o.topic.points)];
  return withJava(classes, (flags) =>
    jsonOf<{ pointsPerSec: number; points: number; windows: number; anomalies: number; late: number }>(
      "java",
      [...flags, "StreamsJob", variant, bootstrap, ...[...topics, ...times].map(String)],
      { loud: true },
    ),
  );
}
