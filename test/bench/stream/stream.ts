/**
 * The streaming benchmark: our job and named alternatives over the same topics of one real broker, one after another on
 * the same core, in rounds. What is measured, and why so: `docs/bench.md`.
 */
import { join } from "node:path";
import { brokerMissing, startBroker } from "../../broker/broker.ts";
import { clientOf, type Filled, fill, type Topic } from "./fill.ts";
import { javaClasses, javaFetch, kafkaStreams, type StreamsVariant } from "./java.ts";
import { compileOurs, ours } from "./ours.ts";
import { jsonOf, machine, moveTo, OTHER_CORE, outputOf } from "./process.ts";
import { bestOf, type Rounds, ratioOf, round, spreadOf, tableOf, valuesOf } from "./summary.ts";

export const ENTRANTS = ["ours", "java", "kafkajs", "river", "streams"] as const;
export type Entrant = (typeof ENTRANTS)[number];

export interface StreamOptions {
  readonly only: readonly Entrant[];
  /** Of steady work for each entrant. */
  readonly seconds: number;
  readonly rounds: number;
  /** In the topic of 100 points a record; by default what `seconds` take at `POINTS_PER_SECOND`. */
  readonly points?: number;
  readonly series: number;
  readonly partitions: number;
  readonly stepMs: number;
  readonly windowMs: number;
  readonly latenessMs: number;
  readonly commitMs: number;
  readonly say: (text: string) => void;
}

export const DEFAULTS = {
  only: ENTRANTS,
  seconds: 20,
  rounds: 3,
  series: 10_000,
  partitions: 1,
  stepMs: 1000,
  windowMs: 10_000,
  latenessMs: 10_000,
  commitMs: 1000,
} satisfies Partial<StreamOptions>;

/** Sizes of the topics, in points for each second of steady work: about what the entrants that read them to their end take. */
const POINTS_PER_SECOND = { whole: 1_000_000, processor: 450_000, dsl: 60_000, json: 250_000 };
const WARM_UP_POINTS = 500_000;
const WARM_UP_SECONDS = 4;

/** Of the measured core, used by something else: more than this and the figure is the machine's, not the entrant's. */
const NOISY_SHARE = 0.1;

type Result = Readonly<Record<string, unknown>>;
interface Run {
  readonly entrant: Entrant;
  readonly name: string;
  run(): Promise<Result>;
}

export async function streamBench(options: StreamOptions) {
  const { only, seconds, say } = options;
  const wants = (name: Entrant) => only.includes(name);
  const noBroker = brokerMissing();
  if (noBroker !== undefined) throw new Error(`there is no broker to measure on: ${noBroker}`);
  const missing: Record<string, string> = {};
  /** Makes what an entrant needs; says what is missing and goes on without it. */
  const prepare = async <T>(names: readonly Entrant[], make: () => Promise<T>): Promise<T | undefined> => {
    const concerned = names.filter(wants);
    if (concerned.length === 0) return undefined;
    say(`preparing ${concerned.join(" and ")}`);
    return make().catch((error: Error) => {
      for (const name of concerned) missing[name] = error.message;
      say(`MISSING: ${concerned.join(" and ")}: ${error.message}`);
      return undefined;
    });
  };
  const main = await prepare(["ours"], compileOurs);
  const classes = await prepare(["java", "streams"], javaClasses);
  const python = await prepare(["river"], async () => riverPython());

  const broker = await startBroker();
  try {
    moveTo(OTHER_CORE, broker.pid);
    const { bootstrap } = broker;
    const topics = await fillAll(bootstrap, options);
    moveTo(OTHER_CORE, process.pid);
    const times = { windowMs: options.windowMs, latenessMs: options.latenessMs, commitMs: options.commitMs };
    const runs: Run[] = [];
    const add = (entrant: Entrant, name: string, run: () => Promise<Result>) => runs.push({ entrant, name, run });
    if (main !== undefined) {
      const common = { bootstrap, ...times, warmUpSeconds: WARM_UP_SECONDS, say };
      add("ours", "ours", async () => ({ ...(await ours(main, { ...common, topic: topics.otlp })) }));
      if (topics.json) {
        const json = topics.json;
        add("ours", "oursJson", async () => ({ ...(await ours(main, { ...common, topic: json })) }));
      }
    }
    if (classes !== undefined && wants("java"))
      add("java", "javaFetch", () => javaFetch(classes, bootstrap, topics.otlp, Math.min(seconds, 10)));
    if (wants("kafkajs")) {
      const bare = (topic: Filled, mode: "fetch" | "parse") => async () => {
        const args = [bootstrap, topic.name, mode, seconds, WARM_UP_SECONDS].map(String);
        const script = join(import.meta.dirname, "kafkajs-loop.ts");
        const got = await jsonOf<{ records: number; bytes: number; seconds: number }>(process.execPath, [
          "--import",
          "tsx",
          script,
          ...args,
        ]);
        const { records, bytes, rssBytes, othersShare } = got;
        return { recordsPerSec: records / got.seconds, bytesPerSec: bytes / got.seconds, rssBytes, othersShare };
      };
      if (topics.json) {
        add("kafkajs", "bareKafkajsParse", bare(topics.json, "parse"));
        add("kafkajs", "bareKafkajsFetch", bare(topics.json, "fetch"));
      }
      add("kafkajs", "bareKafkajsFetchOtlp", bare(topics.otlp, "fetch"));
    }
    if (python !== undefined)
      for (const [name, variant] of Object.entries(RIVER)) {
        const args = [
          variant,
          bootstrap,
          topics.otlp.name,
          topics.otlp.points,
          times.windowMs,
          times.latenessMs,
          seconds,
        ];
        const script = join(import.meta.dirname, "river/pipeline.py");
        add("river", name, () => jsonOf<Result>(python, ["-W", "ignore", script, ...args.map(String)]));
      }
    if (classes !== undefined && topics.part && topics.warmUp)
      for (const [name, variant] of Object.entries(STREAMS)) {
        const topic = variant === "processor" ? topics.otlp : topics.part;
        const points = variant === "processor" ? POINTS_PER_SECOND.processor * seconds : topic.points;
        const common = { warmUp: topics.warmUp, topic, points, ...times };
        add("streams", name, () => kafkaStreams(classes, bootstrap, variant, common));
      }
    const rounds = await runRounds(runs, options, missing);
    return resultOf(rounds, options, topics, missing);
  } finally {
    await broker.stop();
  }
}

