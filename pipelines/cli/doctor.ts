import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { stringify } from "yaml";
import { type Config, parseConfig } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import { formatDate, formatTime, plural } from "../core/format.ts";
import type { KafkaConnection } from "../core/kafka-config.ts";
import { addonChecks, type Check, configChecks, dataDirCheck, nodeCheck } from "../run/checks.ts";
import { inspectTopic, type Keying, type TopicReport } from "../run/inspect-topic.ts";
import { kafkaTransport } from "../run/kafka-transport.ts";

interface Options {
  readonly config?: string;
  readonly dataDir?: string;
  readonly topic: readonly string[];
  readonly brokers?: readonly string[];
  readonly format?: string;
  readonly records: number;
  readonly json?: boolean;
}

const words = (text: string) => {
  const out = text.split(",").map((s) => s.trim());
  if (out.some((s) => s === "")) throw new InvalidArgumentError("Give host:port, or several with commas.");
  return out;
};
const count = (text: string) => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 10_000) throw new InvalidArgumentError("Give a number from 1 to 10000.");
  return n;
};

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Check this machine, a configuration, and what topics hold; say what to do. Changes nothing.")
    .option("--config <file>", "YAML configuration: is it valid, are its files and topics there?")
    .option("--data-dir <dir>", "data directory, by default the configuration's")
    .option(
      "--topic <name>",
      "tell what a topic holds (again for more)",
      (v, all: string[]) => [...all, v],
      [] as string[],
    )
    .option("--brokers <list>", "host:port,…: where the topics are, by default the configuration's", words)
    .option("--format <name>", "read the topics as this, instead of telling their format")
    .option("--records <n>", "records to look at, the first and last of each partition", count, 100)
    .option("--json", "print as JSON")
    .addHelpText("after", "\nExit code: 0 ok (warnings are), 1 something failed, 2 bad usage.")
    .action(async (options: Options, command: Command) => {
      if (options.topic.length === 0 && (options.brokers || options.format))
        command.error("--brokers and --format go with --topic", { exitCode: 2 });
      if (options.topic.length > 0 && !options.brokers && !options.config)
        command.error("--topic needs --brokers, or a --config with a kafka source", { exitCode: 2 });
      const checks: Check[] = [nodeCheck(), ...(await addonChecks())];
      const config = options.config === undefined ? undefined : await readChecked(options.config, checks);
      checks.push(await dataDirCheck(options.dataDir ?? config?.dataDir ?? ".faultwright"));
      if (config && options.topic.length === 0) checks.push(...(await configChecks(config)));
      const topics = await inspect(options, config, checks);
      const ok = checks.every((c) => c.status !== "fail");
      if (options.json) process.stdout.write(`${JSON.stringify({ ok, checks, topics })}\n`);
      else process.stdout.write(text(checks, topics, options.brokers));
      if (!ok) process.exitCode = 1;
    });
}

async function readChecked(path: string, checks: Check[]): Promise<Config | undefined> {
  try {
    const config = parseConfig(await readFile(path, "utf8"), path);
    checks.push({ name: "config", status: "ok", detail: path });
    return config;
  } catch (error) {
    const known = error instanceof PipelineError;
    const detail = known ? error.message : `can't read ${path}: ${(error as Error).message}`;
    const hint = known ? "`faultwright config schema` has every key" : undefined;
    checks.push({ name: "config", status: "fail", detail, ...(hint ? { hint } : {}) });
    return undefined;
  }
}

async function inspect(options: Options, config: Config | undefined, checks: Check[]): Promise<TopicReport[]> {
  const out: TopicReport[] = [];
  for (const name of options.topic) {
    const check = `topic ${name}`;
    try {
      const { connection, known } = whereIs(name, options, config);
      const transport = await kafkaTransport(connection);
      try {
        const topic = options.format === undefined ? (known ?? { name }) : { name, format: options.format };
        const report = await inspectTopic({ transport, topic, maxRecords: options.records });
        out.push(report);
        checks.push({ name: check, ...verdict(report) });
      } finally {
        await transport.close();
      }
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      checks.push({ name: check, status: "fail", detail: error.message, ...(error.hint ? { hint: error.hint } : {}) });
    }
  }
  return out;
}

