/** A group of processes on a real broker, killed, paused, joined and left while records come in. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import type { Transport } from "../../../pipelines/runtime/kafka/transport.ts";
import { startBroker, startCluster } from "../../broker/broker.ts";
import { randomOf } from "../signals.ts";

export interface Disturbances {
  readonly records: number;
  readonly kills: number;
  readonly pauses: number;
  readonly rebalances: number;
  readonly brokerKills: number;
  /** 1, or a cluster with three copies of everything. */
  readonly brokers: 1 | 3;
  readonly seed: number;
  readonly verbose?: boolean;
}

export interface Subject {
  /** Made before anything else. */
  readonly topics: readonly { readonly name: string; readonly partitions: number; readonly compact?: boolean }[];
  readonly input: string;
  /** Group and the topic that it must have read to its end. */
  readonly reads: readonly (readonly [group: string, topic: string])[];
  /** What node runs as one worker. Workers are numbered from 0. */
  command(brokers: readonly string[], worker: number): readonly string[];
  /** The n-th records of the input. */
  records(
    from: number,
    count: number,
  ): { key: Uint8Array; value: Uint8Array; partition: number; timestampMs?: number }[];
}

export interface Site {
  readonly transport: Transport;
  readonly admin: Admin;
  readonly brokers: readonly string[];
  /** Records in the input. */
  readonly written: number;
  readonly events: Readonly<Record<string, number>>;
  /** Starts a worker that nothing disturbs. */
  launch(args: readonly string[]): ChildProcess;
  /** Until the groups have read their topics to the end. */
  caughtUp(reads: Subject["reads"]): Promise<void>;
}

/** Longer than the session of the workers. */
const PAUSE_MS = 9000;
const SETTLE_MS = 1500;
const CHUNK = 500;
const STUCK_MS = 180_000;

interface Victim {
  readonly addresses: readonly string[];
  /** kill -9 and a start with the same data a moment later: also the coordinators of groups and transactions move. */
  killOne(): Promise<void>;
  stop(): Promise<void>;
}

async function single(): Promise<Victim> {
  const broker = await startBroker();
  return { addresses: [broker.bootstrap], killOne: () => broker.restart(500), stop: () => broker.stop() };
}

async function cluster(next: () => number): Promise<Victim> {
  const { brokers, kill, start, stop } = await startCluster(3);
  return {
    addresses: brokers,
    async killOne() {
      const index = Math.floor(next() * brokers.length);
      await kill(index);
      await sleep(3000);
      await start(index);
    },
    stop,
  };
}

export const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", () => resolve()));

