import { CounterTable } from "./counters.ts";
import { FilesystemReader, parseMounts } from "./filesystems.ts";
import { type Collector, onceEach, PointList, type ProcessRule } from "./metric-point.ts";
import { ProcessScanner } from "./processes.ts";
import * as procfs from "./procfs.ts";

export interface LinuxCollectorOptions {
  processes?: readonly ProcessRule[];
  /** Where /proc is; tests point it at fixtures. */
  root?: string;
  filesystems?: FilesystemReader;
  /** Most devices of one kind (disks, networks, file systems) that are told of. Default 64. */
  maxDevices?: number;
}

type Counter = (name: string, unit: string, raw: number, attributes?: Record<string, string>) => void;

/** A collector over /proc. Utilisations need two readings, so the first collection has none. Throws on bad rules. */
export function linuxCollector(options: LinuxCollectorOptions = {}): Collector {
  const proc = new procfs.ProcReader(options.root);
  const scanner = new ProcessScanner(proc, options.processes ?? []);
  const filesystems = options.filesystems ?? new FilesystemReader();
  const limit = options.maxDevices ?? 64;
  const counters = new CounterTable();
  const missing = onceEach();
  let cpuBefore: procfs.CpuTimes | undefined;

  const read = (path: string): string | undefined => {
    const text = proc.text(path);
    if (text === undefined) missing.add(`${proc.root}/${path} cannot be read: its metrics are left out`);
    return text;
  };

  return {
    async collect(nowMs) {
      const host = new PointList();
      const stat = procfs.parseStat(read("stat") ?? "");
      counters.begin(nowMs, stat?.bootMs ?? nowMs);
      const count: Counter = (name, unit, raw, attributes = {}) => {
        if (!Number.isFinite(raw)) return;
        const { value, startMs } = counters.read(`${name} ${Object.values(attributes).join(" ")}`, raw);
        host.sum(name, unit, value, startMs, attributes);
      };

      const elapsedTicks = stat && cpuBefore ? stat.cpu.total - cpuBefore.total : 0;
      if (stat && cpuBefore && elapsedTicks > 0) addCpu(host, cpuBefore, stat.cpu, elapsedTicks);
      cpuBefore = stat?.cpu;
      host.gauge("system.cpu.load_average.1m", "{thread}", procfs.parseLoadavg(read("loadavg") ?? ""));
      addMemory(host, procfs.parseMeminfo(read("meminfo") ?? ""));
      addPaging(count, procfs.parseVmstat(read("vmstat") ?? ""));
      for (const disk of procfs.parseDiskstats(read("diskstats") ?? "").slice(0, limit)) addDisk(count, disk);
      for (const net of procfs.parseNetDev(read("net/dev") ?? "").slice(0, limit)) addNetwork(count, net);
      for (const what of ["cpu", "memory", "io"]) {
        for (const { kind, avg10, totalS } of procfs.parsePressure(read(`pressure/${what}`) ?? "")) {
          host.gauge(`system.linux.pressure.${what}.avg10`, "1", avg10, { kind });
          count(`system.linux.pressure.${what}.total`, "s", totalS, { kind });
        }
      }
      counters.end();

      const uses = await filesystems.read(parseMounts(read("mounts") ?? ""), limit, ({ mountpoint }) =>
        missing.add(`file system at ${mountpoint} does not answer: its metrics are left out`),
      );
      for (const { mount, used, free, reserved } of uses) {
        const where = { ...mount };
        host.gauge("system.filesystem.usage", "By", used, { ...where, state: "used" });
        host.gauge("system.filesystem.usage", "By", free, { ...where, state: "free" });
        host.gauge("system.filesystem.usage", "By", reserved, { ...where, state: "reserved" });
        host.gauge("system.filesystem.utilization", "1", used / (used + free), where);
      }

      const scan = await scanner.scan();
      for (const [status, n] of scan.byStatus) host.gauge("system.processes.count", "{process}", n, { status });
      const points = host.points;
      for (const use of scan.services) {
        const own = new PointList(use.service);
        // A share of all cores, as for the host; ticks cannot outrun the clock except by rounding.
        if (use.ticks !== undefined && elapsedTicks > 0)
          own.gauge("process.cpu.utilization", "1", Math.min(1, use.ticks / elapsedTicks));
        own.gauge("process.memory.usage", "By", use.rssBytes);
        own.gauge("process.threads", "{thread}", use.threads);
        own.gauge("process.paused", "1", use.paused);
        if (use.descriptors !== undefined)
          own.gauge("process.open_file_descriptor.count", "{file_descriptor}", use.descriptors);
        else missing.add(`open files of ${use.service} cannot be counted: not permitted`);
        points.push(...own.points);
      }
      return { timeMs: nowMs, points, missing: missing.take() };
    },
  };
}

