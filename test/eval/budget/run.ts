/**
 * `npm run eval -- alert-budget [--noise white,ar1,seasonal,heavy,smd,asd,nab] [--budgets 1,10,100] [--series 1000]
 * [--window 300] [--expect 100] [--most 100] [--learn 4] [--seed 1] [--each] [--banks a,b] [--json]`: incidents a week on data without
 * faults against the budget, through the real detector and correlator. It judges as many weeks as bring `--expect`
 * incidents, within `--most`, after `--learn` weeks. `--each`: recorded machines one by one, each a system of its own
 * with the whole budget; without it side by side.
 */
import { parseArgs } from "node:util";
import { hasData } from "../metrics/data.ts";
import { internServices, NOISES, type Noise, noiseWindows } from "./noise.ts";
import { partsOf, RECORDED, type Recorded, recorded, STEP_MS } from "./recorded.ts";
import { intervalOf, type NullRun, simulate } from "./simulate.ts";

const { values: args } = parseArgs({
  options: {
    noise: { type: "string", default: NOISES.join(",") },
    budgets: { type: "string", default: "1,10,100" },
    series: { type: "string", default: "1000" },
    window: { type: "string", default: "300" },
    expect: { type: "string", default: "100" },
    most: { type: "string", default: "100" },
    learn: { type: "string" },
    seed: { type: "string", default: "1" },
    each: { type: "boolean", default: false },
    banks: { type: "string" },
    json: { type: "boolean" },
  },
});

const banks = args.banks?.split(",");
/** Within a factor of this of the budget, by the whole interval. */
const FACTOR = 1.5;
const header =
  "| noise | series | window | budget | weeks | found | ratio (95 %) | within 1.5 | while learning | anomalies a week | CPU s |\n|---|---|---|---|---|---|---|---|---|---|---|\n";
const verdict = ([low, high]: NullRun["interval"]) => {
  if (low >= 1 / FACTOR && high <= FACTOR) return "yes";
  return low > FACTOR || high < 1 / FACTOR ? "no" : "unsure";
};
const row = (r: NullRun) =>
  `| ${[
    r.name,
    r.series,
    `${r.windowMs / 1000} s`,
    r.budget,
    r.weeks.toFixed(1),
    r.found,
    `${r.ratio.toFixed(2)} (${r.interval[0].toFixed(2)} to ${r.interval[1].toFixed(2)})`,
    verdict(r.interval),
    r.learning,
    (r.anomalies / r.weeks).toFixed(0),
    r.seconds.toFixed(0),
  ].join(" | ")} |\n`;

/** Of several systems with the same budget. */
function together(runs: readonly NullRun[], name: string): NullRun {
  const sum = (of: (r: NullRun) => number) => runs.reduce((total, r) => total + of(r), 0);
  const [found, expected] = [sum((r) => r.found), sum((r) => r.expected)];
  return {
    ...(runs[0] as NullRun),
    ...{ name, found, expected, ratio: found / expected, interval: intervalOf(found, expected) },
    ...{ weeks: sum((r) => r.weeks), learning: sum((r) => r.learning) },
    ...{ anomalies: sum((r) => r.anomalies), seconds: sum((r) => r.seconds) },
  };
}

function ofRecorded(set: Recorded, budget: number): NullRun {
  if (!hasData()) throw new Error("the development data is missing: set FAULTWRIGHT_DATA");
  const windowMs = STEP_MS[set];
  const parts = partsOf(set);
  const systems = args.each ? parts.map((p) => [p]) : [parts];
  const learnWeeks = Number(args.learn ?? 1);
  const runs = systems.map((of) =>
    simulate({ name: set, budget, windowMs, learnWeeks, weeks: 100, banks, source: recorded(of, windowMs) }),
  );
  return together(runs, args.each ? `${parts.length} of ${set}, each` : set);
}

function ofNoise(kind: Noise, budget: number): NullRun {
  const [windowMs, series] = [1000 * Number(args.window), Number(args.series)];
  return simulate({
    name: kind,
    budget,
    windowMs,
    banks,
    learnWeeks: Number(args.learn ?? 4),
    weeks: Math.min(Number(args.most), Number(args.expect) / budget),
    source(tables) {
      internServices(tables, series);
      return { series, window: noiseWindows(tables, { kind, series, windowMs, seed: Number(args.seed) }) };
    },
  });
}

const isRecorded = (kind: string): kind is Recorded => (RECORDED as readonly string[]).includes(kind);

if (!args.json) process.stdout.write(header);
for (const kind of args.noise.split(",") as (Noise | Recorded)[])
  for (const budget of args.budgets.split(",").map(Number)) {
    const run = isRecorded(kind) ? ofRecorded(kind, budget) : ofNoise(kind, budget);
    process.stdout.write(args.json ? `${JSON.stringify(run)}\n` : row(run));
  }
