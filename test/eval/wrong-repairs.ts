/**
 * Repairs that do not help: `npm run eval -- wrong-repairs [--seeds 3] [--faults a,b] [--ways a,b] [--state FILE] [--out FILE]`.
 * The demo's own system, a real fault, the pipeline in its own process, every repair approved at once by its policy, and a real
 * receiver of pages. After two tries nothing more may be done, the incident has to need a human, and one page has to say so.
 * Three ways to be wrong: the command fails; it succeeds and changes nothing; it is of another service than the ill one.
 * About three minutes a run, and resumable: what is in the state file is not run again, and a run that failed stays a failed one.
 */
import { type ChildProcess, fork } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { pickFault } from "../../data/lab/faults.ts";
import { startLab } from "../../data/lab/lab.ts";
import { wilsonInterval } from "../../models/survival/intervals.ts";
import type { Notification } from "../../pipelines/core/notifications.ts";
import type { Action, Incident } from "../../pipelines/core/records.ts";
import { madeBy } from "./made-by.ts";

const WAYS = ["failing", "useless", "elsewhere"] as const;
type Way = (typeof WAYS)[number];

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "3" },
    faults: { type: "string", default: "latency,crash,bad-release" },
    ways: { type: "string", default: WAYS.join(",") },
    state: { type: "string", default: ".faultwright-wrong-repairs.jsonl" },
    out: { type: "string" },
  },
});

interface Row {
  readonly fault: string;
  readonly seed: number;
  readonly way: Way;
  readonly service: string;
  /** Of the injected fault; null: none was found, which says nothing of repairs. */
  readonly incident: string | null;
  /** Acts carried out for it; none may follow once people are needed. */
  readonly tries: number;
  readonly triesAfter: number;
  readonly needsHuman: string | null;
  /** Pages that say that people are needed, as the receiver got them, by their keys: a repeat has the key of the first. */
  readonly pages: number;
  /** From the fault to that page. */
  readonly pagedMs: number | null;
  readonly load: number;
  /** Why it says nothing of repairs, and is run again; null where it does. */
  readonly void: string | null;
}

const BASELINE_MS = 60_000;
const LIMIT_MS = 180_000;
/** How long it is watched that nothing more is done. */
const WATCH_MS = 30_000;
const LAB_TRIES = 6;
const START_LIMIT_MS = 180_000;
const TOKEN_ENV = "FAULTWRIGHT_SUPERVISOR_TOKEN";
const MAIN = new URL("../../pipelines/cli/main.ts", import.meta.url);

async function until<T>(limitMs: number, ask: () => Promise<T | undefined> | T | undefined): Promise<T | undefined> {
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(250)) {
    const answer = await Promise.resolve(ask()).catch(() => undefined);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Takes notifications as a webhook; keeps the first of each key. */
async function receiver() {
  const got = new Map<string, { readonly notification: Notification; readonly atMs: number }>();
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const key = String(request.headers["idempotency-key"] ?? "");
    const { notification } = JSON.parse(body) as { notification: Notification };
    if (!got.has(key)) got.set(key, { notification, atMs: Date.now() });
    response.end();
  });
  await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    got: () => [...got.values()],
    stop: () => void server.close(),
  };
}

/** Targets whose repairs do not help. */
function targetsOf(way: Way, services: readonly string[]): object[] {
  if (way === "elsewhere")
    // Each service is repaired in place of the next one: a config that mixes them up.
    return services.map((entity, i) => ({ name: services[(i + 1) % services.length], entity }));
  const run = [way === "failing" ? "false" : "true"];
  const action = { effect: "nothing that helps", loss: "none", risk: "low", run };
  return services.map((name) => ({
    name,
    use: {
      ...{ kind: "command", version: ["echo", "1"] },
      // Its own check calls the useless one a success: the incident alone tells that it was none.
      health: { kind: "command", command: run },
      actions: { restart: action, rollback: action },
    },
  }));
}

