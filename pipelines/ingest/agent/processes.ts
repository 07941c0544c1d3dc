import { readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../../core/errors.ts";
import type { ProcessRule } from "./metric-point.ts";
import { type PidStat, type ProcReader, parsePidStat } from "./procfs.ts";
import { withTimeout } from "./with-timeout.ts";

/** What one service's processes use together. `ticks` is what they ran since the last scan, undefined in the first. */
export interface ServiceUse {
  service: string;
  processes: number;
  ticks: number | undefined;
  rssBytes: number;
  threads: number;
  paused: number;
  /** Undefined when another user's descriptors may not be counted. */
  descriptors: number | undefined;
}

export interface ProcessScan {
  byStatus: Map<string, number>;
  services: ServiceUse[];
}

const STATUS: Readonly<Record<string, string>> = {
  R: "running",
  S: "sleeping",
  D: "blocked",
  Z: "zombies",
  T: "stopped",
  t: "stopped",
  I: "idle",
};

/** Rules as a function from command line to service. Throws `CONFIG_INVALID` for a bad expression or an empty name. */
export function compileRules(rules: readonly ProcessRule[]): (cmdline: string) => string | undefined {
  const compiled = rules.map((rule) => {
    if (!rule.match || !rule.service.trim())
      throw new PipelineError("CONFIG_INVALID", "processes", { detail: "match and service must not be empty" });
    try {
      return { regex: new RegExp(rule.match), service: rule.service, text: `${rule.match}=${rule.service}` };
    } catch (cause) {
      throw new PipelineError("CONFIG_INVALID", `processes.${rule.match}`, { detail: String(cause), cause });
    }
  });
  return (cmdline) => {
    for (const { regex, service, text } of compiled) {
      // A shell or runner that started an agent carries the rule itself in its command line.
      const found = cmdline.includes(text) ? null : regex.exec(cmdline);
      if (!found) continue;
      const name = service.replace(/\$(\d)/g, (_, group: string) => found[Number(group)] ?? "").trim();
      if (name) return name.slice(0, 200);
    }
    return undefined;
  };
}

interface Known {
  startTicks: number;
  ticks: number;
  comm: string;
  service: string | undefined;
  /** Scans since the command line was last read, and how many times it has been. */
  age: number;
  reads: number;
}

/** Scans all processes; the first rule that matches a process takes it, and the agent itself is never watched. */
export class ProcessScanner {
  readonly #proc: ProcReader;
  readonly #serviceOf: ((cmdline: string) => string | undefined) | undefined;
  readonly #pageSize: number;
  readonly #maxServices: number;
  #known: Map<number, Known> | undefined;
  #reading = 0;

  constructor(proc: ProcReader, rules: readonly ProcessRule[], maxServices = 200) {
    this.#proc = proc;
    this.#serviceOf = rules.length > 0 ? compileRules(rules) : undefined;
    this.#pageSize = proc.auxv().pageSize;
    this.#maxServices = maxServices;
  }

  async scan(): Promise<ProcessScan> {
    const byStatus = new Map<string, number>();
    const services = new Map<string, ServiceUse>();
    const now = new Map<number, Known>();
    const before = this.#known;
    for (const name of this.#proc.pids()) {
      const text = this.#proc.text(`${name}/stat`);
      const stat = text === undefined ? undefined : parsePidStat(text);
      if (!stat) continue;
      const status = STATUS[stat.state] ?? "other";
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      if (!this.#serviceOf || stat.pid === process.pid || stat.state === "Z") continue;
      const old = before?.get(stat.pid);
      const last = old?.startTicks === stat.startTicks ? old : undefined;
      const known = await this.#know(stat, last);
      now.set(stat.pid, known);
      if (known.service === undefined) continue;
      this.#add(services, known.service, stat, before ? Math.max(0, stat.ticks - (last?.ticks ?? 0)) : undefined);
    }
    this.#known = now;
    return { byStatus, services: [...services.values()] };
  }

  // A command line changes when a fork turns into its program: it is read anew while young, on a new name, and rarely.
  async #know(stat: PidStat, last: Known | undefined): Promise<Known> {
    const base = { startTicks: stat.startTicks, ticks: stat.ticks, comm: stat.comm };
    if (last && last.comm === stat.comm && last.age < (last.reads < 3 ? 1 : 24))
      return { ...base, service: last.service, age: last.age + 1, reads: last.reads };
    // No pages: a kernel thread, which has no command line.
    if (stat.rssPages === 0) return { ...base, service: undefined, age: 0, reads: 3 };
    const raw = await this.#cmdline(stat.pid);
    const service = raw ? this.#serviceOf?.(raw.slice(0, 4096).split("\0").join(" ").trim()) : last?.service;
    return { ...base, service, age: 0, reads: (last?.reads ?? 0) + 1 };
  }

  // Not synchronous: this one file waits for the process's memory lock, which a stuck process may hold. While a read
  // hangs no other is begun, so that it holds one of libuv's four threads and not all of them.
  async #cmdline(pid: number): Promise<string | undefined> {
    if (this.#reading > 0) return undefined;
    this.#reading += 1;
    const file = readFile(join(this.#proc.root, String(pid), "cmdline"), "utf8");
    return withTimeout(
      file.finally(() => {
        this.#reading -= 1;
      }),
      200,
    );
  }

  #add(services: Map<string, ServiceUse>, service: string, stat: PidStat, ticks: number | undefined): void {
    let use = services.get(service);
    if (!use) {
      if (services.size >= this.#maxServices) return;
      use = { service, processes: 0, ticks: undefined, rssBytes: 0, threads: 0, paused: 0, descriptors: 0 };
      services.set(service, use);
    }
    use.processes += 1;
    if (ticks !== undefined) use.ticks = (use.ticks ?? 0) + ticks;
    use.rssBytes += stat.rssPages * this.#pageSize;
    use.threads += stat.threads;
    if (stat.state === "T" || stat.state === "t") use.paused += 1;
    const open = countDescriptors(join(this.#proc.root, String(stat.pid), "fd"));
    use.descriptors = open === undefined || use.descriptors === undefined ? undefined : use.descriptors + open;
  }
}

// Since Linux 6.2 the directory's size is the count; before, it is 0 and the entries are counted.
function countDescriptors(path: string): number | undefined {
  try {
    return statSync(path).size || readdirSync(path).length;
  } catch {
    return undefined;
  }
}
