/**
 * Points a second and memory of the stage `features` (decode, windows, detect) over the number of live series, one
 * process for each. `npx tsx test/bench/pipeline.ts [--series 1000,10000,100000,1000000] [--json]`
 * Making the records is not counted. Times are CPU times of the process, so that a busy machine does not show; they are
 * split between decode, windows and detect by the share of each on the clock. RSS a series is what the process gained
 * since before the stage was made.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { Outbox } from "../../pipelines/core/stage.ts";
import { otlpMetricsProto } from "../../pipelines/ingest/decoders/otlp-metrics-proto.ts";
import { assemble } from "../../pipelines/run/assemble.ts";
import { INTERVAL_MS, otlpLoad, POINTS_A_RECORD } from "./otlp-load.ts";

export interface PipelineResult {
  readonly series: number;
  readonly points: number;
  readonly pointsPerSec: number;
  /** Nanoseconds a point. */
  readonly decodeNs: number;
  readonly windowsNs: number;
  readonly detectNs: number;
  /** State that a window with a value for every series changes: bytes and CPU time of handing it out. */
  readonly commitBytes: number;
  readonly commitMs: number;
  readonly rssBytes: number;
  readonly maxRssBytes: number;
  readonly heapBytesPerSeries: number;
  readonly rssBytesPerSeries: number;
  readonly anomalies: number;
  /** Of all anomalies: two versions that agree found the same. */
  readonly digest: string;
}

const POINTS = 20_000_000;
const LEAST_INTERVALS = 50;
const WARM_INTERVALS = 35;
const MOST_INTERVALS = 4000;
/** Records made at a time, before the clock runs. */
const BATCH = 64;

function msSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function measure(series: number, points: number): PipelineResult {
  const load = otlpLoad();
  const before = process.memoryUsage();
  const { features } = assemble(parseConfig("{ system: bench, limits: { series: 4000000 } }"));
  const instances = Math.ceil(series / POINTS_A_RECORD);
  const intervals = Math.min(MOST_INTERVALS, Math.max(LEAST_INTERVALS, Math.ceil(points / series)));
  let decodeMs = 0;
  let detectMs = 0;
  let clockMs = 0;
  let cpuMs = 0;
  let anomalies = 0;
  let windowAt = 0;
  const hash = createHash("sha256");
  const out: Outbox = {
    emit(topic, key, record) {
      if (topic !== "anomalies") throw new Error(`${topic} ${key}: ${JSON.stringify(record)}`);
      anomalies += 1;
      hash.update(JSON.stringify(record));
    },
    send(message) {
      if (message.type === "windows") windowAt = performance.now();
      else if (message.type === "watermark") detectMs += performance.now() - windowAt;
    },
  };
  const decode = otlpMetricsProto.decode;
  otlpMetricsProto.decode = (record, into) => {
    const start = performance.now();
    decode(record, into);
    decodeMs += performance.now() - start;
  };
  features.join("bench");
  let counted = 0;
  const batch = Array.from({ length: BATCH }, () => ({ value: Buffer.alloc(load.recordBytes), ingestTimeMs: 0 }));
  const runInterval = (interval: number) => {
    for (let from = 0; from < instances; from += BATCH) {
      const n = Math.min(BATCH, instances - from);
      for (let i = 0; i < n; i++) {
        const { value, ingestTimeMs } = load.record(from + i, interval);
        value.copy(batch[i]!.value);
        batch[i]!.ingestTimeMs = ingestTimeMs;
      }
      const cpu = process.cpuUsage();
      const start = performance.now();
      for (let i = 0; i < n; i++)
        features.process({ source: "bench", position: "0", format: "otlp-metrics-proto", ...batch[i]! }, out);
      clockMs += performance.now() - start;
      cpuMs += msSince(cpu);
    }
  };
  for (let interval = 0; interval < intervals; interval++) {
    // The first intervals make series and warm the banks: they are not the usual cost.
    if (interval === Math.min(WARM_INTERVALS, intervals - 10)) decodeMs = detectMs = clockMs = cpuMs = counted = 0;
    runInterval(interval);
    counted += instances * POINTS_A_RECORD;
  }
  otlpMetricsProto.decode = decode;
  const after = process.memoryUsage();
  const maxRssBytes = process.resourceUsage().maxRSS * 1024;
  globalThis.gc?.();
  const heap = process.memoryUsage();
  const ns = (ms: number) => Math.round((ms * (cpuMs / clockMs) * 1e7) / counted) / 10;
  const pointsPerSec = Math.round((counted * 1000) / cpuMs);
  const [decodeNs, windowsNs, detectNs] = [decodeMs, clockMs - decodeMs - detectMs, detectMs].map(ns) as [
    number,
    number,
    number,
  ];
  features.snapshot(() => {});
  runInterval(intervals);
  let commitBytes = 0;
  const cpu = process.cpuUsage();
  features.snapshot((_, bytes) => {
    commitBytes += bytes?.length ?? 0;
  });
  const commitMs = msSince(cpu);
  const live = instances * POINTS_A_RECORD;
  const own = (m: NodeJS.MemoryUsage) => m.heapUsed + m.external - before.heapUsed - before.external;
  return {
    series: live,
    points: counted,
    pointsPerSec,
    decodeNs,
    windowsNs,
    detectNs,
    commitBytes,
    commitMs: Math.round(commitMs),
    rssBytes: after.rss,
    maxRssBytes,
    heapBytesPerSeries: Math.round(own(heap) / live),
    rssBytesPerSeries: Math.round((after.rss - before.rss) / live),
    anomalies,
    digest: hash.digest("hex").slice(0, 12),
  };
}

