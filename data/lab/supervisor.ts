import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forkEntry } from "./fork-entry.ts";
import {
  CALLS,
  type FromService,
  INITIAL_RELEASES,
  SERVICE_NAMES,
  type ServiceConfig,
  type ServiceName,
  START_LEVELS,
  type SwitchName,
  type ToService,
} from "./topology.ts";

const TERM_GRACE_MS = 2000;
const READY_LIMIT_MS = 10_000;
const PROBE_LIMIT_MS = 500;
const STDERR_KEPT = 2000;

/** What the control API shows of one service. */
export interface ServiceStatus {
  name: ServiceName;
  pid: number;
  state: "running" | "exited";
  release: string;
  /** Null when there is nothing to roll back to. */
  previousRelease: string | null;
  /** Starts after the first one. */
  restarts: number;
  port: number;
  /** Unix time in milliseconds. */
  startedAtMs: number;
}

export interface Health {
  healthy: boolean;
  detail: string;
}

export interface Supervisor {
  services(): ServiceStatus[];
  /** Stops and starts the service; rejects when it is not healthy within 10 s. Also the other two. */
  restart(name: ServiceName): Promise<ServiceStatus>;
  /** Rejects with code NO_PREVIOUS_RELEASE when there is none. */
  rollback(name: ServiceName): Promise<ServiceStatus>;
  deploy(name: ServiceName, release: string): Promise<ServiceStatus>;
  health(name: ServiceName): Promise<Health>;
  /** Switches an in-process defect on; rejects when the service is not running or does not confirm. */
  switchOn(name: ServiceName, defect: SwitchName): Promise<void>;
  signal(name: ServiceName, signal: "SIGKILL" | "SIGSTOP"): void;
  /** Ends every child; later calls are refused. */
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  dir: string;
  otlpEndpoint: string;
  /** Told when a service process has ended. */
  onExit?: (pid: number) => void;
}

interface Entry {
  status: ServiceStatus;
  releases: string[];
  child: ChildProcess | undefined;
  stderr: string;
  /** Actions on one service run one after the other. */
  turn: Promise<unknown>;
}

/** Asks a service's own /health, waiting 500 ms at most. Never rejects. */
async function probe(port: number): Promise<Health> {
  try {
    const res = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    await res.arrayBuffer();
    return { healthy: res.ok, detail: `status ${res.status}` };
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error));
    if (reason.name === "TimeoutError") return { healthy: false, detail: `no answer within ${PROBE_LIMIT_MS} ms` };
    const cause = reason.cause as NodeJS.ErrnoException | undefined;
    return { healthy: false, detail: cause?.code ?? reason.message };
  }
}

/** Starts the five services, callees first. Rejects (and leaves no child) when one does not become healthy. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  let stopped = false;
  const entries = new Map<ServiceName, Entry>(SERVICE_NAMES.map((name) => [name, createEntry(name)]));
  const entryOf = (name: ServiceName): Entry => entries.get(name)!;

  async function start(entry: Entry): Promise<void> {
    if (stopped) throw new Error("the supervisor has been stopped");
    const { name } = entry.status;
    const release = entry.releases.at(-1)!;
    const peers = Object.fromEntries(CALLS[name].map((peer) => [peer, entryOf(peer).status.port]));
    const config: ServiceConfig = {
      name,
      release,
      port: entry.status.port,
      peers,
      otlpEndpoint: options.otlpEndpoint,
      dir: join(options.dir, name),
    };
    entry.stderr = "";
    const child = forkEntry("service", { LAB_SERVICE: JSON.stringify(config) }, (text) => {
      entry.stderr = (entry.stderr + text).slice(-STDERR_KEPT);
    });
    entry.child = child;
    Object.assign(entry.status, {
      pid: child.pid ?? 0,
      state: "running",
      release,
      previousRelease: entry.releases.at(-2) ?? null,
      startedAtMs: Date.now(),
    });
    child.on("error", () => {});
    child.on("message", (message: FromService) => {
      if (message.type === "listening") entry.status.port = message.port;
    });
    // No restart here: what crashed stays down until somebody asks for it.
    child.once("exit", () => {
      if (entry.child === child) entry.status.state = "exited";
      if (child.pid !== undefined) options.onExit?.(child.pid);
    });
    await ready(entry, child);
  }

  async function ready(entry: Entry, child: ChildProcess): Promise<void> {
    const deadline = Date.now() + READY_LIMIT_MS;
    while (Date.now() < deadline && !hasEnded(child)) {
      if (entry.status.port !== 0 && (await probe(entry.status.port)).healthy) return;
      await sleep(50);
    }
    const what = hasEnded(child) ? "ended while starting" : `did not become healthy within ${READY_LIMIT_MS} ms`;
    throw new Error(`${entry.status.name} ${what} ${entry.stderr}`.trim());
  }

  /** Runs `change`, then replaces the process, after whatever is already under way for this service. */
  function replace(name: ServiceName, change: (entry: Entry) => void): Promise<ServiceStatus> {
    const entry = entryOf(name);
    const run = async (): Promise<ServiceStatus> => {
      change(entry);
      await endChild(entry.child);
      entry.status.restarts += 1;
      await start(entry);
      return { ...entry.status };
    };
    const result = entry.turn.then(run);
    entry.turn = result.catch(() => {});
    return result;
  }

  async function stop(): Promise<void> {
    stopped = true;
    await Promise.all([...entries.values()].map((entry) => endChild(entry.child)));
  }

  try {
    for (const level of START_LEVELS) await Promise.all(level.map((name) => start(entryOf(name))));
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    services: () => SERVICE_NAMES.map((name) => ({ ...entryOf(name).status })),
    restart: (name) => replace(name, () => {}),
    rollback: (name) =>
      replace(name, (entry) => {
        if (entry.releases.length < 2) {
          throw Object.assign(new Error(`${name} has no previous release`), { code: "NO_PREVIOUS_RELEASE" });
        }
        entry.releases.pop();
      }),
    deploy: (name, release) => replace(name, (entry) => entry.releases.push(release)),
    health: (name) => probe(entryOf(name).status.port),
    switchOn: (name, defect) => tellAndConfirm(entryOf(name).child, { type: "switch", name: defect }),
    signal: (name, signal) => {
      entryOf(name).child?.kill(signal);
    },
    stop,
  };
}

function createEntry(name: ServiceName): Entry {
  const status: ServiceStatus = {
    name,
    pid: 0,
    state: "exited",
    release: INITIAL_RELEASES.at(-1)!,
    previousRelease: null,
    restarts: 0,
    port: 0,
    startedAtMs: 0,
  };
  return { status, releases: [...INITIAL_RELEASES], child: undefined, stderr: "", turn: Promise.resolve() };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

/** TERM, and KILL after 2 s, which also ends a stopped process. Resolves once it is gone. */
export async function endChild(child: ChildProcess | undefined): Promise<void> {
  if (!child || hasEnded(child)) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), TERM_GRACE_MS);
  await gone;
  clearTimeout(timer);
}

async function tellAndConfirm(child: ChildProcess | undefined, message: ToService): Promise<void> {
  if (!child?.connected) throw new Error("the service is not running");
  const confirmed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the service did not confirm")), TERM_GRACE_MS);
    child.on("message", (reply: FromService) => {
      if (reply.type !== "switched" || reply.name !== message.name) return;
      clearTimeout(timer);
      resolve();
    });
  });
  child.send(message);
  await confirmed;
}
