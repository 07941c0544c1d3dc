import { readFile, stat, writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import { PipelineError } from "../core/errors.ts";
import { plural } from "../core/format.ts";
import { modelMakerOf } from "../run/learn/registered-model.ts";
import { loadStreamModel, type ScoredFile, type StreamModelState, scoreFile, scoreTree } from "../run/score.ts";

interface Options {
  readonly input: string;
  readonly output: string;
  readonly train?: string;
  readonly model?: string;
  readonly dataDir: string;
  readonly saveModel?: string;
  readonly explain?: boolean;
  readonly falseAlarmsPerWeek?: number;
  readonly json?: boolean;
}

export function scoreCommand(): Command {
  return new Command("score")
    .description("Score metrics in CSV files: how strange each row is, and where an alarm is raised. Causal.")
    .requiredOption("--input <path>", "CSV (or .csv.gz) with `timestamp` and value columns, or a folder of such")
    .requiredOption("--output <path>", "where scores go: timestamp,score,alarm; a folder mirrors a folder")
    .option(
      "--train <path>",
      "a usual past with the same columns; of a folder, the file of the same name (x.train.csv)",
    )
    .option("--model <ref>", "a model that --save-model wrote, or a trained one: NAME, NAME@3, NAME:live, a folder")
    .option("--data-dir <dir>", "where the registry of trained models is", ".faultwright")
    .option("--save-model <file>", "write the model after the last row (one input file)")
    .option("--explain", "add the columns expected, lower, upper, tail, reason")
    .option(
      "--false-alarms-per-week <n>",
      "alarms without a cause that you can bear, of all files together; by default the model's own alarms",
      positive,
    )
    .option("--json", "print what was done as JSON")
    .addHelpText(
      "after",
      `
Columns named label or is_anomaly are ignored. One value column is scored by the univariate model, several together by
the multivariate one (docs/scoring.md). score is in [0, 1], 0.5 is as usual for the series; alarm is 0 except on a row
that raises a new alarm, where it is 0.5 or more. Exit code: 0 ok, 1 a file could not be scored, 2 bad usage.`,
    )
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const { input, output, train, explain, falseAlarmsPerWeek } = options;
  const say = (note: string) => void process.stderr.write(`${note}\n`);
  const kind = await kindOf(input);
  if (!kind) command.error(`--input ${input}: there is no such file or folder`, { exitCode: 2 });
  if (train !== undefined && !(await kindOf(train)))
    command.error(`--train ${train}: there is no such file or folder`, { exitCode: 2 });
  if (kind === "folder" && options.saveModel) command.error("--save-model goes with one file", { exitCode: 2 });
  if (kind === "file" && train !== undefined && (await kindOf(train)) === "folder")
    command.error(`--train ${train}: is a folder; give a file for one input`, { exitCode: 2 });
  if (kind === "file" && (await kindOf(output)) === "folder")
    command.error(`--output ${output}: is a folder; give a file for one input`, { exitCode: 2 });
  const saved = options.model !== undefined && (await kindOf(options.model)) === "file";
  if (options.model !== undefined && !saved && train !== undefined)
    command.error("--model and --train: a trained model has learned already", { exitCode: 2 });
  const state = saved ? await readState(options.model as string) : undefined;
  const registered =
    options.model === undefined || saved
      ? undefined
      : await modelMakerOf(options.model, { dataDir: options.dataDir, now: () => systemClock.nowMs(), say });
  let files: readonly ScoredFile[];
  let failed = 0;
  if (kind === "folder") {
    const makeModel = registered ?? (state && (async () => ({ model: loadStreamModel(state) })));
    const each = (f: ScoredFile) => {
      if (process.stderr.isTTY) say(lineOf(f));
    };
    ({ files, failed } = await scoreTree({
      input,
      output,
      train,
      explain,
      falseAlarmsPerWeek,
      say,
      each,
      ...(makeModel ? { makeModel } : {}),
    }));
  } else {
    const model = state && loadStreamModel(state);
    const { model: after, ...file } = await scoreFile({
      input,
      output,
      train,
      model,
      makeModel: registered,
      explain,
      falseAlarmsPerWeek,
      say,
    });
    if (options.saveModel) await writeFile(options.saveModel, JSON.stringify(after.save()));
    files = [file];
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ files, failed })}\n`);
  else if (kind === "file") process.stdout.write(`${lineOf(files[0] as ScoredFile)}\n`);
  else
    process.stdout.write(
      `${plural(files.length, "file")}, ${plural(sum(files, "rows"), "row")}, ${plural(sum(files, "alarms"), "alarm")}; ${failed} failed\n`,
    );
  if (failed > 0) process.exitCode = 1;
}

function positive(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !(n > 0 && Number.isFinite(n))) throw new InvalidArgumentError("give a number above 0");
  return n;
}

const sum = (files: readonly ScoredFile[], key: "rows" | "alarms") => files.reduce((n, f) => n + f[key], 0);
const lineOf = (f: ScoredFile) =>
  `${f.output}: ${plural(f.rows, "row")} of ${plural(f.columns, "column")}, ${plural(f.alarms, "alarm")}${f.train ? `, learned from ${f.train}` : ""}`;

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}

async function readState(path: string): Promise<StreamModelState> {
  try {
    const state = JSON.parse(await readFile(path, "utf8")) as StreamModelState;
    loadStreamModel(state);
    return state;
  } catch (error) {
    throw new PipelineError("CONFIG_INVALID", path, {
      detail: `this is no saved model: ${(error as Error).message}`,
      hint: "give a file that --save-model wrote",
    });
  }
}
