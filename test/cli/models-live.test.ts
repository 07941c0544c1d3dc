import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { writeSignals } from "../chaos/signals.ts";
import { makeRegistry } from "../run/models/fixture.ts";

const MAIN = join(import.meta.dirname, "../../pipelines/cli/main.ts");
const cli = (...args: string[]) =>
  spawnSync(process.execPath, ["--import", "tsx", MAIN, ...args], { encoding: "utf8" });
let dir = "";
let config = "";
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "faultwright-models-cli-"));
  const paths = writeSignals(dir, { seed: 3, minutes: 12 });
  config = join(dir, "pipeline.yaml");
  writeFileSync(
    config,
    stringify({
      dataDir: join(dir, "data"),
      sources: [{ kind: "files", paths }],
      windows: { window: "5s", lateness: "5s" },
      detect: { models: { summary: 20, use: [{ name: "hosts" }] } },
    }),
  );
  const registry = await makeRegistry(join(dir, "data"));
  await registry.promote("hosts@2", "shadow");
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("models features", () => {
  it("gives each entity's windows as a table that training reads", () => {
    const out = join(dir, "history");
    const done = cli("models", "features", "--config", config, "--out", out, "--metric", "*_ms", "cpu*", "--json");
    expect(done.stderr).toBe("");
    const entities = JSON.parse(done.stdout) as { entity: string; rows: number; columns: number }[];
    expect(entities.map((e) => [e.entity, e.columns])).toEqual([
      ["gateway", 2],
      ["orders", 2],
      ["payment", 2],
    ]);
    const lines = readFileSync(join(out, "orders.csv"), "utf8").trim().split("\n");
    expect(lines[0]).toBe("timestamp,entity,cpu_utilization,latency_ms");
    expect(lines.length - 1).toBe(entities[1]?.rows);
    expect(lines.length).toBeGreaterThan(140);
    expect(lines[5]).toMatch(/^2025-[\dT:.-]+Z,orders,0\.\d+,2\d\.\d+$/);
    const trained = cli("train", "--input", out, "--name", "small", "--trials", "1", "--data-dir", dir, "--json");
    expect(JSON.parse(trained.stdout)).toMatchObject({ name: "small", version: 1 });
  }, 120_000);

  it.each([
    ["--share 2", /--share is from 0 to 1/],
    ["--metric none", /there is no window with values/],
  ])("refuses %s", (more, text) => {
    const done = cli("models", "features", "--config", config, "--out", join(dir, "none"), ...more.split(" "));
    expect(done.status).toBe(2);
    expect(done.stderr).toMatch(text);
  });
});

describe("models status", () => {
  it("tells of each entity how live and shadow got on", () => {
    expect(cli("models", "status", "--data-dir", join(dir, "data")).stderr).toContain("no pipeline's data");
    expect(cli("run", "--config", config, "--log-level", "warn").status).toBe(0);
    const { stdout } = cli("models", "status", "hosts", "--data-dir", join(dir, "data"));
    expect(stdout).toMatch(/switch {2}\S+ hosts: live 1, shadow 2 \(before: live –, shadow –\)/);
    expect(stdout).toMatch(/entity {2}payment, to \S+: live @1 scoring, 20 scored, \d+ odd/);
  }, 120_000);
});