const { values } = parseArgs({
  options: {
    series: { type: "string", default: "1000,10000,100000,1000000" },
    points: { type: "string", default: String(POINTS) },
    json: { type: "boolean", default: false },
    one: { type: "string" },
  },
});
if (values.one) console.log(JSON.stringify(measure(Number(values.one), Number(values.points))));
else {
  const results = values.series.split(",").map((series) => {
    const args = [...process.execArgv, "--expose-gc", fileURLToPath(import.meta.url), "--one", series];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, "--points", values.points], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    if (status !== 0) throw new Error(`${series} series: ${stderr.slice(-2000)}`);
    return JSON.parse(stdout) as PipelineResult;
  });
  const machine = { cpu: cpus()[0]?.model.trim(), node: process.version, recordBytes: otlpLoad().recordBytes };
  if (values.json) console.log(JSON.stringify({ machine, intervalMs: INTERVAL_MS, results }));
  else {
    console.log(
      `${machine.cpu}, Node ${machine.node}; ${POINTS_A_RECORD} points a record of ${machine.recordBytes} bytes\n`,
    );
    console.log(
      "|   series | points/s | decode ns | windows ns | detect ns | heap B/series | RSS B/series |  RSS MB | peak MB |   commit |",
    );
    console.log(
      "|---------:|---------:|----------:|-----------:|----------:|--------------:|-------------:|--------:|--------:|---------:|",
    );
    for (const r of results) {
      const mb = (bytes: number) => `${Math.round(bytes / 1e6)}`;
      const cells = [
        r.series.toLocaleString("en").padStart(8),
        `${(r.pointsPerSec / 1e6).toFixed(2)} M`.padStart(8),
        String(r.decodeNs).padStart(9),
        String(r.windowsNs).padStart(10),
        String(r.detectNs).padStart(9),
        String(r.heapBytesPerSeries).padStart(13),
        String(r.rssBytesPerSeries).padStart(12),
        mb(r.rssBytes).padStart(7),
        mb(r.maxRssBytes).padStart(7),
        `${mb(r.commitBytes)} MB ${r.commitMs} ms`,
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
    console.log(`\nanomalies ${results.map((r) => `${r.anomalies} (${r.digest})`).join(", ")}`);
  }
}
