/**
 * The demo: a real system, a real fault, the real pipeline in its own process. Only this file knows what was injected,
 * and uses it once: to judge the outcome at the end.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import type { Action, Incident } from "../../pipelines/core/records.ts";
import { FAULTS, pickFault } from "./faults.ts";
import { startLab } from "./lab.ts";

export interface DemoOptions {
  readonly fault?: string;
  readonly seed?: number;
  readonly json?: boolean;
  readonly keep?: string;
  readonly quietSeconds?: number;
  /** All signals through Kafka, two workers, one of them killed on the way: on these brokers, or (true) on one of its own. */
  readonly kafka?: string | true;
}

const BASELINE_MS = 60_000;
const DETECT_LIMIT_MS = 60_000;
const REPAIR_LIMIT_MS = 90_000;
const TOKEN_ENV = "FAULTWRIGHT_SUPERVISOR_TOKEN";

const pause = (ms: number) => new Promise((r) => setTimeout(r, ms));
const cliPath = () =>
  new URL(`../../pipelines/cli/main.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);
/** Part of a checkout, not of the package. */
const BROKER = new URL("../../test/broker/broker.ts", import.meta.url);
const BROKER_LIMIT_MS = 180_000;

/** Asks until there is an answer, or the limit is up. */
async function until<T>(limitMs: number, ask: () => Promise<T | undefined>, everyMs = 250): Promise<T | undefined> {
  for (const end = Date.now() + limitMs; Date.now() < end; await pause(everyMs)) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

async function peakRssBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kib = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

/** Gives the exit code: 0 only if the injected service is among the first three suspects and the repair was verified. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const seed = options.seed ?? Math.floor(Math.random() * 1e9);
  const quiet = options.fault === "none";
  if (options.fault !== undefined && !quiet && !FAULTS.some((f) => f.kind === options.fault)) {
    process.stderr.write(`no fault ${options.fault}: ${FAULTS.map((f) => f.kind).join(", ")}, none\n`);
    return 2;
  }
  const say = (text: string) => {
    if (!options.json || process.stderr.isTTY) process.stderr.write(`${text}\n`);
  };
  const dir = options.keep ? resolve(options.keep) : await mkdtemp(join(tmpdir(), "faultwright-demo-"));
  await mkdir(dir, { recursive: true });
  const dataDir = join(dir, "pipeline");
  const children: ChildProcess[] = [];
  let lab: Awaited<ReturnType<typeof startLab>> | undefined;
  const cli = (args: string[], env: Record<string, string> = {}) => {
    const child = fork(cliPath(), args, {
      env: { ...process.env, MALLOC_ARENA_MAX: "2", ...env },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Young objects are collected early, and threads share the C library's memory: some 40 MiB less at this load.
      execArgv: [...process.execArgv, "--max-semi-space-size=1", "--optimize-for-size"],
    });
    children.push(child);
    return child;
  };
  const stopAll = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((r) => child.once("exit", r));
      child.kill("SIGTERM");
      await Promise.race([gone, pause(10_000).then(() => child.kill("SIGKILL"))]);
    }
    await lab?.stop();
  };
  const interrupted = () => void stopAll().finally(() => process.exit(130));
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    const startBroker = async (tell: (text: string) => void): Promise<string> => {
      tell("Starting a Kafka broker (Java 17; the first time Maven fetches it) ...");
      const child = fork(BROKER, [], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
      children.push(child);
      child.stderr?.resume();
      let out = "";
      child.stdout?.on("data", (d) => {
        out += d;
      });
      const address = await until(BROKER_LIMIT_MS, async () => {
        if (child.exitCode !== null) throw new Error("gone");
        return /^\S+:\d+$/m.exec(out)?.[0];
      });
      if (!address) throw new Error("no Kafka broker: npm run kafka says why; or name one with --kafka host:port");
      return address;
    };
    say("Starting five services, a load generator, the host agent and the pipeline ...");
    const port = await freePort();
    const otlpEndpoint = `http://127.0.0.1:${port}`;
    lab = await startLab({ otlpEndpoint, dir: join(dir, "lab"), seed });
    const config = {
      system: "demo",
      windows: { window: "1s", lateness: "2s", forget: "2m" },
      incidents: { quiet: "8s", reopen: "30s" },
      recover: {
        dryRun: false,
        supervisor: { url: lab.control.url, tokenEnv: TOKEN_ENV },
        targets: lab.services().map((s: { name: string }) => ({ name: s.name })),
        verify: "60s",
        cooldown: "5s",
      },
    };
    const token = lab.control.token;
    const run = async (name: string, own: object) => {
      const configPath = join(dir, `${name}.yaml`);
      await writeFile(configPath, stringify({ ...config, dataDir: join(dir, name), ...own }));
      return cli(["run", "--config", configPath, "--log-level", "info"], { [TOKEN_ENV]: token });
    };
    const sources = [{ kind: "otlp-http", port }];
    const workers: ChildProcess[] = [];
    let pipeline: ChildProcess;
    if (options.kafka === undefined) pipeline = await run("pipeline", { sources });
    else {
      const brokers = options.kafka === true ? [await startBroker(say)] : options.kafka.split(",");
      const runtime = {
        kind: "kafka",
        brokers,
        prefix: `demo-${Date.now()}`,
        intake: true,
        partitions: 2,
        session: "6s",
      };
      // One that only receives and shows, and two that do the work.
      pipeline = await run("pipeline", { sources, runtime: { ...runtime, stages: [] } });
      const started = async () => JSON.parse(await readFile(join(dataDir, "endpoint.json"), "utf8")) as object;
      if (!(await until(60_000, started))) throw new Error("the receiving process did not start");
      for (const name of ["worker-1", "worker-2"]) {
        const worker = await run(name, { runtime, api: { port: 0 } });
        worker.stderr?.resume();
        workers.push(worker);
      }
    }
    let log = "";
    pipeline.stderr?.on("data", (d) => {
      log = (log + d).slice(-20_000);
    });
    const endpoint = await until(30_000, async () => {
      if (pipeline.exitCode !== null) throw new Error("gone");
      return JSON.parse(await readFile(join(dataDir, "endpoint.json"), "utf8")) as { url: string; token: string };
    });
    if (!endpoint) throw new Error(`the pipeline did not start:\n${log}`);
    cli(["agent", "--endpoint", otlpEndpoint, "--interval", "1s"]).stderr?.resume();
    const get = async <T>(path: string) => (await (await fetch(`${endpoint.url}${path}`)).json()) as T;
    const incidentsSince = async (ms: number) =>
      (await get<Incident[]>("/api/incidents")).filter((i) => i.times.detectedMs >= ms && !i.labels.includes("self"));

    if (quiet) {
      const seconds = options.quietSeconds ?? 600;
      say(`Watching a healthy system for ${seconds} s ...`);
      await pause(seconds * 1000);
      const incidents = await get<Incident[]>("/api/incidents");
      const status = await get<Record<string, number>>("/api/status");
      const result = {
        injected: null,
        seconds,
        incidents: incidents.map((i) => ({
          id: i.id,
          headline: i.diagnosis?.headline ?? null,
          anomalies: i.anomalies.length,
        })),
        rssBytes: pipeline.pid ? await peakRssBytes(pipeline.pid) : null,
        status,
      };
      process.stdout.write(
        options.json ? `${JSON.stringify(result)}\n` : `${incidents.length} incidents in ${seconds} s\n`,
      );
      return incidents.length === 0 ? 0 : 1;
    }

    say(`Learning what is normal (${BASELINE_MS / 1000} s) ...`);
    await pause(BASELINE_MS);
    const falseBefore = (await get<Incident[]>("/api/incidents")).length;
    const choice = pickFault(seed, options.fault);
    const injected = await lab.inject(choice);
    let killed: { pid: number; atMs: number } | undefined;
    const [victim] = workers;
    if (victim?.pid) {
      await pause(1000);
      victim.kill("SIGKILL");
      killed = { pid: victim.pid, atMs: Date.now() };
      say(`kill -9 of worker ${victim.pid}: the other one takes over its tasks.`);
    }
    say("Something just broke. Waiting for the pipeline to notice ...");
    const found = await until(DETECT_LIMIT_MS, async () => (await incidentsSince(injected.atMs)).at(-1));
    let repair: Action | undefined;
    if (found) {
      say(`Incident ${found.id}. Waiting for a diagnosis and a plan ...`);
      const decided = new Set<string>();
      repair = await until(REPAIR_LIMIT_MS, async () => {
        const actions = await get<Action[]>("/api/actions");
        const settled = actions.find((a) => a.state === "verified");
        if (settled) return settled;
        for (const a of actions) {
          const rehearsed = a.history.some((h) => /dry run/i.test(h.detail));
          if (a.state !== "proposed" || !rehearsed || decided.has(a.plan.id)) continue;
          say(
            `Plan ${a.plan.id}: ${a.plan.action} ${a.plan.target}. The dry run went well; approving it, as on-call would.`,
          );
          const response = await fetch(`${endpoint.url}/api/actions/${a.plan.id}/approve`, {
            method: "POST",
            headers: { authorization: `Bearer ${endpoint.token}`, "content-type": "application/json" },
            body: JSON.stringify({ hash: a.plan.hash, by: "demo" }),
          });
          if (response.ok) decided.add(a.plan.id);
        }
        return undefined;
      });
      repair ??= (await get<Action[]>("/api/actions")).at(0);
    }
    const incident = found && (await get<Incident>(`/api/incidents/${found.id}`));
    const suspects = (incident?.diagnosis?.suspects ?? []).map((s) => ({ name: s.name, score: s.score }));
    const verified = repair?.state === "verified";
    const recoveredAtMs = incident?.times.verifiedMs ?? incident?.times.resolvedMs ?? null;
    const rank = suspects.findIndex((s) => s.name === injected.service) + 1;
    const rssBytes = pipeline.pid ? await peakRssBytes(pipeline.pid) : null;
    const result = {
      injected,
      incident: incident ? { id: incident.id, detectedAtMs: incident.times.detectedMs, suspects } : null,
      report: incident ? join(dataDir, "reports", `${incident.id}.html`) : null,
      repair: repair ? { action: repair.plan.action, target: repair.plan.target, verified, recoveredAtMs } : null,
      figures: {
        timeToDetectMs: incident ? incident.times.detectedMs - injected.atMs : null,
        timeToRecoverMs: verified && recoveredAtMs !== null ? recoveredAtMs - injected.atMs : null,
        rankOfTrueCause: rank || null,
        falseIncidentsBefore: falseBefore,
        pipelinePeakRssBytes: rssBytes,
      },
      seed,
      ...(killed ? { killedWorker: killed } : {}),
    };
    const ok = rank >= 1 && rank <= 3 && verified;
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    else {
      const s = (ms: number | null) => (ms === null ? "-" : `${(ms / 1000).toFixed(1)} s`);
      process.stdout.write(
        [
          "",
          `Injected   ${injected.kind} in ${injected.service}`,
          `Found      ${incident ? `${incident.diagnosis?.headline ?? incident.id} (after ${s(result.figures.timeToDetectMs)})` : "nothing"}`,
          `Suspects   ${
            suspects
              .slice(0, 3)
              .map((x, i) => `${i + 1}. ${x.name}`)
              .join("  ") || "-"
          }`,
          `Repair     ${repair ? `${repair.plan.action} ${repair.plan.target}: ${repair.state}` : "none"} (recovered after ${s(result.figures.timeToRecoverMs)})`,
          `Report     ${result.report ?? "-"}`,
          `Verdict    ${ok ? "true cause found, repair verified" : "not solved"}`,
          "",
        ].join("\n"),
      );
    }
    return ok ? 0 : 1;
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    await stopAll();
    if (options.keep === undefined) await rm(join(dir, "lab"), { recursive: true, force: true });
  }
}

/**
 * Below the range that systems hand out by themselves: between now and the pipeline's start no outgoing connection can
 * take it.
 */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error("no free port between 20000 and 32000");
}
