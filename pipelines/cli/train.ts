import { Command } from "commander";
import { systemClock } from "../core/clock.ts";
import { formatDuration, plural } from "../core/format.ts";
import { trainFiles } from "../run/learn/train.ts";
import { duration, whole } from "./arguments.ts";
import { type HistoryOptions, historyInput, withHistoryOptions } from "./history-options.ts";

interface Options extends HistoryOptions {
  readonly until?: string;
  readonly name: string;
  readonly out?: string;
  readonly dataDir: string;
  readonly seed: number;
  readonly budget: number;
  readonly trials?: number;
  readonly kinds?: readonly string[];
  readonly json?: boolean;
}

export function trainCommand(): Command {
  const command = new Command("train").description(
    "Learn a model from recorded metrics and, where there are some, known incidents.",
  );
  return withHistoryOptions(command)
    .option("--until <time>", "learn from rows before this time (or row number, or share such as 0.7) only")
    .option("--name <name>", "name in the registry", "metrics")
    .option("--out <dir>", "write the version into this folder instead of the registry")
    .option("--data-dir <dir>", "where the registry and finished trials are", ".faultwright")
    .option("--seed <n>", "the same seed, data and trials give the same bytes", whole, 1)
    .option("--budget <time>", "for the search among models: 90s, 10m, 2h", duration, 60_000)
    .option("--kinds <names>", "only these kinds of model, such as random-forest,svc; the best of them is chosen", list)
    .option("--trials <n>", "try the first n candidates only", whole)
    .option("--json", "print the version's manifest")
    .addHelpText(
      "after",
      `
An entity is a file (x.train.csv and x.test.csv are of entity x), the value of a column \`entity\`, or what sends signals. Each candidate is
judged by cross-validation in time: it learns from the rows before a cut and is judged on whole incidents after it. A
search that the budget ended goes on when the command is run again. docs/training.md. Exit code: 0 ok, 1 failed, 2 bad
usage or input.`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { json, budget, trials, kinds, until, name: wanted, out, dataDir, seed } = options;
  const tty = process.stderr.isTTY === true;
  const say = (note: string) => void process.stderr.write(`${note}\n`);
  const trained = await trainFiles({
    ...(await historyInput(options)),
    ...{ kinds, until, name: wanted, out, dataDir, seed },
    budgetMs: budget,
    mostTrials: trials,
    now: () => systemClock.nowMs(),
    say,
    progress: ({ done, of, trial, elapsedMs, budgetMs }) => {
      if (!tty) return;
      const text = `${bar(done, of)} ${Math.floor(done)}/${of} ${formatDuration(Math.min(elapsedMs, budgetMs))} of ${formatDuration(budgetMs)}  ${trial.id} ${resultOf(trial)}`;
      process.stderr.write(`\r\x1b[2K${text.slice(0, (process.stderr.columns ?? 100) - 1)}`);
    },
  });
  if (tty) process.stderr.write("\r\x1b[2K");
  const { manifest, version, dir, name } = trained;
  if (json) {
    process.stdout.write(`${JSON.stringify({ name, version, dir, manifest })}\n`);
    return;
  }
  const label = version === null ? dir : `${name}@${version}`;
  const { data, chosen, validation, trials: made } = manifest;
  process.stdout.write(
    `${label}: ${chosen.id}, from ${plural(data.rows, "row")} of ${manifest.entities.length} entities and ${plural(data.incidents, "incident")}\n` +
      `${chosen.why}\n${plural(made.length, "candidate")} tried${validation.complete ? "" : " (not all)"}; ${validation.method}; in ${dir}\n`,
  );
}

function resultOf({ units, error }: { readonly units: readonly (number | null)[]; readonly error?: string }): string {
  const known = units.filter((v) => v !== null);
  return known.length > 0 ? (known.reduce((a, b) => a + b, 0) / known.length).toFixed(3) : (error ?? "");
}

const list = (text: string) =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

const bar = (done: number, of: number) => {
  const filled = Math.round((20 * done) / Math.max(1, of));
  return `[${"#".repeat(filled)}${".".repeat(20 - filled)}]`;
};
