import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { stream } from "../../../pipelines/run/stream.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { parsePrometheus, sampleOf } from "../observe/prometheus-text.ts";

describe.skipIf(skipWithoutBroker())("targets as a source on Kafka", () => {
  let broker: Broker;
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "faultwright-targets-"));
    broker = await startBroker();
  }, 60_000);
  afterAll(async () => {
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const start = (name: string, stages: string) =>
    stream({
      config: parseConfig(`
dataDir: ${join(dir, name)}
selfObserve: false
runtime: { kind: kafka, brokers: ["${broker.bootstrap}"], prefix: watched, session: 6s, stages: ${stages} }
sources: [{ kind: targets, every: 200ms }]
recover:
  targets:
    - name: t
      use:
        kind: command
        version: [echo, "1"]
        health: { kind: command, command: [sh, -c, "echo look >>${join(dir, name)}.looks"] }
        actions: { repair: { effect: repairs, run: ["true"] } }
windows: { window: 1s, lateness: 1s }
commit: 100ms
`),
      clock: systemClock,
      log: pino({ level: "silent" }),
    });

  it("come through the intake, looked at by the process that would act and by no other", async () => {
    const worker = await start("worker", "[route, features, incidents, act]");
    const other = await start("other", "[]");
    try {
      const rows = async (url: string | undefined) =>
        sampleOf(parsePrometheus(await (await fetch(`${url}/metrics`)).text()), "faultwright_rows_read_total", {
          source: "watched.intake",
        }) ?? 0;
      await expect.poll(() => rows(worker.url), { timeout: 30_000, interval: 200 }).toBeGreaterThan(4);
      expect([existsSync(join(dir, "worker.looks")), existsSync(join(dir, "other.looks"))]).toEqual([true, false]);
    } finally {
      await other.stop();
      await worker.stop();
    }
  }, 120_000);
});
