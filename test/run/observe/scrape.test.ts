import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { stream } from "../../../pipelines/run/stream.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { parsePrometheus, sampleOf } from "./prometheus-text.ts";

const log = pino({ level: process.env.LOG_LEVEL ?? "silent" });
const dirs: string[] = [];
const dataDir = () => {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-observe-"));
  dirs.push(dir);
  return dir;
};
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

async function scrape(url: string) {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  return parsePrometheus(await response.text());
}

/** Asks until it is so; the answer's text otherwise. */
async function until<T>(ask: () => Promise<T>, good: (answer: T) => boolean, ms = 30_000): Promise<T> {
  for (const end = Date.now() + ms; ; await sleep(50)) {
    const answer = await ask();
    if (good(answer) || Date.now() > end) return answer;
  }
}

const readiness = async (url: string) => {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, body: (await response.json()) as { ok: boolean; reasons: string[] } };
};

const metricsOf = (service: string, timeMs: number, value: number) => ({
  resourceMetrics: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
      scopeMetrics: [
        {
          metrics: [
            {
              name: "latency",
              unit: "ms",
              gauge: { dataPoints: [{ timeUnixNano: `${timeMs}000000`, asDouble: value }] },
            },
          ],
        },
      ],
    },
  ],
});
const post = (url: string, body: string) =>
  fetch(`${url}/v1/metrics`, { method: "POST", headers: { "content-type": "application/json" }, body });

describe("/metrics of an embedded run", () => {
  it("is the strict text format and tells what was read, refused and committed", async () => {
    const config = parseConfig(`
dataDir: ${dataDir()}
sources: [{ kind: otlp-http, port: 0, maxLagBytes: 1000000 }]
windows: { window: 200ms, lateness: 200ms }
commit: 50ms
`);
    const run = await stream({ config, clock: systemClock, log });
    try {
      const url = run.url as string;
      const now = Date.now();
      for (let i = 0; i < 10; i++)
        expect((await post(url, JSON.stringify(metricsOf("shop", now - 2000 + i * 200, i)))).status).toBe(200);
      expect((await post(url, "{ broken")).status).toBe(200);
      // A row before all windows: late.
      await post(url, JSON.stringify(metricsOf("shop", now - 60_000, 1)));
      const found = await until(
        () => scrape(url),
        (f) =>
          (sampleOf(f, "faultwright_late_rows_total") ?? 0) > 0 &&
          (sampleOf(f, "faultwright_commits_total") ?? 0) > 0 &&
          (sampleOf(f, "faultwright_windows_closed_total") ?? 0) > 0,
      );
      expect(sampleOf(found, "faultwright_rows_read_total", { source: "signals" })).toBeGreaterThanOrEqual(11);
      expect(sampleOf(found, "faultwright_records_read_total", { source: "signals" })).toBeGreaterThanOrEqual(12);
      expect(sampleOf(found, "faultwright_dead_letters_total", { code: "DECODE_BAD_JSON" })).toBe(1);
      expect(sampleOf(found, "faultwright_late_rows_total")).toBe(
        sampleOf(found, "faultwright_dead_letter_rows_total", { code: "TIME_TOO_LATE" }),
      );
      expect(sampleOf(found, "faultwright_commit_duration_seconds_count", { stage: "all" })).toBe(
        sampleOf(found, "faultwright_commits_total", { stage: "all" }),
      );
      expect(sampleOf(found, "faultwright_state_written_bytes_total")).toBeGreaterThan(100);
      expect(sampleOf(found, "faultwright_series")).toBeGreaterThan(0);
      expect(sampleOf(found, "faultwright_series_limit")).toBe(1_000_000);
      const delay = sampleOf(found, "faultwright_watermark_delay_seconds", { task: "0" }) as number;
      expect(delay).toBeGreaterThan(0);
      expect(delay).toBeLessThan(60);
      expect(sampleOf(found, "process_resident_memory_bytes")).toBeGreaterThan(2e7);
      expect(sampleOf(found, "process_cpu_seconds_total")).toBeGreaterThan(0);
      expect(sampleOf(found, "faultwright_journal_lag_bytes")).toBeDefined();
      // Every family but the process's own is ours, has a help text, and counters end in _total.
      for (const f of found.values()) {
        expect(f.name).toMatch(/^(faultwright|process|nodejs)_/);
        expect(f.help.length).toBeGreaterThan(10);
        expect(f.name.endsWith("_total")).toBe(f.type === "counter");
      }
      const again = await scrape(url);
      for (const f of found.values())
        if (f.type === "counter")
          expect(sampleOf(again, f.name) ?? 0, f.name).toBeGreaterThanOrEqual(sampleOf(found, f.name) ?? 0);
      expect(
        (
          await until(
            () => readiness(url),
            (r) => r.status === 200,
          )
        ).body,
      ).toEqual({ ok: true, reasons: [] });
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    } finally {
      await run.stop();
    }
  }, 60_000);

  it("counts the senders that it sent away", async () => {
    const config = parseConfig(`
dataDir: ${dataDir()}
sources: [{ kind: otlp-http, port: 0, maxLagBytes: 1 }]
ready: { maxLagBytes: 0 }
commit: 1h
`);
    const run = await stream({ config, clock: systemClock, log });
    try {
      const url = run.url as string;
      const shops = Array.from({ length: 300 }, (_, i) => metricsOf(`shop-${i}`, Date.now(), 1).resourceMetrics[0]);
      const body = JSON.stringify({ resourceMetrics: shops });
      const statuses: number[] = [];
      // Senders who do not wait for each other: while the payload of one waits to be read, the others are refused.
      const send = async () => {
        for (const end = Date.now() + 30_000; !statuses.includes(503) && Date.now() < end; )
          statuses.push((await post(url, body)).status);
      };
      await Promise.all(Array.from({ length: 8 }, send));
      const refused = statuses.filter((s) => s === 503).length;
      expect(refused).toBeGreaterThan(0);
      expect(sampleOf(await scrape(url), "faultwright_intake_refused_total", { reason: "overloaded" })).toBe(refused);
    } finally {
      await run.stop();
    }
  }, 60_000);
});

