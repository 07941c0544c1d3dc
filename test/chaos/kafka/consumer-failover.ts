/**
 * Fail-over of consumers: two workers of the real job share four partitions of a real broker, a producer keeps writing and
 * logs what was acknowledged. Again and again the worker that has some of them is killed (-9), or stopped (SIGSTOP) until
 * the other has taken over. Each record holds a line that nobody can read, so its dead letter, in the committed output,
 * shows that it was taken in: each acknowledged record has to be there once.
 *
 *   npx tsx test/chaos/kafka/consumer-failover.ts --kills 10 --pauses 10 [--session 10000]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type Admin, AssignerProtocol, Kafka, logLevel } from "kafkajs";
import { stringify } from "yaml";
import { namesOf } from "../../../pipelines/run/kafka/topics.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { startBroker } from "../../broker/broker.ts";
import { follow, writeOn } from "./acknowledged.ts";
import { ended } from "./disturb.ts";

export interface FailoverOptions {
  readonly kills: number;
  readonly pauses: number;
  /** `runtime.session` of the workers; the product's own by default. */
  readonly sessionMs?: number;
  readonly verbose?: boolean;
}

/** Times from the signal on, ms. */
export interface Failover {
  readonly kind: "kill" | "pause";
  /** Partitions that the victim had. */
  readonly tasks: readonly number[];
  /** The other worker was assigned the first of them; had its state back. */
  readonly assignedMs: number;
  readonly restoredMs: number;
  /** Until a record that was written after the signal was committed by the other: of the first, and of the last of `tasks`. */
  readonly firstMs: number;
  readonly allMs: number;
}

export interface FailoverResult {
  readonly sessionMs: number | "default";
  readonly failovers: readonly Failover[];
  readonly acknowledged: number;
  /** Acknowledged, and not in the committed output. */
  readonly lost: number;
  /** More than once in the committed output. */
  readonly doubled: number;
  /** Longest that an acknowledged record waited for its commit, ms. */
  readonly longestWaitMs: number;
  /** The same, half of the records. */
  readonly medianWaitMs: number;
}

const PARTITIONS = 4;
const PREFIX = "failover";
const INPUT = "input";
const PACE_MS = 50;
const STUCK_MS = 300_000;

interface Worker {
  readonly id: string;
  readonly child: ChildProcess;
  /** What its features group said, as it logs it. */
  readonly said: { readonly kind: string; readonly atMs: number; readonly tasks: readonly number[] }[];
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = Date.now() + STUCK_MS;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`not within ${STUCK_MS} ms: ${what}`);
    await sleep(50);
  }
}

/** Workers that the script starts, with what their logs say. */
function workforce(dir: string, brokers: readonly string[], { sessionMs, verbose }: FailoverOptions) {
  const workers = new Map<string, Worker>();
  let number = 0;
  return {
    workers,
    join() {
      const id = `worker-${number++}`;
      const file = join(dir, `${id}.yaml`);
      const runtime = {
        ...{ kind: "kafka", brokers: [...brokers], clientId: id, prefix: PREFIX, keyed: true },
        topics: [{ name: INPUT, format: "jsonl" }],
        ...(sessionMs === undefined ? {} : { session: sessionMs }),
      };
      writeFileSync(file, stringify({ system: "chaos", dataDir: join(dir, id), runtime }));
      const args = ["pipelines/cli/main.ts", "run", "--config", file, "--log-level", "info"];
      const child = spawn(process.execPath, ["--import", "tsx", ...args], { stdio: ["ignore", "ignore", "pipe"] });
      const worker: Worker = { id, child, said: [] };
      createInterface({ input: child.stderr }).on("line", (line) => {
        if (verbose) process.stderr.write(`${id} ${line}\n`);
        if (!line.includes('"stage":"features"')) return;
        const { kind, tasks, task } = JSON.parse(line) as { kind: string; tasks?: number[]; task?: number };
        worker.said.push({ kind, atMs: Date.now(), tasks: tasks ?? (task === undefined ? [] : [task]) });
      });
      workers.set(id, worker);
      child.once("exit", () => workers.delete(id));
      return worker;
    },
  };
}

/** Partitions by worker, once the group has settled; undefined before. */
async function sharesOf(admin: Admin): Promise<Map<string, number[]> | undefined> {
  const { groups } = await admin.describeGroups([namesOf(PREFIX).group("features")]).catch(() => ({ groups: [] }));
  const group = groups[0];
  if (group?.state !== "Stable") return undefined;
  return new Map(
    group.members.map((m) => [
      m.clientId,
      [...(AssignerProtocol.MemberAssignment.decode(m.memberAssignment)?.assignment[INPUT] ?? [])],
    ]),
  );
}

