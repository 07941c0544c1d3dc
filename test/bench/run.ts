/**
 * `npm run bench -- NAME [options]`. Progress goes to standard error; with `--json` standard output holds exactly one
 * JSON object where the benchmark has one. `npm run bench -- list` says what there is.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DEFAULTS, ENTRANTS, type Entrant, streamBench, textOf } from "./stream/stream.ts";

const SCRIPTS: Readonly<Record<string, { file: string; what: string }>> = {
  latency: { file: "stream/latency.ts", what: "from an odd value's produce to its anomaly, committed, under load" },
  scale: { file: "stream/scale.ts", what: "two workers on two partitions against one" },
  restore: { file: "restore.ts", what: "time to take a state back from its changelog" },
  bank: { file: "bank.ts", what: "scoring alone: window updates a second of each detector bank" },
  score: { file: "score.ts", what: "rows a second of the streaming scorers, and of River on the same rows" },
  models: { file: "models.ts", what: "rows a second that each vector model learns from and scores" },
  backends: { file: "backends.ts", what: "native, wasm and cpu of tfjs: training and scoring at several sizes" },
  decode: { file: "decode.ts", what: "points a second of the OTLP decoder and of protobufjs" },
  templates: { file: "templates.ts", what: "log lines a second of the template miner and of Drain3" },
  incidents: { file: "incident-pages.ts", what: "the incident list at a million incidents, beside a thousand" },
  correlate: { file: "correlate.ts", what: "CPU of the correlator under 10,000 anomalies a minute" },
  spans: { file: "spans.ts", what: "spans a second into the call graph" },
  diagnose: { file: "diagnose.ts", what: "CPU and memory of one diagnosis" },
  "agent-cost": { file: "agent-cost.ts", what: "CPU and memory of the host agent" },
};
const STREAM_HELP = `stream: the streaming job and named alternatives on a real broker (docs/bench.md)
  --json             one JSON object
  --only NAMES       of ${ENTRANTS.join(", ")}, with commas between
  --seconds N        steady work of each (${DEFAULTS.seconds})
  --points N         points of the main topic (1,000,000 for each second)
  --rounds N         alternating rounds; medians are given (${DEFAULTS.rounds})
  --series N         (${DEFAULTS.series})
  --partitions N     (${DEFAULTS.partitions})
  --step-ms N        event time between two points of a series (${DEFAULTS.stepMs})
  --window-ms N      (${DEFAULTS.windowMs})
  --lateness-ms N    (${DEFAULTS.latenessMs})
  --commit-ms N      (${DEFAULTS.commitMs})
`;

class UsageError extends Error {}

function listOf(): string {
  const scripts = Object.entries(SCRIPTS).map(([name, { what }]) => `${name}: ${what}\n`);
  return `${STREAM_HELP}${scripts.join("")}`;
}

async function stream(args: readonly string[]): Promise<void> {
  const text = { type: "string" } as const;
  const options = {
    json: { type: "boolean" },
    only: text,
    seconds: text,
    points: text,
    rounds: text,
    series: text,
    partitions: text,
    "step-ms": text,
    "window-ms": text,
    "lateness-ms": text,
    "commit-ms": text,
  } as const;
  const { values: v } = parsed(() => parseArgs({ args: [...args], options }));
  const number = (name: Exclude<keyof typeof options, "json" | "only">, otherwise: number) => {
    const n = Number(v[name] ?? otherwise);
    if (!(Number.isInteger(n) && n > 0)) throw new UsageError(`--${name} is ${v[name]}; give a positive integer`);
    return n;
  };
  const only = v.only?.split(",") ?? ENTRANTS;
  const unknown = only.find((name) => !(ENTRANTS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new UsageError(`--only ${unknown}: there are ${ENTRANTS.join(", ")}`);
  const startMs = performance.now();
  const result = await streamBench({
    only: only as readonly Entrant[],
    seconds: number("seconds", DEFAULTS.seconds),
    rounds: number("rounds", DEFAULTS.rounds),
    ...(v.points === undefined ? {} : { points: number("points", 0) }),
    series: number("series", DEFAULTS.series),
    partitions: number("partitions", DEFAULTS.partitions),
    stepMs: number("step-ms", DEFAULTS.stepMs),
    windowMs: number("window-ms", DEFAULTS.windowMs),
    latenessMs: number("lateness-ms", DEFAULTS.latenessMs),
    commitMs: number("commit-ms", DEFAULTS.commitMs),
    say: (line) => {
      process.stderr.write(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
    },
  });
  process.stdout.write(v.json ? `${JSON.stringify(result)}\n` : textOf(result));
}

function parsed<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function script(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ["--import", "tsx", join(import.meta.dirname, file), ...args], {
    stdio: "inherit",
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

const [name, ...args] = process.argv.slice(2);
try {
  if (name === undefined || name === "list" || name === "--help") process.stdout.write(listOf());
  else if (name === "stream" && args.includes("--help")) process.stdout.write(STREAM_HELP);
  else if (name === "stream") await stream(args);
  else {
    const known = Object.hasOwn(SCRIPTS, name) ? SCRIPTS[name] : undefined;
    if (!known) throw new UsageError(`there is no benchmark ${name}\n${listOf()}`);
    process.exitCode = await script(known.file, args);
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
