import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionFamily } from "./action.ts";
import { type ProcessManager, processAdapter } from "./common/process-adapter.ts";
import { targetOf } from "./common/target-of.ts";

type Target = UseOf<"child">;
const MARK = "FAULTWRIGHT_CHILD";
const TICKS_PER_SECOND = 100;

/**
 * Processes that we start ourselves, each in a group of its own. They outlive us, and are found again by a mark in their
 * environment: no pid file that could be stale, or missing because we died between start and write. Linux.
 */
export function child({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  return processAdapter((name) => targetOf(targets, name), childManager(targets));
}

export function childManager(targets: Readonly<Record<string, Target>>): ProcessManager {
  const of = (name: string) => targetOf(targets, name);
  /** Two targets of one name but another command are two. */
  const markOf = (name: string) => `${name}|${JSON.stringify(of(name).command)}`.replaceAll("\0", "");
  const find = async (name: string) => (await marked(markOf(name)))[0];
  return {
    async view(name) {
      const found = await find(name);
      if (found === undefined) return { exists: true, pid: null, startedAtMs: null, detail: "not running" };
      const { pid, state, ticks, startedAtMs } = found;
      const identity = JSON.stringify([pid, ticks]);
      return { exists: true, pid, startedAtMs, identity, detail: `pid ${pid}, state ${state}` };
    },
    async stop(name, signal) {
      const t = of(name);
      const running = await find(name);
      if (running === undefined) return ", it did not run";
      send(running.pid, "SIGTERM");
      if (await gone(name, t.term, signal)) return "";
      send(running.pid, "SIGKILL");
      if (!(await gone(name, 5000, signal)))
        throw new PipelineError("ACTION_FAILED", name, { detail: `pid ${running.pid} outlives KILL` });
      return `, killed after ${t.term} ms`;
    },
    async start(name) {
      const t = of(name);
      const running = await find(name);
      if (running !== undefined)
        throw new PipelineError("ACTION_REFUSED", name, { detail: `runs already as pid ${running.pid}` });
      const [file = "", ...args] = t.command;
      const output = openSync(t.output ?? "/dev/null", "a");
      try {
        const env = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/", ...t.env, [MARK]: markOf(name) };
        const started = spawn(file, args, { cwd: t.cwd, env, detached: true, stdio: ["ignore", output, output] });
        await once(started, "spawn").catch((cause: Error) => {
          throw new PipelineError("ACTION_FAILED", name, { detail: cause.message, cause });
        });
        started.unref();
      } finally {
        closeSync(output);
      }
    },
  };

  async function gone(name: string, limitMs: number, signal: AbortSignal): Promise<boolean> {
    const endMs = performance.now() + limitMs;
    while ((await find(name)) !== undefined) {
      if (performance.now() > endMs || signal.aborted) return false;
      await new Promise((go) => setTimeout(go, 20));
    }
    return true;
  }
}

/** To the whole group: what it started goes with it. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // gone already
  }
}

interface Found {
  readonly pid: number;
  readonly state: string;
  /** Since boot: unlike the wall clock it does not move. */
  readonly ticks: number;
  readonly startedAtMs: number;
}

/** Leaders of their group that carry the mark (what they started inherits it), oldest first; zombies are gone. */
async function marked(mark: string): Promise<Found[]> {
  const wanted = `${MARK}=${mark}`;
  const found: Found[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(wanted)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // The name in parentheses may hold anything, further parentheses included.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = "", , group] = fields;
    if (state === "" || state === "Z" || state === "X" || Number(group) !== Number(name)) continue;
    const ticks = Number(fields[19]);
    found.push({ pid: Number(name), state, ticks, startedAtMs: bootMs() + (ticks * 1000) / TICKS_PER_SECOND });
  }
  return found.sort((a, b) => a.ticks - b.ticks);
}

const bootMs = () => Date.now() - Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