async function attempt(fault: string, seed: number, way: Way): Promise<Row> {
  const load = Math.round((loadavg()[0] as number) * 10) / 10;
  const choice = pickFault(seed, fault);
  const row = { fault, seed, way, service: choice.service, load };
  const nothing = (why: string): Row => ({
    ...row,
    ...{ incident: null, tries: 0, triesAfter: 0, needsHuman: null, pages: 0, pagedMs: null, void: why },
  });
  const dir = mkdtempSync(join(tmpdir(), "faultwright-wrong-"));
  const pages = await receiver();
  const children: ChildProcess[] = [];
  const cli = (args: string[], env: Record<string, string> = {}) => {
    const child = fork(MAIN, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "ignore", "ipc"] });
    children.push(child);
  };
  const port = 20_000 + Math.floor(Math.random() * 12_000);
  const otlpEndpoint = `http://127.0.0.1:${port}`;
  const startOnce = () => startLab({ otlpEndpoint, dir: join(dir, "lab"), seed }).catch((error: Error) => error);
  // A machine that is busy with other things starts no service in time, now and then.
  let lab = await startOnce();
  for (let tries = 1; lab instanceof Error && tries < LAB_TRIES; tries++) lab = await startOnce();
  try {
    if (lab instanceof Error) return nothing(`the lab did not start: ${lab.message}`);
    const config = {
      system: "demo",
      dataDir: join(dir, "pipeline"),
      sources: [{ kind: "otlp-http", port }],
      windows: { window: "1s", lateness: "2s", forget: "2m" },
      incidents: { quiet: "8s", reopen: "30s" },
      notify: { receivers: [{ kind: "webhook", url: pages.url }] },
      recover: {
        dryRun: false,
        supervisor: { url: lab.control.url, tokenEnv: TOKEN_ENV },
        targets: targetsOf(
          way,
          lab.services().map((s) => s.name),
        ),
        autoApprove: ["restart", "rollback"],
        ...{ verify: "20s", cooldown: "2s", perHour: 20, lockDir: join(dir, "locks") },
      },
    };
    writeFileSync(join(dir, "pipeline.yaml"), stringify(config));
    cli(["run", "--config", join(dir, "pipeline.yaml")], { [TOKEN_ENV]: lab.control.token });
    const endpoint = await until(START_LIMIT_MS, () => {
      const path = join(config.dataDir, "endpoint.json");
      return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { url: string }) : undefined;
    });
    if (endpoint === undefined) return nothing("the pipeline did not start");
    cli(["agent", "--endpoint", otlpEndpoint, "--interval", "1s"]);
    const get = async <T>(path: string) => (await (await fetch(`${endpoint.url}${path}`)).json()) as T[];
    await sleep(BASELINE_MS);
    const { atMs } = await lab.inject(choice);
    const about = async () =>
      (await get<Incident>("/api/incidents")).filter(
        (i) => i.times.detectedMs >= atMs && !i.labels.includes("self") && i.entities.includes(choice.service),
      );
    const acts = async () => {
      const ids = new Set((await about()).map((i) => i.id));
      return (await get<Action>("/api/actions")).filter((a) => ids.has(a.plan.incidentId));
    };
    if ((await until(60_000, async () => (await about())[0])) === undefined) return nothing("the fault was not found");
    const stopped = await until(LIMIT_MS, async () => (await acts()).find((a) => a.needsHuman !== undefined));
    const triesOf = async () => (await acts()).filter((a) => a.attempts > 0).length;
    const tries = await triesOf();
    await sleep(WATCH_MS);
    const told = pages
      .got()
      .filter((p) => p.notification.kind === "repair-failed" && p.notification.detail.includes("page a human"));
    return {
      ...row,
      incident: stopped?.plan.incidentId ?? (await about())[0]?.id ?? null,
      ...{ tries, triesAfter: (await triesOf()) - tries, needsHuman: stopped?.needsHuman ?? null },
      ...{ pages: told.length, pagedMs: told[0] ? told[0].atMs - atMs : null, void: null },
    };
  } finally {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((go) => child.once("exit", go));
      child.kill("SIGTERM");
      await Promise.race([gone, sleep(10_000).then(() => child.kill("SIGKILL"))]);
    }
    if (!(lab instanceof Error)) await lab.stop();
    pages.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

const state = values.state as string;
const rows: Row[] = existsSync(state)
  ? readFileSync(state, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((l) => JSON.parse(l) as Row)
  : [];
const ways = (values.ways as string).split(",") as Way[];
const faults = (values.faults as string).split(",");
// Seed by seed, so that a run that is stopped has something of everything.
for (let seed = 1; seed <= Number(values.seeds); seed++)
  for (const fault of faults)
    for (const way of ways) {
      if (rows.some((r) => r.fault === fault && r.seed === seed && r.way === way && r.void === null)) continue;
      const row = await attempt(fault, seed, way);
      rows.push(row);
      appendFileSync(state, `${JSON.stringify(row)}\n`);
      process.stderr.write(`${JSON.stringify(row)}\n`);
    }

const good = (r: Row) => r.tries <= 2 && r.triesAfter === 0 && r.needsHuman !== null && r.pages === 1;
const line = (name: string, all: readonly Row[]) => {
  const of = all.filter((r) => r.void === null);
  const { low, high } = wilsonInterval(of.filter(good).length, of.length);
  const share = `${of.filter(good).length}/${of.length} (${(low * 100).toFixed(0)} to ${(high * 100).toFixed(0)} %)`;
  const count = (value: (r: Row) => number) => [...new Set(of.map(value))].sort((a, b) => a - b).join(", ");
  const paged = of.flatMap((r) => (r.pagedMs === null ? [] : [r.pagedMs / 1000])).sort((a, b) => a - b);
  const seconds = paged.length === 0 ? "-" : `${paged[paged.length >> 1]?.toFixed(0)} (${paged.at(-1)?.toFixed(0)})`;
  const why = [...new Set(of.map((r) => r.needsHuman ?? "none"))].join(", ");
  return `| ${name} | ${share} | ${count((r) => r.tries)} | ${count((r) => r.triesAfter)} | ${count((r) => r.pages)} | ${seconds} | ${why} |`;
};
const text = `# Repairs that do not help

${madeBy(
  "wrong-repairs",
  rows.map((r) => r.load),
)}
Right: at most two tries, none in the ${WATCH_MS / 1000} s after, a human is asked for, and one page says so. Share with 95 % Wilson interval; seconds from the fault to that page: median (most).

| repair | right | tries | tries after it | pages | paged after, s | why |
|---|---|---|---|---|---|---|
${ways
  .map((w) =>
    line(
      w,
      rows.filter((r) => r.way === w),
    ),
  )
  .join("\n")}
${line("all", rows)}

Runs in which the lab did not start or the fault was not found, and which say nothing of repairs: ${rows.filter((r) => r.void !== null).length}.
`;
process.stdout.write(text);
if (values.out) writeFileSync(values.out, text);
process.exitCode = rows.every((r) => r.void !== null || good(r)) ? 0 : 1;
