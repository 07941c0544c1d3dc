/**
 * `npm run eval -- alert-budget [--noise white,ar1,seasonal,heavy] [--budgets 1,10,100] [--series 1000] [--window 300] [--weeks 30]
 * [--learn 4] [--seed 1] [--json]`: incidents a week on data without faults against the budget, through the real detector
 * and correlator. `--weeks`: judged at a budget of 10; a tenth of it at 100, ten times at 1, within `--most` weeks.
 */
import { parseArgs } from "node:util";
import { internServices, NOISES, type Noise, noiseWindows } from "./noise.ts";
import { type NullRun, simulate } from "./simulate.ts";

const { values: args } = parseArgs({
  options: {
    noise: { type: "string", default: NOISES.join(",") },
    budgets: { type: "string", default: "1,10,100" },
    series: { type: "string", default: "1000" },
    window: { type: "string", default: "300" },
    weeks: { type: "string", default: "20" },
    most: { type: "string", default: "60" },
    least: { type: "string", default: "4" },
    learn: { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean" },
  },
});

const header =
  "| noise | series | window | budget | weeks | false incidents | expected | ratio (95 %) | within 1.5 | while learning | anomalies | CPU s |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";
const row = (r: NullRun) =>
  `| ${[
    r.name,
    r.series,
    `${r.windowMs / 1000} s`,
    r.budget,
    r.weeks.toFixed(1),
    r.found,
    r.expected.toFixed(1),
    `${r.ratio.toFixed(2)} (${r.interval[0].toFixed(2)} to ${r.interval[1].toFixed(2)})`,
    r.ratio <= 1.5 && r.ratio >= 1 / 1.5 ? "yes" : r.interval[0] > 1.5 || r.interval[1] < 1 / 1.5 ? "no" : "unsure",
    r.learning,
    r.anomalies,
    r.seconds.toFixed(0),
  ].join(" | ")} |\n`;

const windowMs = 1000 * Number(args.window);
const series = Number(args.series);
if (!args.json) process.stdout.write(header);
for (const kind of args.noise.split(",") as Noise[])
  for (const budget of args.budgets.split(",").map(Number)) {
    const run = simulate({
      name: kind,
      budget,
      windowMs,
      learnWeeks: Number(args.learn),
      weeks: Math.min(Number(args.most), Math.max(Number(args.least), (Number(args.weeks) * 10) / budget)),
      source(tables) {
        internServices(tables, series);
        return { series, window: noiseWindows(tables, { kind, series, windowMs, seed: Number(args.seed) }) };
      },
    });
    process.stdout.write(args.json ? `${JSON.stringify(run)}\n` : row(run));
  }
