import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SignalSink } from "../../pipelines/core/signals.ts";
import { Tables } from "../../pipelines/core/tables.ts";
import { decoders } from "../../pipelines/ingest/decoders/index.ts";
import { skipWithoutBroker, startBroker } from "../broker/broker.ts";
import { messageTypes } from "../ingest/decoders/otlp-proto.ts";
import { clientOf, fill } from "./stream/fill.ts";
import { jsonRecords, type LoadRecord, otlpRecords, POINTS_PER_RECORD } from "./stream/load.ts";
import { ours } from "./stream/ours.ts";
import { bestOf, ratioOf, spreadOf, tableOf } from "./stream/summary.ts";

const START_MS = 1_760_000_040_000;
const LOAD = { series: 300, partitions: 2, stepMs: 1000, startMs: START_MS };

function first(records: Iterable<LoadRecord>, n: number): LoadRecord[] {
  const out: LoadRecord[] = [];
  for (const r of records) if (out.push(r) === n) break;
  return out;
}

/** Series, time and value of each point, as our decoder reads them. */
function decoded(format: "otlp-metrics-proto" | "jsonl", records: readonly LoadRecord[]) {
  const tables = new Tables();
  const sink = new SignalSink(tables);
  const points: { series: number; timeMs: number; value: number }[] = [];
  for (const { value, timestampMs } of records) {
    const record = { source: "s", position: "1", ingestTimeMs: timestampMs, format, value };
    sink.begin(record);
    decoders[format].decode(record, sink);
    expect(sink.rejected).toEqual([]);
    for (let i = 0; i < sink.points.length; i++)
      points.push({
        series: sink.points.seriesIds[i]!,
        timeMs: sink.points.timeMs[i]!,
        value: sink.points.value[i]!,
      });
  }
  return { tables, points };
}

describe("the load", () => {
  it("has 100 points a record, a point of each series a step, in order of event time", () => {
    const records = first(otlpRecords(LOAD), 9);
    const { tables, points } = decoded("otlp-metrics-proto", records);
    expect(points).toHaveLength(9 * POINTS_PER_RECORD);
    expect(tables.entities).toHaveLength(3);
    expect(tables.seriesCount).toBe(300);
    const kinds = Array.from({ length: 300 }, (_, id) => tables.seriesAt(id)?.kind);
    expect(kinds.filter((kind) => kind === "counter")).toHaveLength(180);
    expect(new Set(points.slice(300, 600).map((p) => p.series)).size).toBe(300);
    expect(points.map((p) => p.timeMs)).toEqual(points.map((_, i) => START_MS + 1000 * Math.floor(i / 300)));
    expect(records.map((r) => r.partition)).toEqual([0, 1, 0, 0, 1, 0, 0, 1, 0]);
  });

  it("reads the same through protobufjs: integers as integers, counters that grow", () => {
    const value = (record: LoadRecord) => {
      const message = messageTypes.metrics.toObject(messageTypes.metrics.decode(record.value), { longs: Number });
      const metrics = message.resourceMetrics[0].scopeMetrics[0].metrics;
      const points = (name: string) => {
        const metric = metrics.find((m: { name: string }) => m.name === name);
        return (metric.sum ?? metric.gauge).dataPoints;
      };
      return [
        points("system.disk.io")[0].asInt,
        points("system.cpu.time")[0].asDouble,
        points("queue.depth")[0].asDouble,
      ];
    };
    const records = first(otlpRecords({ ...LOAD, series: 100 }), 2);
    const [before, after] = records.map(value) as [number[], number[]];
    expect(Number.isInteger(before[0])).toBe(true);
    expect(after[0]).toBeGreaterThan(before[0]!);
    expect(after[1]).toBeGreaterThan(before[1]!);
    expect(before[2]).toBeGreaterThan(60);
    expect(before[2]).toBeLessThan(300);
  });

  it("is the same points as JSON messages, about 208 bytes each", () => {
    const json = first(jsonRecords(LOAD), 600);
    const { points } = decoded("jsonl", json);
    const otlp = decoded("otlp-metrics-proto", first(otlpRecords(LOAD), 6)).points;
    expect(points.map((p) => p.value)).toEqual(otlp.map((p) => p.value));
    expect(points.map((p) => p.timeMs)).toEqual(otlp.map((p) => p.timeMs));
    const mean = json.reduce((sum, r) => sum + r.value.length, 0) / json.length;
    expect(Math.abs(mean - 208)).toBeLessThan(20);
  });

  it("has a fault: the levels of one instance triple for a minute", () => {
    const load = { ...LOAD, stepMs: 60_000, startMs: Math.ceil(START_MS / 600_000) * 600_000 };
    const { points, tables } = decoded("otlp-metrics-proto", first(otlpRecords(load), 30));
    const depth = points.filter((p) => tables.seriesAt(p.series)!.metric === "queue.depth");
    const means = new Map<string, number>();
    for (const p of depth) {
      const at = `${tables.seriesAt(p.series)!.entityId} ${(p.timeMs - load.startMs) / 60_000}`;
      means.set(at, (means.get(at) ?? 0) + p.value / 10);
    }
    const high = [...means].filter(([, mean]) => mean > 350).map(([at]) => at);
    expect(high).toEqual([expect.stringMatching(/^\d 5$/)]);
  });

  it("refuses a number of series that is not whole instances", () => {
    expect(() => first(otlpRecords({ ...LOAD, series: 150 }), 1)).toThrow(/multiple of 100/);
  });
});