const RIVER = { riverWindows: "windows", riverPoints: "points" } as const;
const STREAMS = {
  streamsDefaults: "defaults",
  streamsTuned: "tuned",
  streamsProcessor: "processor",
} as const satisfies Record<string, StreamsVariant>;

function riverPython(): string {
  if (outputOf("python3", "-m", "venv", "--help") === undefined) throw new Error("python3 with venv is not installed");
  const python = outputOf("bash", join(import.meta.dirname, "river/install.sh"));
  if (python === undefined) throw new Error("test/bench/stream/river/install.sh failed: run it to see why");
  return python;
}

async function fillAll(bootstrap: string, options: StreamOptions) {
  const { only, seconds, series, partitions, stepMs, say } = options;
  const points = options.points ?? seconds * POINTS_PER_SECOND.whole;
  const make = (name: string, format: Topic["format"], n: number) =>
    fill(bootstrap, { name, format, points: n, series, partitions, stepMs }, say);
  const otlp = await make("otlp_metrics", "otlp", points);
  const wantsJson = only.includes("ours") || only.includes("kafkajs");
  const json = wantsJson
    ? await make("json_metrics", "json", Math.min(points, seconds * POINTS_PER_SECOND.json))
    : undefined;
  if (!only.includes("streams")) return { otlp, json };
  const admin = clientOf(bootstrap).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: "anomalies-streams", numPartitions: partitions }] });
  await admin.disconnect();
  const part = await make("otlp_metrics_part", "otlp", Math.min(points, seconds * POINTS_PER_SECOND.dsl));
  return { otlp, json, part, warmUp: await make("otlp_metrics_warm_up", "otlp", WARM_UP_POINTS) };
}

/** Alternating: what else the machine does for a while meets all of them. A failure is said, and leaves a hole. */
async function runRounds(runs: readonly Run[], { rounds, say }: StreamOptions, missing: Record<string, string>) {
  const out: Record<string, Result | undefined>[] = [];
  for (let i = 0; i < rounds; i++) {
    const row: Record<string, Result | undefined> = {};
    for (const { name, run } of runs) {
      say(`round ${i + 1} of ${rounds}: ${name}`);
      try {
        row[name] = await run();
        say(`round ${i + 1} of ${rounds}: ${name}: ${JSON.stringify(row[name])}`);
      } catch (error) {
        missing[name] = (error as Error).message;
        say(`FAILED: ${name}: ${(error as Error).message}`);
      }
    }
    out.push(row);
  }
  return out;
}