/** Disturbs, waits until everything is read, stops the workers in order, and lets `judge` look before the broker ends. */
export async function disturb<T>(
  options: Disturbances,
  subject: Subject,
  judge: (site: Site) => Promise<T>,
): Promise<T> {
  const next = randomOf(options.seed);
  const say = (text: string) => options.verbose && process.stderr.write(`${text}\n`);
  const broker = options.brokers === 1 ? await single() : await cluster(next);
  const children = new Set<ChildProcess>();
  const transport = kafkajsTransport({ brokers: [...broker.addresses] });
  const admin = new Kafka({
    brokers: [...broker.addresses],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 30 },
  }).admin();
  const events: Record<string, number> = {};
  const count = (name: string) => {
    events[name] = (events[name] ?? 0) + 1;
  };
  const launch = (args: readonly string[]) => {
    const child = spawn(process.execPath, ["--import", "tsx", ...args], {
      stdio: ["ignore", "ignore", options.verbose ? "inherit" : "ignore"],
    });
    children.add(child);
    child.once("exit", () => children.delete(child));
    return child;
  };
  try {
    await admin.connect();
    await admin.createTopics({
      topics: subject.topics.map(({ name, partitions, compact }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: options.brokers,
        configEntries: [
          { name: "min.insync.replicas", value: String(Math.ceil(options.brokers / 2)) },
          ...(compact ? [{ name: "cleanup.policy", value: "compact" }] : []),
        ],
      })),
    });
    const workers = new Set<ChildProcess>();
    let number = 0;
    const join = () => {
      const child = launch(subject.command(broker.addresses, number++));
      workers.add(child);
      child.once("exit", (code) => {
        workers.delete(child);
        if (code === 1) count("gaveUp");
      });
      return child;
    };
    const pick = () => [...workers][Math.floor(next() * workers.size)] as ChildProcess;

    // Records keep coming until the last disturbance.
    const { kills, pauses, rebalances, brokerKills } = options;
    const lastsMs = 4000 + kills * 2600 + pauses * (2500 + PAUSE_MS) + rebalances * 7000 + brokerKills * 6000;
    const paceMs = (lastsMs * CHUNK) / options.records;
    let produced = 0;
    let paced = true;
    const producing = (async () => {
      while (produced < options.records) {
        const records = subject.records(produced, Math.min(CHUNK, options.records - produced));
        // While the broker is away the client gives up now and then; what it writes twice then counts as two.
        await transport.produce(subject.input, records).then(
          () => {
            produced += records.length;
          },
          () => count("produceAgain"),
        );
        if (paced) await sleep(paceMs);
      }
    })();
    join();
    join();
    await sleep(4000);

    const times = (n: number, what: string) => Array.from({ length: n }, () => what);
    const plan = [
      ...times(kills, "kill"),
      ...times(pauses, "pause"),
      ...times(rebalances, "rebalance"),
      ...times(brokerKills, "broker"),
    ]
      .map((what) => [next(), what] as const)
      .sort(([a], [b]) => a - b)
      .map(([, what]) => what);
    for (const what of plan) {
      say(`-- ${what}, ${produced} produced`);
      while (workers.size < 2) join();
      if (what === "kill") {
        const child = pick();
        child.kill("SIGKILL");
        await ended(child);
        join();
      } else if (what === "pause") {
        const child = pick();
        child.kill("SIGSTOP");
        await sleep(PAUSE_MS);
        child.kill("SIGCONT");
      } else if (what === "rebalance") {
        const third = join();
        await sleep(3000);
        third.kill("SIGTERM");
        await ended(third);
      } else await broker.killOne();
      count(what);
      await sleep(SETTLE_MS + next() * 2000);
    }
    paced = false;
    await producing;
    say(`-- all ${produced} produced`);
    while (workers.size < 2) join();
    const endOf = async (topic: string) => {
      let sum = 0;
      for (const { high } of (await transport.offsets(topic)).values()) sum += Number(high);
      return sum;
    };
    const caughtUp = async (reads: Subject["reads"]) => {
      const until = Date.now() + STUCK_MS;
      for (const [groupId, topic] of reads)
        for (;;) {
          const offsets = await admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => []);
          const at = offsets.flatMap((t) => t.partitions).reduce((sum, p) => sum + Math.max(0, Number(p.offset)), 0);
          const end = await endOf(topic);
          if (at >= end) break;
          if (Date.now() > until) throw new Error(`${groupId} is stuck at ${at} of ${end} in ${topic}`);
          await sleep(200);
        }
    };
    await caughtUp(subject.reads);
    for (const child of [...workers]) {
      child.kill("SIGTERM");
      await ended(child);
    }
    const written = await endOf(subject.input);
    return await judge({ transport, admin, brokers: broker.addresses, written, events, launch, caughtUp });
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await transport.close().catch(() => {});
    await admin.disconnect().catch(() => {});
    await broker.stop();
  }
}

/** The options of both scripts, as `parseArgs` takes them. */
export const FLAGS = {
  records: { type: "string", default: "300000" },
  kills: { type: "string", default: "10" },
  pauses: { type: "string", default: "10" },
  rebalances: { type: "string", default: "5" },
  "broker-kills": { type: "string", default: "5" },
  brokers: { type: "string", default: "3" },
  seed: { type: "string", default: "1" },
  verbose: { type: "boolean", default: false },
} as const;

export const disturbancesOf = (values: Readonly<Record<keyof typeof FLAGS, unknown>>): Disturbances => ({
  records: Number(values.records),
  kills: Number(values.kills),
  pauses: Number(values.pauses),
  rebalances: Number(values.rebalances),
  brokerKills: Number(values["broker-kills"]),
  brokers: values.brokers === "1" ? 1 : 3,
  seed: Number(values.seed),
  verbose: values.verbose === true,
});
