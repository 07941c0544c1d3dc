import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { systemClock } from "../../pipelines/core/clock.ts";
import { parseConfig } from "../../pipelines/core/config.ts";
import { dataDirCheck, nodeCheck } from "../../pipelines/run/checks.ts";
import { stream } from "../../pipelines/run/stream.ts";
import { kafkajsTransport } from "../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../broker/broker.ts";
import { encode } from "../ingest/decoders/otlp-proto.ts";

const root = resolve(import.meta.dirname, "../..");
const dir = mkdtempSync(join(tmpdir(), "faultwright-doctor-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** The command in a process of its own, as people call it. */
function doctor(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((done, fail) => {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "pipelines/cli/main.ts", "doctor", "--data-dir", dir, ...args],
      { cwd: root },
    );
    let [out, err] = ["", ""];
    child.stdout.on("data", (d) => (out += d));
    child.stderr.on("data", (d) => (err += d));
    child.on("error", fail).on("close", (code) => done({ code, out, err }));
  });
}
const json = async (...args: string[]) => {
  const { code, out } = await doctor("--json", ...args);
  return {
    code,
    ...(JSON.parse(out) as {
      ok: boolean;
      checks: { name: string; status: string; detail: string }[];
      topics: Record<string, unknown>[];
    }),
  };
};

describe("checks", () => {
  it.each([
    ["20.18.3", "fail"],
    ["18.20.0", "fail"],
    ["20.19.0", "ok"],
    ["24.1.0", "ok"],
  ])("Node %s: %s", (version, status) => expect(nodeCheck(version).status).toBe(status));

  it("a data directory: writable, not there yet, a file, not ours; nothing is left behind", async () => {
    mkdirSync(join(dir, "closed"));
    chmodSync(join(dir, "closed"), 0o555);
    writeFileSync(join(dir, "file"), "");
    const status = async (path: string) => (await dataDirCheck(join(dir, path))).status;
    expect(await status(".")).not.toBe("fail");
    expect(await status("a/b/c")).not.toBe("fail");
    expect(await status("file")).toBe("fail");
    if (process.getuid?.() !== 0) expect(await status("closed")).toBe("fail");
    expect(readdirSync(dir).sort()).toEqual(["closed", "file"]);
  });
});

describe("faultwright doctor", () => {
  it.each([
    [["--brokers", "localhost:9092"]],
    [["--topic", "a"]],
    [["--topic", "a", "--brokers", ","]],
    [["--records", "0"]],
    [["--nonsense"]],
  ])("bad usage %j ends with 2", async (args) => expect((await doctor(...args)).code).toBe(2), 30_000);

  it("finds every addon here, and says what is wrong with a configuration", async () => {
    const good = join(dir, "good.yaml");
    const bad = join(dir, "bad.yaml");
    writeFileSync(join(dir, "data.csv"), "timestamp,v\n1,2\n");
    writeFileSync(good, stringify({ sources: [{ kind: "files", paths: [join(dir, "data.csv")] }] }));
    const sources = [{ kind: "files", paths: [join(dir, "gone.csv")], format: "nonsense" }];
    writeFileSync(
      bad,
      stringify({ sources, recover: { supervisor: { url: "http://127.0.0.1:1", tokenEnv: "NOT_SET_ANYWHERE" } } }),
    );
    const fine = await json("--config", good);
    expect(fine).toMatchObject({ code: 0, ok: true, topics: [] });
    expect(fine.checks.filter((c) => c.status === "fail")).toEqual([]);
    expect(fine.checks.map((c) => c.name)).toEqual([
      "node",
      "tfjs",
      "lz4",
      "snappy",
      "zstd",
      "store",
      "config",
      "data directory",
      "formats",
      `file ${join(dir, "data.csv")}`,
    ]);
    const broken = await json("--config", bad);
    expect(broken.code).toBe(1);
    expect(broken.checks.filter((c) => c.status === "fail").map((c) => c.name)).toEqual([
      "formats",
      `file ${join(dir, "gone.csv")}`,
      "supervisor token",
    ]);
    writeFileSync(bad, "sources: [{kind: telepathy}]\nnonsense: 1\n");
    const invalid = await doctor("--config", bad);
    expect(invalid.code).toBe(1);
    expect(invalid.out).toMatch(/FAIL config: [\s\S]*sources\.0[\s\S]*nonsense/);
    expect((await json("--config", join(dir, "nowhere.yaml"))).code).toBe(1);
  }, 60_000);

  it("says that no broker answers", async () => {
    const r = await json("--topic", "a", "--brokers", "127.0.0.1:1");
    expect(r).toMatchObject({ code: 1, ok: false });
    expect(r.checks.at(-1)).toMatchObject({
      name: "topic a",
      status: "fail",
      detail: expect.stringMatching(/127\.0\.0\.1:1/),
    });
  }, 30_000);
});