describe("the summary", () => {
  const rounds = [
    { ours: { rate: 10 }, slow: { rate: 1 }, fast: { rate: 5 } },
    { ours: { rate: 30 }, slow: { rate: 2 }, fast: undefined },
    { ours: { rate: 20 }, slow: { rate: 1 }, fast: { rate: 4 } },
  ];
  it("takes ratios within a round, then their median", () => {
    expect(ratioOf(rounds, "ours", "slow", "rate")).toBe(15);
    expect(ratioOf(rounds, "ours", "fast", "rate")).toBe(3.5);
  });
  it("makes up no ratio: null for what nobody measured", () => {
    expect(ratioOf(rounds, "ours", "absent", "rate")).toBeNull();
    expect(ratioOf([{ ours: { rate: 1 }, slow: { rate: 0 } }], "ours", "slow", "rate")).toBeNull();
    expect(spreadOf([])).toBeUndefined();
  });
  it("compares with the best of a rival's variants", () => {
    expect(bestOf(rounds, ["slow", "fast", "absent"], "rate")).toBe("fast");
    expect(bestOf(rounds, ["absent"], "rate")).toBeUndefined();
  });
  it("aligns columns", () =>
    expect(
      tableOf([
        ["a", "10"],
        ["bcd", "5"],
      ]),
    ).toBe("a    10\nbcd   5\n"));
});

describe("npm run bench", () => {
  const bench = (...args: string[]) => {
    try {
      const out = execFileSync(process.execPath, ["--import", "tsx", "test/bench/run.ts", ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
      return { status: 0, out, err: "" };
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
      return { status, out: stdout, err: stderr };
    }
  };
  it("lists what there is", () => expect(bench("list").out).toMatch(/^stream: .*--only.*^bank: /ms));
  it.each([
    [["streem"], /no benchmark streem/],
    [["stream", "--only", "ours,flink"], /flink: there are ours, java/],
    [["stream", "--seconds", "-1"], /--seconds/],
    [["stream", "--fast"], /--fast/],
  ])("%j is a usage error", (args, message) => {
    const { status, out, err } = bench(...args);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(message);
  });
});

describe.skipIf(skipWithoutBroker())("measured on a real broker", () => {
  it("a job that commits 100 records each 100 ms is measured so, and one that ends early is an error", async () => {
    const broker = await startBroker();
    const dir = mkdtempSync(join(tmpdir(), "faultwright-bench-test-"));
    try {
      const { bootstrap } = broker;
      const topic = await fill(bootstrap, { ...LOAD, name: "m", format: "otlp", points: 300_000, partitions: 1 });
      expect(topic).toMatchObject({ records: 3000, points: 300_000 });
      expect(topic.wireBytes).toBeLessThan(topic.valueBytes / 3);
      const admin = clientOf(bootstrap).admin();
      await admin.connect();
      expect(await admin.fetchTopicOffsets("m")).toMatchObject([{ low: "0", high: "3000" }]);
      await admin.disconnect();
      const options = { bootstrap, topic, windowMs: 1000, latenessMs: 1000, commitMs: 100, warmUpSeconds: 0.5 };
      const result = await ours(join(import.meta.dirname, "stream/committing-consumer.mjs"), options);
      expect(result).toMatchObject({ measuredBy: "commits" });
      expect(result.recordsPerSec).toBeLessThan(1000);
      expect(result.recordsPerSec).toBeGreaterThan(100);
      expect(result.pointsPerSec).toBeCloseTo(100 * result.recordsPerSec, 3);
      expect(result.bytesPerSec).toBeCloseTo((result.recordsPerSec * topic.valueBytes) / 3000, 0);
      expect(result.rssBytes).toBeGreaterThan(30e6);
      const broken = join(dir, "broken.mjs");
      writeFileSync(broken, "process.stderr.write('no such option'); process.exit(3);");
      await expect(ours(broken, options)).rejects.toThrow(/ended with 3: no such option/);
    } finally {
      rmSync(dir, { recursive: true });
      await broker.stop();
    }
  }, 120_000);
});
