/**
 * Exactly once, on a real broker: workers are killed, paused for longer than their session, joined and left by others,
 * and the broker is killed, while records come in. Then every committed output, and the state rebuilt from the
 * changelog, must be what one undisturbed reading of the same input gives.
 *
 *   npx tsx test/chaos/kafka/exactly-once.ts --records 300000 --kills 10 --pauses 10 --rebalances 5 --broker-kills 5
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { readChangelog, reread } from "../../../pipelines/runtime/kafka/changelog.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs-transport.ts";
import { type Produced, Task } from "../../../pipelines/runtime/kafka/task.ts";
import { startBroker, startCluster } from "../../broker/broker.ts";
import { countingStage } from "./counting-stage.ts";

export interface ChaosOptions {
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

export interface ChaosResult {
  readonly records: number;
  readonly outputs: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly wrong: number;
  readonly stateEqual: boolean;
  readonly events: Readonly<Record<string, number>>;
  readonly seconds: number;
}

const PARTITIONS = 4;
const KEYS = 200;
/** Longer than the session of the workers. */
const PAUSE_MS = 9000;
const SETTLE_MS = 1500;

function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

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

export async function exactlyOnce(options: ChaosOptions): Promise<ChaosResult> {
  const began = Date.now();
  const next = random(options.seed);
  const say = (text: string) => options.verbose && process.stderr.write(`${text}\n`);
  const broker = options.brokers === 1 ? await single() : await cluster(next);
  const workers = new Set<ChildProcess>();
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
  try {
    await admin.connect();
    const topic = (name: string, compact: boolean) => ({
      topic: name,
      numPartitions: PARTITIONS,
      replicationFactor: options.brokers,
      configEntries: [
        { name: "min.insync.replicas", value: String(Math.ceil(options.brokers / 2)) },
        ...(compact ? [{ name: "cleanup.policy", value: "compact" }] : []),
      ],
    });
    await admin.createTopics({ topics: [topic("input", false), topic("output", false), topic("state", true)] });
    const groupId = `chaos-${randomUUID()}`;
    const launch = () => {
      const child = spawn(
        process.execPath,
        [
          "--import",
          "tsx",
          "test/chaos/kafka/worker.ts",
          broker.addresses.join(","),
          "input",
          "output",
          "state",
          groupId,
        ],
        { stdio: ["ignore", "ignore", options.verbose ? "inherit" : "ignore"] },
      );
      workers.add(child);
      child.once("exit", (code) => {
        workers.delete(child);
        if (code === 1) count("gaveUp");
      });
      return child;
    };
    const ended = (child: ChildProcess) =>
      child.exitCode !== null || child.signalCode !== null
        ? Promise.resolve()
        : new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const pick = () => [...workers][Math.floor(next() * workers.size)] as ChildProcess;

    // Records keep coming until the last disturbance.
    const lastsMs =
      4000 +
      options.kills * 2600 +
      options.pauses * (2500 + PAUSE_MS) +
      options.rebalances * 7000 +
      options.brokerKills * 6000;
    const chunk = 500;
    const paceMs = (lastsMs * chunk) / options.records;
    let produced = 0;
    let paced = true;
    const producing = (async () => {
      while (produced < options.records) {
        const records = Array.from({ length: Math.min(chunk, options.records - produced) }, (_, i) => {
          const n = produced + i;
          return { key: Buffer.from(`k${n % KEYS}`), value: Buffer.from(`v${n}`), partition: n % PARTITIONS };
        });
        // While the broker is away the client gives up now and then; what it writes twice then counts as two.
        await transport.produce("input", records).then(
          () => {
            produced += records.length;
          },
          () => count("produceAgain"),
        );
        if (paced) await sleep(paceMs);
      }
    })();
    launch();
    launch();
    await sleep(4000);

    const plan = [
      ...Array.from({ length: options.kills }, () => "kill"),
      ...Array.from({ length: options.pauses }, () => "pause"),
      ...Array.from({ length: options.rebalances }, () => "rebalance"),
      ...Array.from({ length: options.brokerKills }, () => "broker"),
    ]
      .map((what) => [next(), what] as const)
      .sort(([a], [b]) => a - b)
      .map(([, what]) => what);
    for (const what of plan) {
      say(`-- ${what}, ${produced} produced`);
      while (workers.size < 2) launch();
      if (what === "kill") {
        const child = pick();
        child.kill("SIGKILL");
        await ended(child);
        launch();
      } else if (what === "pause") {
        const child = pick();
        child.kill("SIGSTOP");
        await sleep(PAUSE_MS);
        child.kill("SIGCONT");
      } else if (what === "rebalance") {
        const third = launch();
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
    const until = Date.now() + 120_000;
    let written = 0;
    for (const { high } of (await transport.offsets("input")).values()) written += Number(high);
    for (let at = 0; at < written; ) {
      if (Date.now() > until) throw new Error(`stuck at ${at} of ${written}`);
      if (workers.size === 0) launch();
      await sleep(200);
      const offsets = await admin.fetchOffsets({ groupId, topics: ["input"] }).catch(() => []);
      at = offsets.flatMap((t) => t.partitions).reduce((sum, p) => sum + Math.max(0, Number(p.offset)), 0);
    }
    for (const child of [...workers]) {
      child.kill("SIGTERM");
      await ended(child);
    }

    return { ...(await judge(transport, written)), events, seconds: (Date.now() - began) / 1000 };
  } finally {
    for (const child of workers) child.kill("SIGKILL");
    await transport.close().catch(() => {});
    await admin.disconnect().catch(() => {});
    await broker.stop();
  }
}

async function judge(transport: ReturnType<typeof kafkajsTransport>, records: number) {
  const reader = await transport.reader(["input", "output", "state"]);
  let [outputs, lost, duplicated, wrong] = [0, 0, 0, 0];
  let stateEqual = true;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const all = async (topic: string) => {
      const { low, high } = (await transport.offsets(topic)).get(partition) as { low: bigint; high: bigint };
      const list = [];
      for await (const r of reread(reader, topic, partition, low, high, () => false)) list.push(r);
      return list;
    };
    const wanted: string[] = [];
    const undisturbed = countingStage("output", partition);
    const show = (p: Pick<Produced, "key" | "value">) =>
      `${Buffer.from(p.key ?? "").toString()} ${Buffer.from(p.value).toString()}`;
    for (const r of await all("input")) undisturbed.process(r, (p) => wanted.push(show(p)));
    const records = await all("output");
    const got = records.map(show);
    outputs += got.length;
    const seen = new Map<string, number>();
    for (const g of got) seen.set(g, (seen.get(g) ?? 0) + 1);
    for (const w of wanted) if (!seen.has(w)) lost += 1;
    for (const n of seen.values()) duplicated += n - 1;
    for (const [value, n] of [...seen].filter(([, times]) => times > 1).slice(0, 3)) {
      const at = records.filter((r) => show(r) === value).map((r) => `${r.offset} at ${r.timestampMs}`);
      process.stderr.write(`partition ${partition}: ${n} times ${value}: ${at.join(", ")}\n`);
    }
    const known = new Set(wanted);
    for (const g of seen.keys()) if (!known.has(g)) wrong += 1;

    const rebuilt = new Task(partition, countingStage("output", partition));
    await rebuilt.restore(
      await readChangelog(transport, reader, "state", partition),
      (topic, from, until) => reread(reader, topic, partition, from, until, () => false),
      "state",
    );
    const chunks = (stage: typeof undisturbed) => {
      const out: Record<string, string> = {};
      stage.snapshot((key, value) => {
        if (key !== "ticks") out[key] = JSON.stringify(JSON.parse(Buffer.from(value ?? []).toString()).sort());
      }, true);
      return JSON.stringify(out);
    };
    stateEqual &&= chunks(rebuilt.stage as typeof undisturbed) === chunks(undisturbed);
  }
  await reader.close();
  return { records, outputs, lost, duplicated, wrong, stateEqual };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({
    options: {
      records: { type: "string", default: "300000" },
      kills: { type: "string", default: "10" },
      pauses: { type: "string", default: "10" },
      rebalances: { type: "string", default: "5" },
      "broker-kills": { type: "string", default: "5" },
      brokers: { type: "string", default: "3" },
      seed: { type: "string", default: "1" },
      verbose: { type: "boolean", default: false },
    },
  });
  const result = await exactlyOnce({
    records: Number(values.records),
    kills: Number(values.kills),
    pauses: Number(values.pauses),
    rebalances: Number(values.rebalances),
    brokerKills: Number(values["broker-kills"]),
    brokers: values.brokers === "1" ? 1 : 3,
    seed: Number(values.seed),
    verbose: values.verbose,
  });
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = result.lost + result.duplicated + result.wrong === 0 && result.stateEqual ? 0 : 1;
}