export async function consumerFailover(options: FailoverOptions): Promise<FailoverResult> {
  const say = (text: string) => process.stderr.write(options.verbose ? `-- ${text}\n` : "");
  const dir = mkdtempSync(join(tmpdir(), "faultwright-failover-"));
  const broker = await startBroker();
  const transport = kafkajsTransport({ brokers: [broker.bootstrap] });
  const admin = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING }).admin();
  const { workers, join: joinGroup } = workforce(dir, [broker.bootstrap], options);
  try {
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: INPUT, numPartitions: PARTITIONS, replicationFactor: 1 }] });
    const writing = writeOn(transport, { topic: INPUT, partitions: PARTITIONS, paceMs: PACE_MS });
    joinGroup();
    joinGroup();
    const shared = async () => {
      const shares = await sharesOf(admin);
      return [...workers.keys()].every((id) => shares?.get(id)?.length === PARTITIONS / 2);
    };
    await until("two workers share the partitions", shared);
    const sharedMs = Date.now();
    const output = namesOf(PREFIX).output("dead-letters");
    const reading = await follow(transport, { topic: output, partitions: PARTITIONS, log: writing.log });
    const served = (sinceMs: number) => (p: number) => reading.newestMs(p) > sinceMs;
    const everything = Array.from({ length: PARTITIONS }, (_, p) => p);

    const failovers: Failover[] = [];
    const plan = [
      ...Array.from({ length: options.kills }, () => "kill" as const),
      ...Array.from({ length: options.pauses }, () => "pause" as const),
    ];
    for (const kind of plan) {
      await until("two workers share the partitions", shared);
      const calmMs = Date.now();
      await until("all partitions are served", () => everything.every(served(calmMs)));
      const victim = [...workers.values()][failovers.length % 2] as Worker;
      const other = [...workers.values()].find((w) => w !== victim) as Worker;
      const tasks = (await sharesOf(admin))?.get(victim.id) ?? [];
      const beginMs = Date.now();
      victim.child.kill(kind === "kill" ? "SIGKILL" : "SIGSTOP");
      // Written afterwards, so committed by somebody else than the victim.
      await until("one partition is served again", () => tasks.some(served(beginMs)));
      const firstMs = Date.now() - beginMs;
      await until("all partitions are served again", () => tasks.every(served(beginMs)));
      const allMs = Date.now() - beginMs;
      const heard = (name: string) =>
        (other.said.find((s) => s.kind === name && s.atMs > beginMs && s.tasks.some((t) => tasks.includes(t)))?.atMs ??
          Number.NaN) - beginMs;
      failovers.push({ kind, tasks, assignedMs: heard("assigned"), restoredMs: heard("restored"), firstMs, allMs });
      say(JSON.stringify(failovers.at(-1)));
      if (kind === "kill") joinGroup();
      else victim.child.kill("SIGCONT"); // and now it thinks that nothing has happened
    }
    await until("two workers share the partitions", shared);
    await writing.stop();
    const written = writing.acknowledged();
    const missing = () => written.filter((w) => w.times === 0).length;
    // What is missing in the end is lost, not late.
    await until("all is committed", () => missing() === 0).catch(() => {});
    await reading.stop();
    const waits = written
      // Those of before wait for the first start of the workers.
      .filter((w) => w.writtenMs > sharedMs)
      .flatMap((w) => (w.seenMs === undefined ? [] : [Math.max(0, w.seenMs - (w.acknowledgedMs as number))]))
      .sort((a, b) => a - b);
    return {
      sessionMs: options.sessionMs ?? "default",
      failovers,
      acknowledged: written.length,
      lost: missing(),
      doubled: [...writing.log.values()].filter((w) => w.times > 1).length,
      longestWaitMs: waits.at(-1) as number,
      medianWaitMs: waits[waits.length >> 1] as number,
    };
  } finally {
    for (const { child } of workers.values()) {
      child.kill("SIGKILL");
      await ended(child);
    }
    await transport.close().catch(() => {});
    await admin.disconnect().catch(() => {});
    await broker.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

function table({ failovers }: FailoverResult): string {
  const row = (kind: Failover["kind"]) => {
    const of = failovers.filter((f) => f.kind === kind);
    const show = (value: (f: Failover) => number) => {
      const list = of.map(value).sort((a, b) => a - b);
      const seconds = (i: number) => ((list[i] as number) / 1000).toFixed(1);
      return `${seconds(list.length >> 1)} (${seconds(list.length - 1)})`;
    };
    return of.length === 0
      ? ""
      : `| ${kind} | ${of.length} | ${show((f) => f.assignedMs)} | ${show((f) => f.restoredMs)} | ${show((f) => f.firstMs)} | ${show((f) => f.allMs)} |\n`;
  };
  return `| signal | times | assigned | restored | first commit | all committed |\n|---|---|---|---|---|---|\n${row("kill")}${row("pause")}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "10" },
      pauses: { type: "string", default: "10" },
      session: { type: "string" },
      verbose: { type: "boolean", default: false },
    },
  });
  const result = await consumerFailover({
    kills: Number(values.kills),
    pauses: Number(values.pauses),
    ...(values.session === undefined ? {} : { sessionMs: Number(values.session) }),
    verbose: values.verbose,
  });
  const { failovers: _, ...figures } = result;
  process.stdout.write(
    `${JSON.stringify(figures, null, 2)}\n\nSeconds from the signal, median (most):\n\n${table(result)}`,
  );
  process.exitCode = result.lost + result.doubled === 0 ? 0 : 1;
}
