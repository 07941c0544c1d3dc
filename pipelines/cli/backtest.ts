import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { systemClock } from "../core/clock.ts";
import { backtestHtml, backtestText } from "../report/backtest.ts";
import { curvesChart, timelineChart } from "../report/backtest-charts.ts";
import { backtest } from "../run/learn/backtest.ts";
import { duration, whole } from "./arguments.ts";
import { type HistoryOptions, historyInput, withHistoryOptions } from "./history-options.ts";

interface Options extends HistoryOptions {
  readonly model: string[];
  readonly warmup?: number;
  readonly step?: number;
  readonly merge: number;
  readonly out?: string;
  readonly dataDir: string;
  readonly seed: number;
  readonly json?: boolean;
}

export function backtestCommand(): Command {
  const command = new Command("backtest").description(
    "Replay recorded metrics through models, row by row, and judge their alarms against known incidents.",
  );
  return withHistoryOptions(command)
    .option(
      "--model <ref>",
      "NAME, NAME@3, NAME:live, a folder, or `statistics` (untrained); again for more: compared with the first",
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .option(
      "--warmup <rows>",
      "rows at the start that are not judged (15 %, at most 750, where a model starts cold)",
      whole,
    )
    .option("--step <time>", "time a row, where times are row numbers: 1m, 5m", duration)
    .option("--merge <time>", "alarms no further apart are one incident", duration, 1_800_000)
    .option("--out <dir>", "write backtest.html, backtest.json and each chart as SVG here")
    .option("--data-dir <dir>", "where the registry is", ".faultwright")
    .option("--seed <n>", "of the resampling", whole, 1)
    .option("--json", "print the report as JSON")
    .addHelpText("after", "\ndocs/training.md explains the measures. Exit code: 0 ok, 1 failed, 2 bad usage or input.")
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { model, warmup, step, merge, out, dataDir, seed, json } = options;
  const report = await backtest({
    ...(await historyInput(options)),
    models: model,
    warmup,
    stepMs: step,
    mergeMs: merge,
    dataDir,
    seed,
    now: () => systemClock.nowMs(),
    say: (note) => void process.stderr.write(`${note}\n`),
  });
  if (out !== undefined) {
    await mkdir(out, { recursive: true });
    await writeFile(join(out, "backtest.html"), backtestHtml(report));
    await writeFile(join(out, "backtest.json"), `${JSON.stringify(report, null, 1)}\n`);
    const charts = [curvesChart(report), ...report.timelines.map(timelineChart)].filter((c) => c !== undefined);
    for (const { name, svg } of charts) await writeFile(join(out, `${name}.svg`), `${svg}\n`);
  }
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : backtestText(report));
  if (out !== undefined && !json) process.stdout.write(`${join(out, "backtest.html")}\n`);
}