describe.skipIf(skipWithoutBroker())("/metrics of a Kafka worker", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker();
  }, 60_000);
  afterAll(() => broker?.stop());

  it("is the strict text format and tells lag, tasks, commits and restores", async () => {
    const connection = { brokers: [broker.bootstrap] };
    const admin = kafkaClient(connection).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "observed", numPartitions: 2 }] });
    await admin.disconnect();
    const transport = kafkajsTransport(connection);
    const produce = (from: number, to: number) =>
      transport.produce(
        "observed",
        Array.from({ length: to - from }, (_, k) => ({
          partition: (from + k) % 2,
          value: Buffer.from(
            from + k === 7
              ? "{ broken"
              : JSON.stringify({
                  time: start + (from + k) * 100,
                  service: `s${k % 4}`,
                  metric: "latency_ms",
                  value: k % 9,
                }),
          ),
          timestampMs: start + (from + k) * 100,
        })),
      );
    const start = Date.now() - 120_000;
    await produce(0, 500);
    const config = parseConfig(`
dataDir: ${dataDir()}
runtime:
  kind: kafka
  brokers: ["${broker.bootstrap}"]
  prefix: observed
  partitions: 2
  topics: [{ name: observed, format: jsonl }]
  session: 6s
sources: [{ kind: otlp-http, port: 0 }]
windows: { window: 1s, lateness: 1s }
commit: 100ms
`);
    const run = await stream({ config, clock: systemClock, log });
    try {
      const url = run.url as string;
      const ready = await until(
        () => readiness(url),
        (r) => r.status === 200,
      );
      expect(ready.body).toEqual({ ok: true, reasons: [] });
      const found = await until(
        () => scrape(url),
        (f) =>
          sampleOf(f, "faultwright_rows_read_total") === 499 &&
          sampleOf(f, "faultwright_source_lag_records") === 0 &&
          (sampleOf(f, "faultwright_commits_total", { stage: "incidents" }) ?? 0) > 0 &&
          sampleOf(f, "faultwright_entities") === 5,
      );
      expect(sampleOf(found, "faultwright_rows_read_total", { source: "observed" })).toBe(499);
      expect(sampleOf(found, "faultwright_dead_letters_total", { code: "DECODE_BAD_JSON" })).toBe(1);
      for (const [stage, tasks] of [
        ["route", 2],
        ["features", 2],
        ["incidents", 1],
        ["act", 1],
      ] as const) {
        expect(sampleOf(found, "faultwright_tasks", { stage, state: "assigned" }), stage).toBe(tasks);
        expect(sampleOf(found, "faultwright_tasks", { stage, state: "ready" }), stage).toBe(tasks);
        expect(sampleOf(found, "faultwright_rebalances_total", { stage }), stage).toBeGreaterThan(0);
      }
      expect(sampleOf(found, "faultwright_commits_total", { stage: "features" })).toBeGreaterThan(0);
      expect(sampleOf(found, "faultwright_commit_duration_seconds_count", { stage: "features" })).toBe(
        sampleOf(found, "faultwright_commits_total", { stage: "features" }),
      );
      expect(sampleOf(found, "faultwright_state_written_bytes_total", { stage: "features" })).toBeGreaterThan(0);
      expect(found.get("faultwright_watermark_delay_seconds")?.samples.length).toBe(2);
      // Four services, and the pipeline itself, by way of its intake.
      expect(sampleOf(found, "faultwright_entities")).toBe(5);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    } finally {
      await run.stop();
    }
    // A second process takes the state over: what it takes in again was counted before.
    await produce(500, 600);
    const second = await stream({ config, clock: systemClock, log });
    try {
      const url = second.url as string;
      const found = await until(
        () => scrape(url),
        (f) =>
          (sampleOf(f, "faultwright_rows_read_total") ?? 0) >= 100 &&
          sampleOf(f, "faultwright_source_lag_records") === 0,
      );
      expect(sampleOf(found, "faultwright_rows_read_total")).toBe(100);
    } finally {
      await second.stop();
      await transport.close();
    }
  }, 120_000);
});
