/**
 * Exactly once, on a real broker: workers are killed, paused for longer than their session, joined and left by others,
 * and the broker is killed, while records come in. Then every committed output, and the state rebuilt from the
 * changelog, must be what one undisturbed reading of the same input gives.
 *
 *   npx tsx test/chaos/kafka/exactly-once.ts --records 300000 --kills 10 --pauses 10 --rebalances 5 --broker-kills 5
 */
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { readChangelog, reread } from "../../../pipelines/runtime/kafka/changelog.ts";
import { type Produced, Task } from "../../../pipelines/runtime/kafka/task.ts";
import { countingStage } from "./counting-stage.ts";
import { type Disturbances, disturb, disturbancesOf, FLAGS, type Site } from "./disturb.ts";

export interface ExactlyOnceResult {
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
const GROUP = "chaos";

export async function exactlyOnce(options: Disturbances): Promise<ExactlyOnceResult> {
  const began = Date.now();
  const subject = {
    topics: ["input", "output", "state"].map((name) => ({ name, partitions: PARTITIONS, compact: name === "state" })),
    input: "input",
    reads: [[GROUP, "input"]] as const,
    command: (brokers: readonly string[]) => [
      "test/chaos/kafka/worker.ts",
      brokers.join(","),
      "input",
      "output",
      "state",
      GROUP,
    ],
    records: (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const n = from + i;
        return { key: Buffer.from(`k${n % KEYS}`), value: Buffer.from(`v${n}`), partition: n % PARTITIONS };
      }),
  };
  return disturb(options, subject, async (site) => ({
    ...(await judge(site)),
    events: site.events,
    seconds: (Date.now() - began) / 1000,
  }));
}

async function judge({ transport, written }: Site) {
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
  return { records: written, outputs, lost, duplicated, wrong, stateEqual };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const result = await exactlyOnce(disturbancesOf(parseArgs({ options: FLAGS }).values));
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = result.lost + result.duplicated + result.wrong === 0 && result.stateEqual ? 0 : 1;
}