function addCpu(host: PointList, before: procfs.CpuTimes, now: procfs.CpuTimes, ticks: number): void {
  // iowait may step back on real kernels, hence the floor.
  const share = (...keys: (keyof procfs.CpuTimes)[]): number =>
    Math.max(0, Math.min(1, keys.reduce((sum, key) => sum + now[key] - before[key], 0) / ticks));
  host.gauge("system.cpu.utilization", "1", share("user", "nice"), { state: "user" });
  host.gauge("system.cpu.utilization", "1", share("system", "irq", "softirq"), { state: "system" });
  host.gauge("system.cpu.utilization", "1", share("iowait"), { state: "iowait" });
  host.gauge("system.cpu.utilization", "1", share("steal"), { state: "steal" });
}

function addMemory(host: PointList, mem: Map<string, number>): void {
  const get = (key: string): number => mem.get(key) ?? Number.NaN;
  const total = get("MemTotal");
  const cached = get("Cached") + (mem.get("SReclaimable") ?? 0);
  const used = Math.max(0, total - get("MemFree") - get("Buffers") - cached);
  host.gauge("system.memory.usage", "By", used, { state: "used" });
  host.gauge("system.memory.usage", "By", get("MemFree"), { state: "free" });
  host.gauge("system.memory.usage", "By", cached, { state: "cached" });
  host.gauge("system.memory.usage", "By", get("Buffers"), { state: "buffered" });
  host.gauge("system.memory.utilization", "1", 1 - get("MemAvailable") / total);
  const swap = get("SwapTotal");
  if (!(swap > 0)) return;
  host.gauge("system.paging.usage", "By", swap - get("SwapFree"), { state: "used" });
  host.gauge("system.paging.usage", "By", get("SwapFree"), { state: "free" });
  host.gauge("system.paging.utilization", "1", 1 - get("SwapFree") / swap);
}

function addPaging(count: Counter, vm: Map<string, number>): void {
  const get = (key: string): number => vm.get(key) ?? Number.NaN;
  count("system.paging.operations", "{operation}", get("pswpin"), { direction: "in" });
  count("system.paging.operations", "{operation}", get("pswpout"), { direction: "out" });
  count("system.paging.faults", "{fault}", get("pgmajfault"), { type: "major" });
  count("system.paging.faults", "{fault}", get("pgfault") - get("pgmajfault"), { type: "minor" });
}

function addDisk(count: Counter, disk: procfs.DiskCounters): void {
  const { device } = disk;
  count("system.disk.io", "By", disk.readBytes, { device, direction: "read" });
  count("system.disk.io", "By", disk.writeBytes, { device, direction: "write" });
  count("system.disk.operations", "{operation}", disk.reads, { device, direction: "read" });
  count("system.disk.operations", "{operation}", disk.writes, { device, direction: "write" });
  count("system.disk.io_time", "s", disk.ioMs / 1000, { device });
}

function addNetwork(count: Counter, net: procfs.NetCounters): void {
  for (const direction of ["receive", "transmit"] as const) {
    const { bytes, packets, errors } = net[direction];
    const where = { device: net.device, direction };
    count("system.network.io", "By", bytes, where);
    count("system.network.packets", "{packet}", packets, where);
    count("system.network.errors", "{error}", errors, where);
  }
}
