/** Processes of the benchmark: pinned to a core, watched through /proc; what machine this is. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../../..");
/** Everything measured runs here, one after another; broker and harness on the other. */
export const MEASURED_CORE = 1;
export const OTHER_CORE = 0;

export function outputOf(command: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  } catch {
    return undefined;
  }
}

let pinning: boolean | undefined;
export function canPin(): boolean {
  pinning ??= cpus().length > MEASURED_CORE && outputOf("taskset", "-V") !== undefined;
  return pinning;
}

/** Moves a running process with all its threads, and those they start later. */
export function moveTo(core: number, pid: number): void {
  if (canPin()) outputOf("taskset", "-apc", String(core), String(pid));
}

export interface Child {
  readonly pid: number;
  /** Its standard output; rejects when it exits with anything but 0, unless it was stopped. */
  readonly ended: Promise<string>;
  readonly exited: boolean;
  /** Largest resident memory so far. */
  readonly peakRssBytes: number;
  /** Used so far by all its threads; undefined once it is gone. */
  cpuSeconds(): number | undefined;
  /** Part of its life in which something else had the measured core; undefined when that can't be told. */
  readonly othersShare: number | undefined;
  stop(): Promise<void>;
}

const RSS_EVERY_MS = 200;
const STOP_MS = 20_000;
const ERROR_CHARS = 2000;

interface StartOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly loud?: boolean;
}

/** Starts `command` on the measured core. Its standard error goes to ours when `loud`. */
export const startPinned = (command: string, args: readonly string[], options: StartOptions = {}): Child =>
  start(canPin() ? ["taskset", "-c", String(MEASURED_CORE), command, ...args] : [command, ...args], options);

/** Starts `command` on any core. */
export const startFree = (command: string, args: readonly string[], options: StartOptions = {}): Child =>
  start([command, ...args], options);

function start([file, ...rest]: readonly string[], { env = {}, cwd, loud = false }: StartOptions): Child {
  const child = spawn(file!, rest, { env: { ...process.env, ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const pid = child.pid ?? 0;
  let out = "";
  let err = "";
  let peak = 0;
  let exited = false;
  let stopped = false;
  let othersShare: number | undefined;
  const coreAtStart = coreSeconds();
  const startMs = performance.now();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err = (err + text).slice(-ERROR_CHARS);
    if (loud) process.stderr.write(text);
  });
  const cpuSeconds = () => {
    // Behind the name in brackets, which may hold anything: state is field 3, utime 14, stime 15.
    const fields = procText(String(pid), "stat")
      ?.replace(/^.*\) /s, "")
      .split(" ");
    return fields ? (Number(fields[11]) + Number(fields[12])) / ticksPerSecond() : undefined;
  };
  const look = () => {
    const [cpu, core] = [cpuSeconds(), coreSeconds()];
    if (canPin() && cpu !== undefined && core !== undefined && coreAtStart !== undefined) {
      const wall = (performance.now() - startMs) / 1000;
      othersShare = Math.max(0, (core - coreAtStart - cpu) / wall);
    }
    const kb = /^VmHWM:\s+(\d+) kB/m.exec(procText(String(pid), "status") ?? "")?.[1];
    if (kb !== undefined) peak = Math.max(peak, Number(kb) * 1024);
  };
  const timer = setInterval(look, RSS_EVERY_MS);
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      exited = true;
      clearInterval(timer);
      if (code === 0 || stopped) resolve(out);
      else
        reject(new Error(`${[file, ...rest].join(" ")} ended with ${code ?? signal}: ${err.trim() || "no message"}`));
    });
  });
  ended.catch(() => {}); // who awaits it hears of it
  return {
    pid,
    ended,
    get exited() {
      return exited;
    },
    get peakRssBytes() {
      return peak;
    },
    get othersShare() {
      return othersShare;
    },
    cpuSeconds,
    async stop() {
      stopped = true;
      if (!exited) child.kill("SIGTERM");
      const hard = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended.catch(() => {});
      clearTimeout(hard);
    },
  };
}

/** Starts `command` on the measured core; gives the JSON object that it prints. */
export async function jsonOf<T>(
  command: string,
  args: readonly string[],
  options?: Parameters<typeof startPinned>[2],
): Promise<T & { rssBytes: number; othersShare: number | undefined }> {
  const child = startPinned(command, args, options);
  const text = await child.ended;
  return { ...(JSON.parse(text) as T), rssBytes: child.peakRssBytes, othersShare: child.othersShare };
}

/** For which the measured core was not idle: user, nice, system, interrupts and what the host took. */
function coreSeconds(): number | undefined {
  const fields = new RegExp(`^cpu${MEASURED_CORE} (.*)$`, "m").exec(procText("", "stat") ?? "")?.[1]?.split(" ");
  if (!fields) return undefined;
  const busy = [0, 1, 2, 5, 6, 7].reduce((sum, i) => sum + Number(fields[i]), 0);
  return busy / ticksPerSecond();
}

function procText(pid: string, file: string): string | undefined {
  try {
    return readFileSync(join("/proc", pid, file), "utf8");
  } catch {
    return undefined;
  }
}

let ticks: number | undefined;
function ticksPerSecond(): number {
  ticks ??= Number(outputOf("getconf", "CLK_TCK") ?? 100);
  return ticks;
}

export function machine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    java: javaVersion(),
    python: outputOf("python3", "--version")?.replace("Python ", "") ?? null,
    commit: commitOf(),
    pinned: canPin(),
  };
}

function javaVersion(): string | null {
  return outputOf("java", "--version")?.split("\n")[0] ?? null;
}

function commitOf(): string | null {
  const commit = outputOf("git", "-C", ROOT, "rev-parse", "--short=12", "HEAD");
  if (commit === undefined) return null;
  return outputOf("git", "-C", ROOT, "status", "--porcelain") === "" ? commit : `${commit} with changes`;
}