describe.skipIf(skipWithoutBroker())("on a real broker", () => {
  let broker: Broker;
  const START = Date.UTC(2026, 0, 2);
  const otlp = (service: string, i: number) =>
    Buffer.from(
      encode("metrics", {
        resourceMetrics: [
          {
            resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
            scopeMetrics: [
              {
                metrics: [
                  { name: "cpu", gauge: { dataPoints: [{ timeUnixNano: `${START + 1000 * i}000000`, asDouble: i }] } },
                ],
              },
            ],
          },
        ],
      }),
    );
  type Row = { key?: Buffer; value: Buffer; partition: number; timestampMs: number };
  const rows = (n: number, of: (i: number) => { key?: string; value: Buffer | string; partition?: number }): Row[] =>
    Array.from({ length: n }, (_, i) => {
      const { key, value, partition = 0 } = of(i);
      return {
        ...(key === undefined ? {} : { key: Buffer.from(key) }),
        value: Buffer.from(value),
        partition,
        timestampMs: START + 1000 * i,
      };
    });

  beforeAll(async () => {
    broker = await startBroker();
    const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const topics: Record<string, Row[]> = {
      otlp_metrics: rows(300, (i) => ({ key: `s${i % 4}`, value: otlp(`s${i % 4}`, i), partition: i % 2 })),
      app_logs: rows(40, (i) => ({
        value:
          i === 7 ? "{" : JSON.stringify({ "@timestamp": START / 1000 + i, log: `line ${i}`, hostname: `h${i % 3}` }),
      })),
      plant: rows(50, (i) => ({
        value: JSON.stringify({ ts: START + 1000 * i, machine: `press-${i % 2}`, temperature: 20 + i }),
      })),
      avro: rows(5, () => ({ value: Buffer.from([0, 0, 0, 0, 9, 2, 2, 2]) })),
      nothing: [],
    };
    // Records of a fixed day are older than a broker keeps them: its first sweep comes half a minute after its start.
    const configEntries = [{ name: "retention.ms", value: "-1" }];
    await admin.createTopics({
      topics: Object.keys(topics).map((topic) => ({ topic, numPartitions: 2, configEntries })),
    });
    await admin.disconnect();
    const transport = kafkajsTransport({ brokers: [broker.bootstrap] });
    for (const [topic, records] of Object.entries(topics))
      if (records.length > 0) await transport.produce(topic, records);
    await transport.close();
  }, 180_000);
  afterAll(() => broker?.stop());

  it("tells what topics hold, first and last records, and prints a configuration that a run takes", async () => {
    const { code, out } = await doctor("--brokers", broker.bootstrap, "--topic", "otlp_metrics", "--topic", "app_logs");
    expect(out).toContain("otlp_metrics: 2 partitions, 300 records; looked at 100");
    expect(out).toMatch(/keys +by entity/);
    expect(out).toMatch(/time +2026-01-02 00:00:00 to 2026-01-02 00:04:59 UTC/);
    expect(out).toMatch(/rejected +1 row: DECODE_BAD_JSON/);
    expect(code).toBe(0);
    const printed = out.slice(out.indexOf("For the configuration:") + "For the configuration:".length);
    const config = parseConfig(stringify({ ...parse(printed), dataDir: join(dir, "run") }));
    const run = await stream({ config, clock: systemClock, log: pino({ level: "silent" }) });
    await run.ended;
    await run.stop();
  }, 120_000);

  it("as JSON", async () => {
    const r = await json("--brokers", broker.bootstrap, "--topic", "otlp_metrics", "--records", "20");
    expect(r.topics).toEqual([
      {
        topic: "otlp_metrics",
        partitions: 2,
        records: 300,
        sample: { records: 20, bytes: expect.any(Number) },
        format: "otlp-metrics-proto",
        confidence: 1,
        reason: "rows with the fields of OTLP metrics in 20 of 20 samples",
        rowsPerRecord: 1,
        rows: { points: 20, histograms: 0, logs: 0, spans: 0 },
        entities: { count: 4, names: expect.arrayContaining(["service:s0", "service:s3"]) },
        series: 4,
        timeRangeMs: [START, START + 299_000],
        rejected: [],
        keying: "byEntity",
        config: { name: "otlp_metrics", format: "otlp-metrics-proto" },
      },
    ]);
  }, 60_000);

  it("guesses a mapping, refuses what it can't read, and names missing topics", async () => {
    const topics = ["plant", "avro", "nothing", "missing"].flatMap((t) => ["--topic", t]);
    const r = await json("--brokers", broker.bootstrap, ...topics);
    expect(r.code).toBe(1);
    expect(r.checks.slice(-4).map((c) => `${c.name} ${c.status}`)).toEqual([
      "topic plant warn",
      "topic avro fail",
      "topic nothing warn",
      "topic missing fail",
    ]);
    expect(r.topics[0]).toMatchObject({
      keying: "none",
      config: { name: "plant", format: "json", mapping: { time: "ts", entity: "machine", values: ["temperature"] } },
    });
    expect(r.topics[1]).toMatchObject({ format: null, reason: expect.stringMatching(/schema 9/) });
    expect(r.checks.at(-1)?.detail).toMatch(/missing/);
  }, 60_000);

  it("format: auto reads the topic, or says why it can't", async () => {
    const of = (topics: object[]) =>
      parseConfig(
        stringify({
          dataDir: join(dir, `auto-${Object.values(topics[0] as object)[0]}`),
          sources: [{ kind: "kafka", brokers: [broker.bootstrap], topics }],
        }),
      );
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
    const mapping = { time: "ts", timeUnit: "ms", entity: "machine", values: ["temperature"] };
    const run = await stream({
      config: of([{ name: "app_logs" }, { name: "plant", format: "json", mapping }]),
      clock: systemClock,
      log,
    });
    await run.ended;
    await run.stop();
    expect(lines.map((l) => JSON.parse(l)).find((l) => l.topic === "app_logs")).toMatchObject({
      format: "fluent-bit",
      msg: "format told from a sample",
    });
    expect(lines.filter((l) => l.includes("dead letter"))).toHaveLength(1);
    for (const [name, text] of [
      ["plant", /perhaps json/],
      ["nothing", /nothing there/],
      ["avro", /nothing fits/],
    ] as const)
      await expect(stream({ config: of([{ name }]), clock: systemClock, log })).rejects.toThrow(text);
  }, 120_000);

  it("takes the brokers and the mapping from a configuration, and checks its topics", async () => {
    const file = join(dir, "kafka.yaml");
    const topics = [
      {
        name: "plant",
        format: "json",
        mapping: { time: "ts", timeUnit: "ms", entity: "machine", values: ["temperature"] },
      },
    ];
    writeFileSync(file, stringify({ sources: [{ kind: "kafka", brokers: [broker.bootstrap], topics }] }));
    const r = await json("--config", file, "--topic", "plant");
    expect(r).toMatchObject({
      code: 0,
      topics: [
        { reason: "as given", sample: { records: 50 }, entities: { names: ["service:press-0", "service:press-1"] } },
      ],
    });
    expect((await json("--config", file)).checks.at(-1)).toMatchObject({
      status: "ok",
      detail: "1 topics, 2 partitions",
    });
    writeFileSync(
      file,
      stringify({ sources: [{ kind: "kafka", brokers: [broker.bootstrap], topics: [{ name: "gone" }] }] }),
    );
    expect((await json("--config", file)).checks.at(-1)).toMatchObject({
      status: "fail",
      detail: expect.stringMatching(/gone/),
    });
  }, 60_000);
});