/** The cluster of a topic, and how the config already reads it. */
function whereIs(name: string, { brokers }: Options, config: Config | undefined) {
  const sources = (config?.sources ?? []).filter((s) => s.kind === "kafka");
  const source = sources.find((s) => s.topics.some((t) => t.name === name)) ?? sources[0];
  if (!brokers && !source)
    throw new PipelineError("CONFIG_INVALID", name, {
      detail: "the configuration has no kafka source",
      hint: "give --brokers",
    });
  const connection = { ...source, ...(brokers ? { brokers } : {}) } as KafkaConnection;
  return { connection, known: source?.topics.find((t) => t.name === name) };
}

function verdict(report: TopicReport): Pick<Check, "status" | "detail" | "hint"> {
  const { format, sample, rejected, rowsPerRecord, reason, config } = report;
  if (sample.records === 0)
    return { status: "warn", detail: reason, hint: "come back when something was written to it" };
  if (format === null)
    return { status: "fail", detail: reason, hint: "plain JSON or CSV: give it a mapping, see docs/formats.md" };
  const bad = rejected.reduce((n, r) => n + r.rows, 0);
  const total = Math.round(rowsPerRecord * sample.records);
  const detail = `${format}, ${plural(total, "row")} of ${plural(sample.records, "record")}, ${bad} rejected`;
  if (total === 0) return { status: "fail", detail, hint: "another --format may fit" };
  if (config?.mapping && report.confidence < 1)
    return { status: "warn", detail, hint: "the mapping is a guess: correct it" };
  return { status: bad > 0 ? "warn" : "ok", detail };
}

const KEYING: Readonly<Record<Keying, string>> = {
  byEntity: "by entity: each one has one key and one partition",
  mixed: "not by entity: entities share records, keys or partitions",
  none: "no keys",
  unknown: "too little to tell",
};
const MARK = { ok: "ok  ", warn: "warn", fail: "FAIL" };
const stamp = (ms: number) => `${formatDate(ms)} ${formatTime(ms)}`;

function text(
  checks: readonly Check[],
  topics: readonly TopicReport[],
  brokers: readonly string[] | undefined,
): string {
  const lines = checks.flatMap((c) => [
    `${MARK[c.status]} ${c.name}: ${c.detail}`,
    ...(c.hint && c.status !== "ok" ? [`       -> ${c.hint}`] : []),
  ]);
  for (const t of topics) lines.push("", ...topicLines(t));
  const found = topics.flatMap((t) => (t.config ? [t.config] : []));
  if (found.length > 0) {
    const source = { kind: "kafka", ...(brokers ? { brokers } : {}), topics: found };
    lines.push(
      "",
      "For the configuration:",
      "",
      stringify({ sources: [source] }, { flowCollectionPadding: false }).trimEnd(),
    );
  }
  return `${lines.join("\n")}\n`;
}

function topicLines(t: TopicReport): string[] {
  const row = (name: string, value: string) => `  ${name.padEnd(10)} ${value}`;
  const lines = [
    `${t.topic}: ${plural(t.partitions, "partition")}, ${plural(t.records, "record")}; looked at ${t.sample.records} (${t.sample.bytes} bytes)`,
    row(
      "format",
      t.format === null
        ? `unknown: ${t.reason}`
        : `${t.format} (${Math.round(100 * t.confidence)} % sure): ${t.reason}`,
    ),
  ];
  if (t.format === null) return lines;
  const kinds = Object.entries(t.rows).flatMap(([kind, n]) => (n > 0 ? [`${n} ${kind}`] : []));
  const more = t.entities.count - t.entities.names.length;
  lines.push(
    row("rows", `${Number(t.rowsPerRecord.toFixed(1))} a record: ${kinds.join(", ") || "none"}`),
    row("entities", `${t.entities.count}: ${t.entities.names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`),
    row("series", String(t.series)),
    row("time", t.timeRangeMs ? `${stamp(t.timeRangeMs[0])} to ${stamp(t.timeRangeMs[1])} UTC` : "none"),
    row("keys", KEYING[t.keying]),
    ...t.rejected.slice(0, 10).map((r) => row("rejected", `${plural(r.rows, "row")}: ${r.code} ${r.detail}`)),
  );
  return lines;
}
