import { cpus, loadavg } from "node:os";
import type { Systeminformation as Si } from "systeminformation";
import { CounterTable } from "./counters.ts";
import { type Collector, onceEach, PointList, type ProcessRule } from "./metric-point.ts";
import { compileRules } from "./processes.ts";
import { withTimeout } from "./with-timeout.ts";

/**
 * A collector for systems without /proc (macOS, Windows, BSD): the same names, with what the system tells. It runs the
 * system's own tools, so it costs more than the Linux collector. Throws on bad rules.
 */
export function systeminformationCollector(
  options: { processes?: readonly ProcessRule[]; timeoutMs?: number } = {},
): Collector {
  const rules = options.processes ?? [];
  const serviceOf = compileRules(rules);
  const timeoutMs = options.timeoutMs ?? 4000;
  const counters = new CounterTable();
  const missing = onceEach();

  return {
    async collect(nowMs) {
      const { default: si } = await import("systeminformation");
      const ask = async <T>(what: string, call: () => Promise<T>): Promise<T | undefined> => {
        // A first call may throw outright on a system that the package does not know.
        const value = await withTimeout(Promise.resolve().then(call), timeoutMs);
        if (value === undefined || value === null) missing.add(`${what} cannot be read: its metrics are left out`);
        return value ?? undefined;
      };
      const [load, mem, disks, networks, mounts, processes] = await Promise.all([
        ask("cpu", () => si.currentLoad()),
        ask("memory", () => si.mem()),
        ask("disks", () => si.disksIO()),
        ask("networks", () => si.networkStats("*")),
        ask("file systems", () => si.fsSize()),
        ask("processes", () => si.processes()),
      ]);
      const host = new PointList();
      counters.begin(nowMs, nowMs - (si.time().uptime || 0) * 1000);
      const count = (name: string, unit: string, raw: number, attributes: Record<string, string>): void => {
        if (!Number.isFinite(raw)) return;
        const { value, startMs } = counters.read(`${name} ${Object.values(attributes).join(" ")}`, raw);
        host.sum(name, unit, value, startMs, attributes);
      };
      if (load) addLoad(host, load);
      if (mem) addMemory(host, mem);
      if (disks) {
        count("system.disk.operations", "{operation}", disks.rIO, { direction: "read" });
        count("system.disk.operations", "{operation}", disks.wIO, { direction: "write" });
      }
      for (const net of (networks ?? []).filter((row) => !/^lo\d*$/.test(row.iface)).slice(0, 64)) {
        for (const [direction, bytes, errors] of [
          ["receive", net.rx_bytes, net.rx_errors],
          ["transmit", net.tx_bytes, net.tx_errors],
        ] as const) {
          count("system.network.io", "By", bytes, { device: net.iface, direction });
          count("system.network.errors", "{error}", errors, { device: net.iface, direction });
        }
      }
      counters.end();
      for (const fs of (mounts ?? []).slice(0, 64)) {
        const where = { device: fs.fs, mountpoint: fs.mount, type: fs.type };
        host.gauge("system.filesystem.usage", "By", fs.used, { ...where, state: "used" });
        host.gauge("system.filesystem.usage", "By", fs.available, { ...where, state: "free" });
        host.gauge("system.filesystem.utilization", "1", fs.used / (fs.used + fs.available), where);
      }
      if (processes) {
        for (const status of ["running", "blocked", "sleeping"] as const)
          host.gauge("system.processes.count", "{process}", processes[status], { status });
        if (rules.length > 0) host.points.push(...watched(processes.list, serviceOf));
      }
      return { timeMs: nowMs, points: host.points, missing: missing.take() };
    },
  };
}

function addLoad(host: PointList, load: Si.CurrentLoadData): void {
  const share = (percent: number): number => Math.max(0, Math.min(1, percent / 100));
  host.gauge("system.cpu.utilization", "1", share(load.currentLoadUser + load.currentLoadNice), { state: "user" });
  host.gauge("system.cpu.utilization", "1", share(load.currentLoadSystem + load.currentLoadIrq), { state: "system" });
  // Windows has no load average and Node tells 0 there.
  if (process.platform !== "win32") host.gauge("system.cpu.load_average.1m", "{thread}", loadavg()[0]!);
}

function addMemory(host: PointList, mem: Si.MemData): void {
  host.gauge("system.memory.usage", "By", Math.max(0, mem.used - mem.buffcache), { state: "used" });
  host.gauge("system.memory.usage", "By", mem.free, { state: "free" });
  host.gauge("system.memory.usage", "By", mem.cached, { state: "cached" });
  host.gauge("system.memory.utilization", "1", 1 - mem.available / mem.total);
  if (mem.swaptotal > 0) {
    host.gauge("system.paging.usage", "By", mem.swapused, { state: "used" });
    host.gauge("system.paging.usage", "By", mem.swapfree, { state: "free" });
    host.gauge("system.paging.utilization", "1", mem.swapused / mem.swaptotal);
  }
}

function watched(list: readonly Si.ProcessesProcessData[], serviceOf: (cmdline: string) => string | undefined) {
  // Percent is of one core where it comes from ps, and of all cores on Windows.
  const cores = process.platform === "win32" ? 1 : Math.max(1, cpus().length);
  const services = new Map<string, { cpu: number; rss: number; paused: number }>();
  for (const row of list) {
    const service = row.pid === process.pid ? undefined : serviceOf(`${row.command} ${row.params}`.trim());
    if (service === undefined || (services.size >= 200 && !services.has(service))) continue;
    const use = services.get(service) ?? { cpu: 0, rss: 0, paused: 0 };
    services.set(service, use);
    use.cpu += row.cpu / 100 / cores;
    use.rss += row.memRss * 1024;
    if (row.state === "stopped") use.paused += 1;
  }
  return [...services].flatMap(([service, use]) => {
    const own = new PointList(service);
    own.gauge("process.cpu.utilization", "1", Math.min(1, use.cpu));
    own.gauge("process.memory.usage", "By", use.rss);
    own.gauge("process.paused", "1", use.paused);
    return own.points;
  });
}
