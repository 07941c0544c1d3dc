import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { linuxCollector } from "../../../pipelines/ingest/agent/collect.ts";
import { CounterTable } from "../../../pipelines/ingest/agent/counters.ts";
import { FilesystemReader } from "../../../pipelines/ingest/agent/filesystems.ts";
import type { Collection, MetricPoint } from "../../../pipelines/ingest/agent/metric-point.ts";
import { compileRules } from "../../../pipelines/ingest/agent/processes.ts";
import { systeminformationCollector } from "../../../pipelines/ingest/agent/systeminformation.ts";

const children: ChildProcess[] = [];
const dirs: string[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

const find = (from: Collection, name: string, part: Record<string, string> = {}): MetricPoint | undefined =>
  from.points.find((p) => p.name === name && Object.entries(part).every(([k, v]) => p.attributes[k] === v));
const keyOf = (p: MetricPoint): string => `${p.service} ${p.name} ${JSON.stringify(p.attributes)}`;

function fixture(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "proc-"));
  dirs.push(root);
  write(root, files);
  return root;
}
function write(root: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
const pidStat = (pid: number, state: string, ticks: number, start = 50): string =>
  `${pid} (srv) ${state} 1 1 1 0 -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 3 0 ${start} 1000 10 0 0 0`;

describe("linuxCollector over fixtures", () => {
  it("makes utilisations from differences and sums a service's processes", async () => {
    const root = fixture({
      stat: "cpu 100 0 100 800 0 0 0 0\nbtime 1000\n",
      meminfo: "MemTotal: 1000 kB\nMemFree: 400 kB\nMemAvailable: 750 kB\nBuffers: 50 kB\nCached: 200 kB\n",
      "7/stat": pidStat(7, "S", 10),
      "7/cmdline": "/bin/server\0--name=shop\0",
      "8/stat": pidStat(8, "T", 20),
      "8/cmdline": "/bin/server\0--name=shop\0",
      "9/stat": pidStat(9, "Z", 0),
      "9/cmdline": "",
      "7/fd/0": "",
      "8/fd/0": "",
    });
    const collector = linuxCollector({ root, processes: [{ match: "server --name=(\\w+)", service: "$1-svc" }] });
    const first = await collector.collect(2_000_000);
    expect(find(first, "system.cpu.utilization")).toBeUndefined();
    expect(find(first, "process.cpu.utilization")).toBeUndefined();
    expect(first.missing.some((text) => text.includes("pressure/io"))).toBe(true);
    // Process 8 goes, 10 comes: the sum of ticks falls, the difference must not.
    rmSync(join(root, "8"), { recursive: true });
    write(root, {
      stat: "cpu 150 0 110 820 20 0 0 0\nbtime 1000\n",
      "7/stat": pidStat(7, "S", 20),
      "10/stat": pidStat(10, "T", 5, 90),
      "10/cmdline": "/bin/server\0--name=shop\0",
      "10/fd/0": "",
    });
    const second = await collector.collect(2_005_000);
    expect(second.missing).toEqual([]);
    expect(find(second, "system.cpu.utilization", { state: "user" })?.value).toBe(0.5);
    expect(find(second, "system.cpu.utilization", { state: "system" })?.value).toBe(0.1);
    expect(find(second, "system.cpu.utilization", { state: "iowait" })?.value).toBe(0.2);
    expect(find(second, "system.memory.utilization")?.value).toBe(0.25);
    expect(find(second, "system.processes.count", { status: "zombies" })?.value).toBe(1);
    const service = Object.fromEntries(
      second.points.filter((p) => p.service === "shop-svc").map((p) => [p.name, p.value]),
    );
    expect(service).toMatchObject({
      "process.cpu.utilization": 0.15,
      "process.memory.usage": 20 * 4096,
      "process.threads": 6,
      "process.paused": 1,
    });
    expect(new Set(second.points.map(keyOf)).size).toBe(second.points.length);
  });

  it("tells what is missing once, and nothing else fails", async () => {
    const collector = linuxCollector({ root: fixture({}) });
    const first = await collector.collect(1);
    expect(first.points).toEqual([]);
    expect(first.missing.length).toBeGreaterThan(5);
    expect((await collector.collect(2)).missing).toEqual([]);
  });

  it("is not held up by a file system that does not answer", async () => {
    let calls = 0;
    const filesystems = new FilesystemReader({
      timeoutMs: 30,
      call: (path) => {
        calls += 1;
        if (path === "/") return Promise.resolve({ bsize: 10, blocks: 100, bfree: 50, bavail: 40 });
        return new Promise(() => {});
      },
    });
    const mounts = ["/dev/a / ext4", ...[1, 2, 3, 4].map((i) => `srv:/${i} /n${i} nfs`)].join(" x 0 0\n");
    const collector = linuxCollector({ root: fixture({ mounts }), filesystems });
    const startMs = performance.now();
    const first = await collector.collect(1);
    const second = await collector.collect(2);
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(first.missing.filter((text) => text.includes("at /n")).length).toBe(4);
    // "/" and two that hang, no third one; then "/" alone.
    expect(find(first, "system.filesystem.utilization")?.value).toBeCloseTo(50 / 90);
    expect(calls).toBe(4);
    expect(find(second, "system.filesystem.utilization")).toBeDefined();
  });
});

describe("compileRules", () => {
  it.each([
    ["java -jar (\\w+)\\.jar", "$1", "java -jar shop.jar", "shop"],
    ["nginx", "web", "nginx: master", "web"],
    ["nginx", "web", "apache", undefined],
    ["(x)?nginx", "$1", "nginx", undefined],
    // The shell that started an agent with this very rule.
    ["nginx", "web", "sh -c faultwright agent --process nginx=web", undefined],
  ])("%s=%s over %j gives %s", (match, service, cmdline, expected) => {
    expect(compileRules([{ match, service }])(cmdline)).toBe(expected);
  });

  it.each([
    ["(", "x"],
    ["", "x"],
    ["x", " "],
  ])("refuses %j=%j", (match, service) => {
    expect(() => compileRules([{ match, service }])).toThrow("CONFIG_INVALID");
  });
});

describe("CounterTable", () => {
  it("never goes back, and starts anew after an absence", () => {
    const table = new CounterTable();
    const round = (ms: number, raw?: number) => {
      table.begin(ms, 5);
      const got = raw === undefined ? undefined : table.read("a", raw);
      table.end();
      return got;
    };
    expect(round(100, 10)).toEqual({ value: 10, startMs: 5 });
    expect(round(200, 15)).toEqual({ value: 15, startMs: 5 });
    expect(round(300, 2)).toEqual({ value: 17, startMs: 5 });
    round(400);
    expect(round(500, 3)).toEqual({ value: 3, startMs: 400 });
  });
});

describe.runIf(process.platform === "linux")("on this machine", () => {
  it("gives values in range, counters that never decrease, and sees a stopped process", async () => {
    const marker = `fw-agent-test-${process.pid}`;
    const child = spawn(process.execPath, ["-e", "setInterval(()=>{},1000)", marker], { stdio: "ignore" });
    children.push(child);
    const collector = linuxCollector({ processes: [{ match: marker, service: "watched" }] });
    await sleep(300);
    let last = await collector.collect(Date.now());
    const counters = new Map<string, number>();
    for (let i = 0; i < 4; i++) {
      for (const p of last.points.filter((p) => p.kind === "sum")) {
        expect(p.value, keyOf(p)).toBeGreaterThanOrEqual(counters.get(keyOf(p)) ?? 0);
        expect(p.startMs).toBeLessThanOrEqual(last.timeMs);
        counters.set(keyOf(p), p.value);
      }
      if (i === 2) child.kill("SIGSTOP");
      await sleep(200);
      last = await collector.collect(Date.now());
    }
    for (const p of last.points) {
      expect(Number.isFinite(p.value), keyOf(p)).toBe(true);
      expect(p.value, keyOf(p)).toBeGreaterThanOrEqual(0);
      if (p.unit === "1") expect(p.value, keyOf(p)).toBeLessThanOrEqual(1);
    }
    expect(find(last, "system.cpu.utilization", { state: "user" })).toBeDefined();
    expect(find(last, "system.memory.utilization")!.value).toBeGreaterThan(0);
    expect(find(last, "system.filesystem.utilization")).toBeDefined();
    expect(counters.size).toBeGreaterThan(5);
    const total = Number(/MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
    const rss = find(last, "process.memory.usage")!.value;
    expect(rss).toBeGreaterThan(10e6);
    expect(rss).toBeLessThan(total);
    expect(find(last, "process.paused")?.value).toBe(1);
    expect(find(last, "process.open_file_descriptor.count")!.value).toBeGreaterThan(2);
  });

  it("reads the same names through systeminformation", async () => {
    const got = await systeminformationCollector({ processes: [{ match: "node", service: "n" }] }).collect(Date.now());
    for (const p of got.points) expect(Number.isFinite(p.value), keyOf(p)).toBe(true);
    expect(find(got, "system.memory.utilization")!.value).toBeLessThanOrEqual(1);
    expect(find(got, "system.cpu.utilization", { state: "user" })).toBeDefined();
  });
});
