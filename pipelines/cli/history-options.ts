/** Options of commands that read a history: files, or signals as a pipeline reads them. */
import { type Command, InvalidArgumentError } from "commander";
import { type Config, parseConfig } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import { kafkaConnection } from "../core/kafka-config.ts";
import type { HistoryInput } from "../run/learn/read-input.ts";
import type { SignalInput } from "../run/learn/read-signals.ts";
import { readConfig } from "./config.ts";
import { lasting, moment } from "./moment.ts";

export interface HistoryOptions {
  readonly input?: string;
  readonly topic: readonly string[];
  readonly brokers?: readonly string[];
  readonly format?: string;
  readonly offsets: NonNullable<SignalInput["offsets"]>;
  readonly config?: string;
  readonly window?: number;
  readonly from?: number;
  readonly to?: number;
  readonly incidents?: string;
  readonly labelColumn?: string;
}

const again = (value: string, all: readonly string[]): readonly string[] => [...all, value];

export function withHistoryOptions(command: Command): Command {
  return command
    .option(
      "--input <path>",
      "CSV, JSON lines (both also .gz) or Parquet with `timestamp` and values, or a folder of such",
    )
    .option("--topic <name>", "instead: what a Kafka topic holds (again for more)", again, [] as readonly string[])
    .option("--brokers <list>", "host:port,…: where the topics are, by default the configuration's", (t) =>
      t.split(","),
    )
    .option("--format <name>", "how the topics are read; by default told from a sample")
    .option(
      "--offsets <range>",
      "only offsets from..to of every partition, or 3=from..to of one (again for more)",
      offsets,
      [] as HistoryOptions["offsets"],
    )
    .option("--config <file>", "a pipeline's configuration: its windows and connection; without --topic all it reads")
    .option("--window <time>", "length of a window of signals; by default as the configuration says", lasting)
    .option("--from <time>", "only rows from then on: 2026-11-03T10:00Z, or how long ago as 30d", moment)
    .option("--to <time>", "only rows before then", moment)
    .option("--incidents <file>", "known incidents: start,end[,entity,cause] as CSV or JSON; without it, unsupervised")
    .option("--label-column <name>", "a column of 0 and 1 whose runs of 1 are incidents");
}

function offsets(text: string, all: HistoryOptions["offsets"]): HistoryOptions["offsets"] {
  const match = /^(?:(\d{1,9})=)?(\d{1,19})\.\.(\d{1,19})$/.exec(text);
  const [from, to] = [BigInt(match?.[2] ?? 0), BigInt(match?.[3] ?? 0)];
  if (!match || to <= from)
    throw new InvalidArgumentError("write offsets as 100..2000, of one partition as 3=100..2000");
  return [...all, { partition: match[1] === undefined ? undefined : Number(match[1]), from, to }];
}

/** @throws PipelineError CONFIG_INVALID where the options do not go together */
export async function historyInput(options: HistoryOptions): Promise<HistoryInput> {
  const { input, topic, brokers, incidents, labelColumn, from, to } = options;
  const common = { incidents, labelColumn, fromMs: from, toMs: to };
  const bad = (detail: string, hint?: string) =>
    new PipelineError("CONFIG_INVALID", "input", { detail, ...(hint ? { hint } : {}) });
  const signals = topic.length > 0 || options.config !== undefined;
  if (input !== undefined && signals) throw bad("--input goes with neither --topic nor --config");
  if (input !== undefined) return { ...common, input };
  if (!signals)
    throw bad("nothing says what to read", "give --input FILES, --topic NAME --brokers HOST:PORT, or --config FILE");
  if (topic.length === 0 && brokers) throw bad("--brokers goes with --topic");
  const base = options.config === undefined ? undefined : await readConfig(options.config);
  const config = topic.length === 0 ? base! : withTopics(base, options, bad);
  const windows = options.window === undefined ? config.windows : { ...config.windows, window: options.window };
  return {
    ...common,
    signals: { config: { ...config, windows }, offsets: options.offsets.length > 0 ? options.offsets : undefined },
  };
}

/** The configuration with these topics as its only source. */
function withTopics(
  base: Config | undefined,
  { topic, brokers, format = "auto" }: HistoryOptions,
  bad: (detail: string) => PipelineError,
): Config {
  const known =
    base?.sources.find((s) => s.kind === "kafka") ?? (base?.runtime.kind === "kafka" ? base.runtime : undefined);
  if (!brokers && !known) throw bad("--topic needs --brokers, or a --config that names some");
  const connection = brokers
    ? { brokers }
    : Object.fromEntries(Object.entries(known ?? {}).filter(([key]) => key in kafkaConnection.shape));
  const topics = topic.map(
    (name) => (format === "auto" ? known?.topics.find((t) => t.name === name) : undefined) ?? { name, format },
  );
  const { runtime, sources } = parseConfig(JSON.stringify({ sources: [{ kind: "kafka", ...connection, topics }] }));
  return { ...(base ?? parseConfig("{}")), runtime, sources };
}
