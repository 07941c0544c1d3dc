import { readFile, writeFile } from "node:fs/promises";
import { Command, Option } from "commander";

import { systemClock } from "../core/clock.ts";
import { PipelineError } from "../core/errors.ts";
import { openLog } from "../run/observe/log.ts";
import { readTopology, type Topology, topologyChanges } from "../run/topology/read.ts";
import { changesText, topologyDot, topologySvg, topologyText } from "../run/topology/render.ts";
import { readConfig } from "./config.ts";
import { moment } from "./moment.ts";

const WRITERS = {
  text: topologyText,
  json: (t: Topology) => `${JSON.stringify(t)}\n`,
  dot: topologyDot,
  svg: topologySvg,
} as const;

interface Options {
  readonly input?: string[];
  readonly config?: string;
  readonly dataDir?: string;
  readonly from?: number;
  readonly to?: number;
  readonly format: keyof typeof WRITERS;
  readonly json?: boolean;
  readonly out?: string;
  readonly baseline?: string;
}

async function readBaseline(path: string): Promise<Topology> {
  try {
    const read = JSON.parse(await readFile(path, "utf8")) as Topology;
    if (read?.version !== 1 || !Array.isArray(read.nodes) || !Array.isArray(read.edges))
      throw new Error("it is no topology of version 1");
    return read;
  } catch (cause) {
    throw new PipelineError("INPUT_INVALID", path, {
      detail: (cause as Error).message,
      hint: "give what `topology --format json` wrote",
      cause,
    });
  }
}

export function topologyCommand(): Command {
  return new Command("topology")
    .description(
      "The call graph of spans: who calls whom, how often, how long, how often in vain; own time and critical path.",
    )
    .option("--input <paths...>", "files and folders with spans: OTLP/JSON, a request a line, each also .gz")
    .option("--config <file>", "configuration of a pipeline: its journal, topics or files are read")
    .option("--data-dir <dir>", "data directory of a pipeline: its journal is read; by default .faultwright")
    .option("--from <time>", "spans from here on: 2026-11-03T10:00Z, or how long ago as 1h", moment)
    .option("--to <time>", "and before here", moment)
    .addOption(new Option("--format <name>", "what to print").choices(Object.keys(WRITERS)).default("text"))
    .option("--json", "the same as --format json")
    .option("--out <file>", "write there instead of standard output")
    .option("--baseline <file>", "an earlier topology (JSON): print what is new and what has vanished since")
    .action(async (options: Options) => {
      const config = options.config === undefined ? undefined : await readConfig(options.config);
      const before = options.baseline === undefined ? undefined : await readBaseline(options.baseline);
      const { log, close } = openLog({ level: "warn" });
      const { topology, unread } = await readTopology({
        config,
        input: options.input,
        dataDir: options.dataDir ?? config?.dataDir ?? ".faultwright",
        clock: systemClock,
        log,
        fromMs: options.from,
        toMs: options.to,
      }).finally(close);
      if (unread > 0) process.stderr.write(`${unread} records could not be decoded\n`);
      const format = options.json ? "json" : options.format;
      let text: string;
      if (before) {
        const changes = topologyChanges(before, topology);
        text = format === "json" ? `${JSON.stringify(changes)}\n` : changesText(changes);
      } else text = WRITERS[format](topology);
      if (options.out === undefined) process.stdout.write(text);
      else await writeFile(options.out, text);
    });
}
