import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, describe, expect, it } from "vitest";
import { manualClock, systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { Anomaly, DeadLetter, Incident, Message, RawRecord } from "../../../pipelines/core/records.ts";
import { SELF, SELF_FORMAT } from "../../../pipelines/core/self.ts";
import type { Outbox } from "../../../pipelines/core/stage.ts";
import { assemble } from "../../../pipelines/run/assemble.ts";
import { selfMetrics } from "../../../pipelines/run/observe/self-metrics.ts";
import { stream } from "../../../pipelines/run/stream.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";
import { randomOf } from "../../chaos/signals.ts";

const WINDOW_MS = 5000;
const START_MS = 1_760_000_000_000;
const config = parseConfig("windows: { window: 5s, lateness: 5s }");

interface Found {
  readonly anomalies: Anomaly[];
  readonly incidents: Map<string, Incident>;
  readonly letters: DeadLetter[];
  readonly selfRecords: number;
}

/** The stages and their own metrics in a closed loop, a second at a time: `bad` says which seconds hold what can't be read. */
function run(
  seconds: number,
  options: { self: boolean; bad?: (s: number) => boolean; fault?: (s: number) => boolean },
) {
  const clock = manualClock(START_MS);
  const { features, incidents } = assemble(config);
  const metrics = selfMetrics({ config, clock });
  const found: Found & { selfRecords: number } = { anomalies: [], incidents: new Map(), letters: [], selfRecords: 0 };
  const emit: Outbox["emit"] = (topic, _key, record) => {
    if (topic === "anomalies") found.anomalies.push(record as Anomaly);
    if (topic === "incidents") found.incidents.set((record as Incident).id, record as Incident);
    if (topic === "dead-letters") found.letters.push(record as DeadLetter);
  };
  const last: Outbox = { emit, send: () => {} };
  const out: Outbox = { emit, send: (m: Message) => incidents.process(m, last) };
  const random = randomOf(3);
  const noise = () => random() + random() + random() - 1.5;
  let position = 0;
  const feed = (format: string, value: string) => {
    const record: RawRecord = {
      source: "signals",
      position: String(++position),
      ingestTimeMs: clock.nowMs(),
      format,
      value: Buffer.from(value),
    };
    features.process(record, out);
  };
  metrics.watch("features", 0, features);
  try {
    features.join("signals");
    for (let s = 0; s < seconds; s++) {
      const faulty = options.fault?.(s) ?? false;
      feed(
        "jsonl",
        ["gateway", "orders"]
          .flatMap((service) => [
            { service, metric: "latency_ms", value: 20 + 3 * noise() + (faulty ? 300 : 0) },
            { service, metric: "error_ratio", value: Math.max(0, 0.01 * noise()) + (faulty ? 0.5 : 0) },
          ])
          .map((row) => JSON.stringify({ time: clock.nowMs(), ...row }))
          .join("\n"),
      );
      if (options.bad?.(s)) for (let k = 0; k < 50; k++) feed("jsonl", "{ broken");
      clock.advance(1000);
      if (options.self && (s + 1) % (WINDOW_MS / 1000) === 0) {
        feed(SELF_FORMAT, JSON.stringify(metrics.sample()));
        found.selfRecords += 1;
      }
    }
  } finally {
    metrics.close();
  }
  return found;
}
const isOwn = (a: Anomaly) => a.entity === SELF.name;

describe("the pipeline in its own input", () => {
  it("is found when it meets a burst of bad records, and is quiet again after it", () => {
    const burst = (s: number) => s >= 400 && s < 460;
    const found = run(1200, { self: true, bad: burst });
    const own = found.anomalies.filter(isOwn);
    expect(own.map((a) => a.series)).toContain("faultwright.rejected_records");
    expect(own.every((a) => a.entityKind === SELF.kind)).toBe(true);
    for (const a of own) expect(a.startMs).toBeGreaterThanOrEqual(START_MS + 390_000);
    // What it finds of itself makes it find no more: all is over soon after the burst, and no record led to another.
    const last = new Map(own.map((a) => [a.id, a]));
    for (const a of last.values()) expect(a.endMs).toBeLessThan(START_MS + 700_000);
    expect(last.size).toBeLessThanOrEqual(4);
    expect(found.selfRecords).toBe(240);
    expect(found.letters.length).toBe(60 * 50);
  });

  it("changes nothing of what is found in others", () => {
    const fault = (s: number) => s >= 600 && s < 720;
    const alone = run(1000, { self: false, fault });
    const watched = run(1000, { self: true, fault });
    expect(alone.anomalies.length).toBeGreaterThan(2);
    expect(watched.anomalies.filter((a) => !isOwn(a))).toEqual(alone.anomalies);
    expect(alone.incidents.size).toBeGreaterThan(0);
    expect([...watched.incidents.values()].filter((i) => i.labels.length === 0)).toEqual([...alone.incidents.values()]);
  });

  it("is never a suspect in an incident of others, which says that it was unsteady itself", () => {
    const fault = (s: number) => s >= 600 && s < 720;
    const found = run(1000, { self: true, fault, bad: fault });
    expect(found.anomalies.some(isOwn)).toBe(true);
    const users = [...found.incidents.values()].filter((i) => !i.labels.includes("self"));
    expect(users.length).toBeGreaterThan(0);
    for (const i of users) {
      expect(i.entities).not.toContain(SELF.name);
      expect(i.anomalies.some(isOwn)).toBe(false);
      expect(i.diagnosis?.suspects.map((s) => s.name)).not.toContain(SELF.name);
    }
    expect(users.flatMap((i) => i.diagnosis?.missing ?? []).join()).toMatch(/faultwright itself .*rejected_records/);
    for (const i of found.incidents.values())
      if (i.labels.includes("self")) expect([i.severity, i.entities]).toEqual(["minor", [SELF.name]]);
  });

  it("moves no clock: late senders are not late because of it", () => {
    const { features } = assemble(config);
    const letters: unknown[] = [];
    const out: Outbox = { emit: (topic, _k, r) => void (topic === "dead-letters" && letters.push(r)), send: () => {} };
    const feed = (format: string, value: object, ingestTimeMs: number) =>
      features.process(
        { source: "signals", position: "1", ingestTimeMs, format, value: Buffer.from(JSON.stringify(value)) },
        out,
      );
    const gauges = [{ metric: "faultwright.rejected_rows", stage: "", value: 0 }];
    const row = (timeMs: number) => ({ time: timeMs, service: "a", metric: "latency_ms", value: 1 });
    feed(SELF_FORMAT, { timeMs: START_MS, gauges }, START_MS);
    // An hour behind.
    feed("jsonl", row(START_MS - 3_600_000), START_MS);
    const before = features.watermarkMs;
    feed(SELF_FORMAT, { timeMs: START_MS, gauges }, START_MS + 5000);
    expect(features.watermarkMs).toBe(before);
    feed("jsonl", row(START_MS - 3_600_000), START_MS + 6000);
    expect(letters).toEqual([]);
    feed(SELF_FORMAT, { timeMs: 0, gauges: [{ metric: "users.metric", stage: "", value: 1 }] }, START_MS);
    feed(SELF_FORMAT, { no: "gauges" }, START_MS);
    const bad = { reasons: [{ code: "DECODE_BAD_FIELD" }] };
    expect(letters).toMatchObject([bad, bad]);
  });
});

describe("a live run", () => {
  const root = mkdtempSync(join(tmpdir(), "faultwright-self-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const log = pino({ level: process.env.LOG_LEVEL ?? "silent" });

  async function outputsOf(dataDir: string) {
    const store = await openStore(join(dataDir, "store"));
    try {
      const anomalies = await store.records("anomalies", { limit: 10_000 });
      return anomalies.map((r) => r.value);
    } finally {
      await store.close();
    }
  }

  it("finds its own burst of dead letters, and a replay finds the same", async () => {
    const live = parseConfig(`
dataDir: ${join(root, "live")}
sources: [{ kind: otlp-http, port: 0 }]
windows: { window: 100ms, lateness: 100ms }
commit: 50ms
`);
    const running = await stream({ config: live, clock: systemClock, log });
    const url = running.url as string;
    const post = (body: string) =>
      fetch(`${url}/v1/metrics`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const point = () => ({
      resourceMetrics: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
          scopeMetrics: [
            {
              metrics: [
                { name: "load", gauge: { dataPoints: [{ timeUnixNano: `${Date.now()}000000`, asDouble: 1 }] } },
              ],
            },
          ],
        },
      ],
    });
    const own = async () =>
      ((await (await fetch(`${url}/api/topics/anomalies`)).json()) as Anomaly[]).filter((a) =>
        a.series.startsWith("faultwright.rejected_records"),
      );
    try {
      for (let i = 0; i < 100; i++) {
        expect((await post(JSON.stringify(point()))).status).toBe(200);
        await sleep(60);
      }
      const before = await own();
      expect(before).toEqual([]);
      for (const end = Date.now() + 60_000; (await own()).length === 0 && Date.now() < end; ) {
        await post("{ broken");
        await post(JSON.stringify(point()));
      }
      expect((await own())[0]).toMatchObject({ entity: SELF.name, entityKind: SELF.kind, direction: "up" });
    } finally {
      await running.stop();
    }
    const again = {
      ...live,
      dataDir: join(root, "replay"),
      sources: [{ kind: "journal" as const, path: join(root, "live", "journal") }],
    };
    const replay = await stream({ config: again, clock: systemClock, log, replay: true });
    await replay.ended;
    await replay.stop();
    const lived = await outputsOf(live.dataDir);
    expect(lived.some((v) => (JSON.parse(v) as Anomaly).entity === SELF.name)).toBe(true);
    expect((await outputsOf(again.dataDir)).slice(0, lived.length)).toEqual(lived);
  }, 120_000);
});
