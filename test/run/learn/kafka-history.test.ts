/** A topic's range as the history that models learn from, on a real broker. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { backtest } from "../../../pipelines/run/learn/backtest.ts";
import { readInput } from "../../../pipelines/run/learn/read-input.ts";
import { trainFiles } from "../../../pipelines/run/learn/train.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { history, MINUTE, START } from "../../learn/data.ts";

const ROWS = 300;
const AT = [100, 150, 200, 250];
const now = () => START + 2 * ROWS * MINUTE;

describe.skipIf(skipWithoutBroker())("history from Kafka", () => {
  let broker: Broker;
  let dir = "";
  const said: string[] = [];
  const web = history({ rows: ROWS, at: AT });
  const db = history({ rows: ROWS, seed: 2, at: AT, entity: "db" });
  beforeAll(async () => {
    broker = await startBroker();
    dir = mkdtempSync(join(tmpdir(), "faultwright-kafka-history-"));
    const connection = { brokers: [broker.bootstrap] };
    const admin = kafkaClient(connection).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "metrics", numPartitions: 2 }] });
    await admin.disconnect();
    const transport = kafkajsTransport(connection);
    for (const [partition, h] of [web, db].entries())
      await transport.produce(
        "metrics",
        Array.from({ length: ROWS }, (_, i) => ({
          partition,
          timestampMs: h.at[i]!,
          value: Buffer.from(
            h.columns
              .map((metric, d) =>
                JSON.stringify({ time: h.at[i], service: h.entity, metric, value: h.values[3 * i + d] }),
              )
              .join("\n"),
          ),
        })),
      );
    await transport.produce("metrics", [
      { partition: 1, timestampMs: db.at[ROWS - 1]!, value: Buffer.from("{broken") },
    ]);
    await transport.close();
    const rows = [...web.incidents, ...db.incidents].map((i) => `${i.start},${i.end},${i.entity},${i.cause}`);
    writeFileSync(join(dir, "incidents.csv"), `start,end,entity,cause\n${rows.join("\n")}\n`);
  }, 60_000);
  afterAll(async () => {
    rmSync(dir, { recursive: true, force: true });
    await broker?.stop();
  });
  const signals = () => ({
    config: parseConfig(`
windows: { window: 1m, lateness: 1m }
sources: [{ kind: kafka, brokers: ["${broker.bootstrap}"], topics: [{ name: metrics }] }]`),
  });
  const read = (more = {}) =>
    readInput({ signals: signals(), now, say: (note) => void said.push(note), ...more }, "train");

  it("is a row a window for each entity, with the values that were sent", async () => {
    const all = await read({ incidents: join(dir, "incidents.csv") });
    // the pipeline's own measure of silence is a series like any other
    const columns = ["c0", "c1", "c2", "telemetry.age"];
    expect(all.map((h) => [h.entity, h.columns, h.at.length, h.incidents.length])).toEqual([
      ["db", columns, ROWS, 4],
      ["web", columns, ROWS, 4],
    ]);
    expect(all[1]!.values.filter((_, i) => i % 4 < 3)).toEqual(web.values);
    expect(said).toContain("metrics: read as jsonl");
    expect(said.join()).toMatch(/1 row refused: DECODE_BAD_JSON/);
  }, 60_000);

  it.each([
    ["a time range", () => ({ fromMs: START + 50 * MINUTE, toMs: START + 90 * MINUTE }), ["db 50 40", "web 50 40"]],
    [
      "offsets of one partition",
      () => ({ signals: { ...signals(), offsets: [{ partition: 0, from: 20n, to: 30n }] } }),
      ["web 20 10"],
    ],
    [
      "offsets of every partition",
      () => ({ signals: { ...signals(), offsets: [{ from: 290n, to: 9000n }] } }),
      ["db 290 10", "web 290 10"],
    ],
  ])(
    "can be %s",
    async (_, more, wanted) => {
      const all = await read(more());
      expect(all.map((h) => `${h.entity} ${(h.at[0]! - START) / MINUTE} ${h.at.length}`)).toEqual(wanted);
    },
    60_000,
  );

  it("says that a range holds nothing", async () => {
    await expect(read({ fromMs: START - 9e9, toMs: START - 8e9 })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  }, 60_000);

  it("trains a model, and judges it on what came later", async () => {
    const common = {
      signals: signals(),
      incidents: join(dir, "incidents.csv"),
      dataDir: dir,
      seed: 1,
      now,
      say: () => {},
    };
    const { manifest } = await trainFiles({
      ...common,
      toMs: START + 190 * MINUTE,
      name: "m",
      kinds: ["decision-tree"],
      mostTrials: 2,
      budgetMs: 1e9,
    });
    expect([manifest.data.rows, manifest.data.incidents, manifest.data.to]).toEqual([380, 4, START + 189 * MINUTE]);
    const report = await backtest({ ...common, models: ["m"], mergeMs: 1_800_000 });
    expect([report.rows, report.incidents]).toEqual([220, 4]);
    expect(report.models[0]!.measures.aucPr.value).toBeGreaterThan(0.5);
  }, 60_000);
});
