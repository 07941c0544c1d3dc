/**
 * `npm run eval -- alert-budget [--noise white,ar1,seasonal,heavy,smd,asd] [--budgets 1,10,100] [--series 1000] [--window 300] [--weeks 30]
 * [--learn 4] [--seed 1] [--json]`: incidents a week on data without faults against the budget, through the real detector
 * and correlator. `--weeks`: judged at a budget of 10; a tenth of it at 100, ten times at 1, within `--most` weeks.
 */
import { parseArgs } from "node:util";
import { hasData, multivariate } from "../metrics/data.ts";
import { internServices, NOISES, type Noise, noiseWindows } from "./noise.ts";
import { type NullCase, type NullRun, simulate } from "./simulate.ts";

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

/** Train files side by side, an entity each; a window a row. The end of the shortest ends all. */
function recorded(set: "smd" | "asd", stepMs: number): NullCase["source"] {
  return (tables) => {
    const parts = multivariate(set).map(({ train }) => ({ ...train, dims: train.columns.length }));
    for (const { path, columns } of parts) {
      const e = tables.internNamed("service", path);
      for (const [i, name] of columns.entries()) tables.internSeries(e, name, "1", "gauge", { column: String(i) });
    }
    const series = tables.seriesCount;
    const rows = Math.min(...parts.map((p) => p.values.length / p.dims));
    return {
      series,
      window(i) {
        if (i >= rows) return undefined;
        const all = parts.flatMap((p) => [...p.values.subarray(i * p.dims, (i + 1) * p.dims)]);
        const ids = all.flatMap((v, s) => (Number.isFinite(v) ? [s] : []));
        const value = Float64Array.from(ids, (s) => all[s]!);
        const startMs = Date.UTC(2026, 0, 5) + i * stepMs;
        const count = new Float64Array(ids.length).fill(1);
        const seriesIds = Uint32Array.from(ids);
        return {
          startMs,
          endMs: startMs + stepMs,
          length: ids.length,
          seriesIds,
          value,
          count,
          min: value,
          max: value,
        };
      },
    };
  };
}

const windowMs = 1000 * Number(args.window);
const series = Number(args.series);
if (!args.json) process.stdout.write(header);
for (const kind of args.noise.split(",") as (Noise | "smd" | "asd")[])
  for (const budget of args.budgets.split(",").map(Number)) {
    if (kind === "smd" || kind === "asd") {
      if (!hasData()) throw new Error("the development data is missing: set FAULTWRIGHT_DATA");
      const stepMs = kind === "smd" ? 60_000 : 300_000;
      const source = recorded(kind, stepMs);
      const run = simulate({ name: kind, budget, windowMs: stepMs, learnWeeks: 1, weeks: 100, source });
      process.stdout.write(args.json ? `${JSON.stringify(run)}\n` : row(run));
      continue;
    }
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
