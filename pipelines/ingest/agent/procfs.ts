/** Parsers of the text under /proc (pure), and a reader over a root directory that tests point at fixtures. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Ticks since boot, all cores together. `total` leaves out guest time, which the kernel counts within `user`. */
export interface CpuTimes {
  user: number;
  nice: number;
  system: number;
  idle: number;
  iowait: number;
  irq: number;
  softirq: number;
  steal: number;
  total: number;
}

/** /proc/stat: CPU ticks and the boot time (ms since the epoch; undefined if not told). Undefined without a cpu line. */
export function parseStat(text: string): { cpu: CpuTimes; bootMs: number | undefined } | undefined {
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  const n = line.trim().split(/\s+/).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = n;
  const total = user + nice + system + idle + iowait + irq + softirq + steal;
  const boot = /^btime (\d+)$/m.exec(text)?.[1];
  return {
    cpu: { user, nice, system, idle, iowait, irq, softirq, steal, total },
    bootMs: boot === undefined ? undefined : Number(boot) * 1000,
  };
}

/** /proc/loadavg: the one-minute load average; NaN if malformed. */
export function parseLoadavg(text: string): number {
  return Number.parseFloat(text);
}

/** /proc/meminfo in bytes, by the kernel's names. */
export function parseMeminfo(text: string): Map<string, number> {
  const out = new Map<string, number>();
  for (const m of text.matchAll(/^([^\s:]+):\s+(\d+)( kB)?$/gm)) out.set(m[1]!, Number(m[2]) * (m[3] ? 1024 : 1));
  return out;
}

/** /proc/vmstat: counters by name. */
export function parseVmstat(text: string): Map<string, number> {
  const out = new Map<string, number>();
  for (const m of text.matchAll(/^(pswpin|pswpout|pgfault|pgmajfault) (\d+)$/gm)) out.set(m[1]!, Number(m[2]));
  return out;
}

export interface DiskCounters {
  device: string;
  reads: number;
  readBytes: number;
  writes: number;
  writeBytes: number;
  ioMs: number;
}

/** /proc/diskstats: whole devices that have been used; no partitions (they are in their disk), loop or RAM disks. */
export function parseDiskstats(text: string): DiskCounters[] {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  const names = new Set(rows.map((row) => row[2]));
  const out: DiskCounters[] = [];
  for (const row of rows) {
    const device = row[2];
    if (device === undefined || row.length < 14 || /^(loop|ram|fd|sr|zram)\d/.test(device)) continue;
    // sda1 is a part of sda, nvme0n1p1 of nvme0n1; dm-10 is no part of dm-1.
    const disk = /^(.*[a-z])\d+$/.exec(device)?.[1];
    const digitDisk = /^(.*\d)p\d+$/.exec(device)?.[1];
    if ((disk && names.has(disk)) || (digitDisk && names.has(digitDisk))) continue;
    const n = (i: number): number => Number(row[i]);
    if (n(3) + n(7) === 0) continue;
    // A sector is 512 bytes here whatever the device's own size is.
    out.push({ device, reads: n(3), readBytes: n(5) * 512, writes: n(7), writeBytes: n(9) * 512, ioMs: n(12) });
  }
  return out;
}

export interface NetCounters {
  device: string;
  receive: { bytes: number; packets: number; errors: number };
  transmit: { bytes: number; packets: number; errors: number };
}

/** /proc/net/dev: devices that have carried anything; no loopback, nor the host's ends of containers' pairs. */
export function parseNetDev(text: string): NetCounters[] {
  const out: NetCounters[] = [];
  for (const m of text.matchAll(/^\s*([^\s:|]+):\s*(.+)$/gm)) {
    const device = m[1]!;
    const n = m[2]!.trim().split(/\s+/).map(Number);
    if (device === "lo" || device.startsWith("veth") || n.length < 11) continue;
    if (n[1]! + n[9]! === 0) continue;
    out.push({
      device,
      receive: { bytes: n[0]!, packets: n[1]!, errors: n[2]! },
      transmit: { bytes: n[8]!, packets: n[9]!, errors: n[10]! },
    });
  }
  return out;
}

export interface Pressure {
  kind: "some" | "full";
  /** Share of the last 10 s in which tasks waited, 0..1. */
  avg10: number;
  /** Seconds waited since boot. */
  totalS: number;
}

/** /proc/pressure/*: one row per kind the kernel tells. */
export function parsePressure(text: string): Pressure[] {
  const out: Pressure[] = [];
  for (const m of text.matchAll(/^(some|full) avg10=([\d.]+) .*total=(\d+)$/gm))
    out.push({ kind: m[1] as "some" | "full", avg10: Number(m[2]) / 100, totalS: Number(m[3]) / 1e6 });
  return out;
}

export interface PidStat {
  pid: number;
  comm: string;
  state: string;
  /** User and system time together, in ticks. */
  ticks: number;
  threads: number;
  /** Ticks after boot; with the pid it names a process for good. */
  startTicks: number;
  rssPages: number;
}

/** /proc/PID/stat; undefined if malformed. The name may hold spaces and brackets, so the last bracket ends it. */
export function parsePidStat(text: string): PidStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const f = text.slice(close + 2).split(" ");
  if (f.length < 22) return undefined;
  return {
    pid: Number.parseInt(text, 10),
    comm: text.slice(open + 1, close),
    state: f[0]!,
    ticks: Number(f[11]) + Number(f[12]),
    threads: Number(f[17]),
    startTicks: Number(f[19]),
    rssPages: Number(f[21]),
  };
}

/** /proc/self/auxv of a 64-bit little-endian kernel: page size in bytes and ticks per second; 4096 and 100 if untold. */
export function parseAuxv(bytes: Buffer): { pageSize: number; ticksPerS: number } {
  const out = { pageSize: 4096, ticksPerS: 100 };
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const key = bytes.readBigUInt64LE(at);
    const value = Number(bytes.readBigUInt64LE(at + 8));
    if (key === 6n && value >= 1024 && value <= 2 ** 30) out.pageSize = value;
    if (key === 17n && value >= 1 && value <= 100_000) out.ticksPerS = value;
  }
  return out;
}

/** Reads under `root`. The kernel makes these files from memory, so reading them does not wait for any device. */
export class ProcReader {
  readonly root: string;

  constructor(root = "/proc") {
    this.root = root;
  }

  /** The file's text; undefined when it is absent or may not be read. */
  text(path: string): string | undefined {
    try {
      return readFileSync(join(this.root, path), "utf8");
    } catch {
      return undefined;
    }
  }

  auxv(): { pageSize: number; ticksPerS: number } {
    try {
      return parseAuxv(readFileSync(join(this.root, "self/auxv")));
    } catch {
      return parseAuxv(Buffer.alloc(0));
    }
  }

  /** Pids now present; empty when the root cannot be read. */
  pids(): string[] {
    try {
      return readdirSync(this.root).filter((name) => /^\d+$/.test(name));
    } catch {
      return [];
    }
  }
}