function resultOf(
  rounds: Rounds,
  options: StreamOptions,
  topics: Awaited<ReturnType<typeof fillAll>>,
  missing: Readonly<Record<string, string>>,
) {
  const median = (name: string, field: string) => spreadOf(valuesOf(rounds, name, field))?.median ?? null;
  const points = median("ours", "pointsPerSec");
  const river = bestOf(rounds, Object.keys(RIVER), "pointsPerSec");
  const streams = bestOf(rounds, Object.keys(STREAMS), "pointsPerSec");
  const against = (rival: string) => ratioOf(rounds, "ours", rival, "pointsPerSec");
  const names = [...new Set(rounds.flatMap((r) => Object.keys(r)))];
  const fields = ["pointsPerSec", "recordsPerSec", "bytesPerSec", "rssBytes", "cpuShare", "othersShare"];
  const results = Object.fromEntries(
    names.map((name) => [
      name,
      Object.fromEntries(
        fields.flatMap((field) => {
          const spread = spreadOf(valuesOf(rounds, name, field));
          return spread ? [[field, rounded(spread)]] : [];
        }),
      ),
    ]),
  );
  const { say, ...settings } = options;
  const noisy = names.filter((name) => valuesOf(rounds, name, "othersShare").some((v) => v > NOISY_SHARE));
  return {
    pointsPerSec: points === null ? null : round(points),
    javaFetchRatio: ratioOf(rounds, "ours", "javaFetch", "bytesPerSec"),
    riverRatio: river === undefined ? null : against(river),
    kafkaStreamsRatio: streams === undefined ? null : against(streams),
    bareKafkajsRatio: ratioOf(rounds, "oursJson", "bareKafkajsParse", "recordsPerSec"),
    rssBytes: median("ours", "rssBytes"),
    machine: machine(),
    ratios: Object.fromEntries([...Object.keys(RIVER), ...Object.keys(STREAMS)].map((name) => [name, against(name)])),
    measuredBy: rounds.map((r) => r.ours?.measuredBy).find((v) => v !== undefined) ?? null,
    missing,
    noisy,
    results,
    topics: Object.fromEntries(Object.entries(topics).filter(([, t]) => t !== undefined)),
    settings,
  };
}

const rounded = (s: { median: number; min: number; max: number; rounds: number }) => ({
  median: round(s.median),
  min: round(s.min),
  max: round(s.max),
  rounds: s.rounds,
});

const LABELS: Readonly<Record<string, string>> = {
  ours: "faultwright, OTLP",
  oursJson: "faultwright, a JSON message a point",
  javaFetch: "Kafka's Java consumer, fetch only",
  bareKafkajsParse: "kafkajs eachBatch + JSON.parse",
  bareKafkajsFetch: "kafkajs eachBatch, JSON topic",
  bareKafkajsFetchOtlp: "kafkajs eachBatch, OTLP topic",
  riverWindows: "River, tumbling windows",
  riverPoints: "River, every point",
  streamsDefaults: "Kafka Streams, defaults",
  streamsTuned: "Kafka Streams, tuned",
  streamsProcessor: "Kafka Streams, Processor API",
};

/** For people. */
export function textOf(result: Awaited<ReturnType<typeof streamBench>>): string {
  type Cells = Record<string, { median: number; min: number; max: number } | undefined>;
  const perPoint = result.topics.otlp?.pointsPerRecord ?? 1;
  const rows = Object.entries(result.results as Record<string, Cells>).map(([name, r]) => {
    const json = name === "oursJson" || name === "bareKafkajsParse" || name === "bareKafkajsFetch";
    const factor = r.pointsPerSec ? 1 : json ? 1 : perPoint;
    const p = r.pointsPerSec ?? r.recordsPerSec;
    const count = (v: number | undefined) => (v === undefined ? "-" : Math.round(v * factor).toLocaleString("en"));
    const bytes = r.bytesPerSec ? `${(r.bytesPerSec.median / 1e6).toFixed(0)}` : "-";
    const rss = r.rssBytes ? `${(r.rssBytes.median / 2 ** 20).toFixed(0)}` : "-";
    const others = r.othersShare ? `${(100 * r.othersShare.median).toFixed(0)}` : "-";
    return [LABELS[name] ?? name, count(p?.median), count(p?.min), count(p?.max), bytes, rss, others];
  });
  const { machine: m } = result;
  const ratio = (v: number | null) => (v === null ? "not measured" : String(v));
  return [
    tableOf([["", "points/s", "least", "most", "MB/s", "RSS MiB", "others %"], ...rows]),
    "",
    `ours / Java fetch, bytes:              ${ratio(result.javaFetchRatio)}`,
    `ours / River (the faster):             ${ratio(result.riverRatio)}`,
    `ours / Kafka Streams (the fastest):    ${ratio(result.kafkaStreamsRatio)}`,
    `ours / bare kafkajs, JSON messages:    ${ratio(result.bareKafkajsRatio)}`,
    ...Object.entries(result.missing).map(([name, why]) => `not measured: ${name}: ${why}`),
    ...(result.noisy.length > 0
      ? [`NOISY: something else had more than ${100 * NOISY_SHARE} % of the core beside ${result.noisy.join(", ")}`]
      : []),
    "",
    `${m.cpu}, ${m.cores} cores, ${(m.memoryBytes / 2 ** 30).toFixed(0)} GiB, Node ${m.node}, ${m.java ?? "no Java"}, ` +
      `Python ${m.python ?? "none"}, commit ${m.commit ?? "unknown"}${m.pinned ? "" : ", NOT pinned to a core"}`,
    "",
  ].join("\n");
}
