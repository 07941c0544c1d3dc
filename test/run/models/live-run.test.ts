/** The pipeline as users run it: switched while it runs, killed, started again; the replay of its journal gives the same bytes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { stringify } from "yaml";
import { endpointOf } from "../../../pipelines/cli/client.ts";
import { allRecords } from "../../../pipelines/cli/run.ts";
import type { ModelScores, ModelStatus, ScoresSwitch } from "../../../pipelines/core/live-models.ts";
import type { Anomaly } from "../../../pipelines/core/records.ts";
import { modelRegistry } from "../../../pipelines/learn/registry/registry.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";
import { normal } from "../../models/noise.ts";
import { makeRegistry, SERVICES } from "./fixture.ts";

const MAIN = join(import.meta.dirname, "../../../pipelines/cli/main.ts");
const START_MS = 1_760_000_000_000;
const STEP_MS = 1000;
let dir = "";
let dataDir = "";
let config = "";
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-live-"));
  dataDir = join(dir, "data");
  config = join(dir, "pipeline.yaml");
  writeFileSync(
    config,
    stringify({
      dataDir,
      sources: [{ kind: "otlp-http", port: 0 }],
      windows: { window: "5s", lateness: "5s" },
      detect: { models: { poll: "100ms", summary: 20, use: [{ name: "hosts" }] } },
      selfObserve: false,
      commit: "50ms",
    }),
  );
  await makeRegistry(dataDir);
}, 60_000);
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
});

const z = normal(8);
let second = 0;
/** Some seconds of all services as OTLP JSON. */
function payload(seconds: number, slow: boolean): string {
  const times = Array.from({ length: seconds }, () => `${START_MS + second++ * STEP_MS}000000`);
  const gauge = (name: string, value: () => number) => ({
    name,
    gauge: { dataPoints: times.map((timeUnixNano) => ({ timeUnixNano, asDouble: value() })) },
  });
  return JSON.stringify({
    resourceMetrics: SERVICES.map((service, k) => ({
      resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
      scopeMetrics: [
        {
          metrics: [
            gauge("latency_ms", () => 20 + 5 * k + 2 * z() + (slow && service === "payment" ? 300 : 0)),
            gauge("error_ratio", () => Math.max(0, 0.001 * z())),
            gauge("cpu_utilization", () => 0.2 + 0.025 * z()),
            gauge("memory_bytes", () => 8e7 + 5e5 * z()),
          ],
        },
      ],
    })),
  });
}

