/**
 * The same disturbances for the whole job: workers of `faultwright run`, all stages. Afterwards an undisturbed worker
 * reads the same input under another prefix, and each output topic must hold the same records, byte for byte.
 *
 *   npx tsx test/chaos/kafka/pipeline.ts --records 300000 --kills 10 --pauses 10 --rebalances 5 --broker-kills 5
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { namesOf, OUTPUTS } from "../../../pipelines/run/kafka/topics.ts";
import { reread } from "../../../pipelines/runtime/kafka/changelog.ts";
import { randomOf } from "../signals.ts";
import { type Disturbances, disturb, disturbancesOf, ended, FLAGS, type Site } from "./disturb.ts";

export interface PipelineResult {
  readonly records: number;
  /** By topic: records of the disturbed run, of the undisturbed one, and whether they are the same. */
  readonly outputs: Readonly<Record<string, { disturbed: number; undisturbed: number; equal: boolean }>>;
  readonly equal: boolean;
  readonly events: Readonly<Record<string, number>>;
  readonly seconds: number;
}

const PARTITIONS = 2;
const SERVICES = 20;
const START_MS = 1_760_000_000_000;

/** Record n: one service's second as JSON lines. Every tenth minute one service is slow and fails; some lines are torn. */
function recordsOf(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const second = Math.floor(n / SERVICES);
    const service = n % SERVICES;
    const timeMs = START_MS + second * 1000;
    const random = randomOf(n);
    const bad = second % 600 >= 300 && second % 600 < 360 && Math.floor(second / 600) % SERVICES === service;
    const row = (metric: string, value: number) =>
      JSON.stringify({ time: timeMs, service: `s${service}`, metric, value: Number(value.toFixed(4)) });
    const lines = [
      row("latency_ms", 20 + service + 4 * random() + (bad ? 300 : 0)),
      row("error_ratio", 0.002 * random() + (bad ? 0.4 : 0)),
      row("cpu_utilization", 0.2 + 0.05 * random()),
    ];
    if (n % 997 === 0) lines.push(`{"time": torn ${n}`);
    return {
      key: Buffer.from(`s${service}`),
      value: Buffer.from(lines.join("\n")),
      partition: service % PARTITIONS,
      timestampMs: timeMs,
    };
  });
}

export async function pipelineChaos(options: Disturbances): Promise<PipelineResult> {
  const began = Date.now();
  const dir = mkdtempSync(join(tmpdir(), "faultwright-chaos-"));
  const command = (prefix: string, brokers: readonly string[], worker: number) => {
    const file = join(dir, `${prefix}-${worker}.yaml`);
    const config = {
      system: "chaos",
      dataDir: join(dir, `${prefix}-${worker}`),
      runtime: {
        kind: "kafka",
        brokers: [...brokers],
        prefix,
        topics: [{ name: "input", format: "jsonl" }],
        keyed: true,
        replication: options.brokers,
        session: "6s",
        state: "2s",
      },
      // A producer that waits for a dead broker is silent in one run and not in the other: silence must not move time.
      windows: { window: "10s", lateness: "10s", idle: "1h" },
      commit: "200ms",
    };
    writeFileSync(file, stringify(config));
    return ["pipelines/cli/main.ts", "run", "--config", file, "--log-level", "warn"];
  };
  const reads = (prefix: string) => {
    const names = namesOf(prefix);
    return [
      [names.group("features"), "input"],
      [names.group("incidents"), names.messages],
      [names.group("act"), names.decisions],
    ] as const;
  };
  const subject = {
    topics: [{ name: "input", partitions: PARTITIONS }],
    input: "input",
    reads: reads("disturbed"),
    command: (brokers: readonly string[], worker: number) => command("disturbed", brokers, worker),
    records: recordsOf,
  };
  try {
    return await disturb(options, subject, async (site) => {
      const child = site.launch(command("calm", site.brokers, 0));
      await site.caughtUp(reads("calm"));
      child.kill("SIGTERM");
      await ended(child);
      const outputs = await compare(site, options.verbose);
      const equal = Object.values(outputs).every((o) => o.equal) && (outputs.anomalies?.undisturbed ?? 0) > 0;
      return { records: site.written, outputs, equal, events: site.events, seconds: (Date.now() - began) / 1000 };
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function compare({ transport }: Site, verbose = false): Promise<PipelineResult["outputs"]> {
  const [disturbed, calm] = [namesOf("disturbed"), namesOf("calm")];
  const reader = await transport.reader(OUTPUTS.flatMap((t) => [disturbed.output(t), calm.output(t)]));
  const all = async (topic: string) => {
    const out: string[] = [];
    for (const [partition, { low, high }] of await transport.offsets(topic))
      for await (const r of reread(reader, topic, partition, low, high, () => false))
        out.push(`${partition} ${Buffer.from(r.key ?? []).toString()} ${Buffer.from(r.value).toString()}`);
    return out;
  };
  const result: Record<string, { disturbed: number; undisturbed: number; equal: boolean }> = {};
  for (const topic of OUTPUTS) {
    const [a, b] = [await all(disturbed.output(topic)), await all(calm.output(topic))];
    const at = a.findIndex((line, i) => line !== b[i]);
    if (at >= 0 && verbose) process.stderr.write(`${topic} differs at ${at}:\n${a[at]}\n${b[at]}\n`);
    result[topic] = { disturbed: a.length, undisturbed: b.length, equal: at < 0 && a.length === b.length };
  }
  await reader.close();
  return result;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const result = await pipelineChaos(disturbancesOf(parseArgs({ options: FLAGS }).values));
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = result.equal ? 0 : 1;
}