type Running = Awaited<ReturnType<typeof start>>;
async function start() {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, "run", "--config", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.add(child);
  child.on("close", () => children.delete(child));
  let log = "";
  child.stderr.on("data", (d) => {
    log += d;
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  let url: string | undefined;
  while (url === undefined) {
    if (child.exitCode !== null) throw new Error(log);
    const endpoint = await endpointOf(dataDir);
    if (endpoint?.pid === child.pid && log.includes('"reading"')) url = endpoint?.url;
    await sleep(20);
  }
  const end = (signal: "SIGTERM" | "SIGKILL") => {
    child.kill(signal);
    return ended;
  };
  return { url, log: () => log, end };
}
async function feed({ url }: Running, seconds: number, slow = false) {
  for (let left = seconds; left > 0; left -= 10) {
    const headers = { "content-type": "application/json" };
    const r = await fetch(`${url}/v1/metrics`, { method: "POST", headers, body: payload(Math.min(left, 10), slow) });
    expect(r.status).toBe(200);
  }
}
const statusOf = async ({ url }: Running) => (await (await fetch(`${url}/api/models`)).json()) as ModelStatus[];
async function until(run: Running, fits: (s: ModelStatus[]) => boolean): Promise<ModelStatus[]> {
  for (let i = 0; ; i++) {
    const status = await statusOf(run);
    if (fits(status)) return status;
    if (i > 200) throw new Error(`${JSON.stringify(status)}\n${run.log().slice(-2000)}`);
    await sleep(50);
    // A switch takes effect with the next window.
    await feed(run, 5);
  }
}
const live = (status: ModelStatus[]) => status.find((s) => s.role === "live");
const shadow = (status: ModelStatus[]) => status.find((s) => s.role === "shadow");

it("follows promotions and roll-backs while it runs, over kill -9, and its replay gives the same bytes", async () => {
  const registry = modelRegistry(join(dataDir, "models"), () => 2);
  let run = await start();
  await until(run, (s) => live(s)?.version === 1);
  await registry.promote("hosts@2", "shadow");
  await until(run, (s) => shadow(s)?.version === 2);
  await feed(run, 350);
  await run.end("SIGKILL");
  run = await start();
  await feed(run, 50, true);
  const both = (s: ModelStatus[]) => [live(s), shadow(s)].every((m) => (m?.opened ?? 0) > 0);
  const before = await until(run, both);
  expect(shadow(before)).toMatchObject({ version: 2, entities: { scoring: 3 } });
  await registry.promote("hosts:shadow", "live");
  const promoted = await until(run, (s) => live(s)?.version === 2);
  expect(live(promoted)?.entities).toMatchObject({ scoring: 3, warming: 0 });
  await feed(run, 20);
  await run.end("SIGKILL");
  run = await start();
  await registry.rollback("hosts");
  const back = await until(run, (s) => live(s)?.version === 1);
  expect(live(back)?.entities).toMatchObject({ scoring: 3, warming: 0 });
  await feed(run, 60);
  const metrics = await (await fetch(`${run.url}/metrics`)).text();
  expect(metrics).toContain('faultwright_model_version{model="hosts",role="live"} 1');
  expect(metrics).toMatch(/faultwright_model_entities\{model="hosts",role="live",state="scoring"\} 3/);
  // The next version is damaged: the one that runs goes on, and that is said once.
  const corrupt = join(dataDir, "models/hosts/v/000003/state.bin");
  chmodSync(corrupt, 0o644);
  writeFileSync(corrupt, "broken");
  const stages = join(dataDir, "models/hosts/stages");
  // As somebody would who edits files by hand: `promote` refuses a damaged version.
  const draft = join(dir, "draft.json");
  writeFileSync(draft, JSON.stringify({ atMs: 3, action: "promote", live: 3, shadow: null }));
  renameSync(draft, join(stages, "000005.json"));
  const damaged = await until(run, (s) => Object.keys(live(s)?.fallback ?? {}).length > 0);
  expect(live(damaged)).toMatchObject({ version: 1, entities: { scoring: 3 } });
  expect(Object.keys(live(damaged)?.fallback ?? {})[0]).toMatch(/hosts@3 can't be used: .*checksum.*; hosts@1 goes on/);
  const ready = (await (await fetch(`${run.url}/readyz`)).json()) as { ok: boolean; notes: string[] };
  expect(ready.ok).toBe(true);
  expect(ready.notes.join()).toContain("hosts@3 can't be used");
  await sleep(500);
  expect(run.log().split("a model can't score as it should").length - 1).toBe(1);
  rmSync(join(stages, "000005.json"));
  await until(run, (s) => Object.keys(live(s)?.fallback ?? {}).length === 0);
  await run.end("SIGTERM");

  const again = spawnSync(process.execPath, ["--import", "tsx", MAIN, "replay", "--config", config, "--json"], {
    encoding: "utf8",
  });
  const result = JSON.parse(again.stdout) as { same: boolean; topics: Record<string, { live: number }> };
  expect(result).toMatchObject({ same: true, topics: { scores: { equal: true }, anomalies: { equal: true } } });
  expect(result.topics.scores?.live).toBeGreaterThanOrEqual(10);
}, 120_000);

it("has told its switches, what the shadow found and what the live version paged", async () => {
  const store = await openStore(join(dataDir, "store"));
  const [scores, anomalies]: [ModelScores[], Anomaly[]] = [[], []];
  for await (const r of allRecords(store, "scores")) scores.push(JSON.parse(r.value) as ModelScores);
  for await (const r of allRecords(store, "anomalies")) anomalies.push(JSON.parse(r.value) as Anomaly);
  await store.close();
  const switches = scores.filter((s): s is ScoresSwitch => s.kind === "switch");
  expect(switches.map((s) => [s.live, s.shadow])).toEqual([
    [1, null],
    [1, 2],
    [2, null],
    [1, null],
  ]);
  expect(switches.every((s) => s.startMs % 5000 === 0)).toBe(true);
  const told = scores.filter((s) => s.kind === "summary" && (s.shadow?.opened.length ?? 0) > 0);
  expect(told.length).toBeGreaterThan(0);
  expect(anomalies.some((a) => a.detectors["model:hosts"] === 1 && a.entity === "payment")).toBe(true);
});
