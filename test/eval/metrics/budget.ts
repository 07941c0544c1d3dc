/**
 * `npm run eval -- budget [--series N] [--weeks N] [--rows N] [--noise a,b] [--json]`: false incidents a week over all series
 * against the budget, on data without faults: generated noise, and the train files of SMD and ASD. The level is learned
 * week by week from the weeks before; the first half of the weeks is not judged.
 */
import { parseArgs } from "node:util";
import { alarmBudget, BLOCK_ROWS } from "../../../models/stream/alarm-budget.ts";
import { rowEvidence } from "../../../models/stream/row-evidence.ts";
import { univariateScorer } from "../../../models/stream/univariate.ts";
import { seeded } from "../../../pipelines/learn/train/inject.ts";
import { hasData, multivariate } from "./data.ts";

const { values: args } = parseArgs({
  options: {
    series: { type: "string", default: "1000" },
    weeks: { type: "string", default: "8" },
    rows: { type: "string", default: "2016" },
    noise: { type: "string", default: "white,autocorrelated,seasonal,real" },
    json: { type: "boolean" },
  },
});
const [series, weeks, rows] = [Number(args.series), Number(args.weeks), Number(args.rows)];
const BUDGETS = [1, 10, 100];
const CHUNK = 1000;
/** Rows of a series before its evidence counts: all is new there. */
const COLD_ROWS = 400;
const WEEK_MS = 7 * 86_400_000;

/** One value of each slot at each step. */
type Source = (slot: number, step: number) => number;

function noise(kind: string, seed: number, rowsAWeek: number): Source {
  const random = seeded(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const last = new Float64Array(CHUNK);
  const day = rowsAWeek / 7;
  return (slot, step) => {
    if (kind === "white") return 10 + normal();
    last[slot] = (kind === "autocorrelated" ? 0.8 : 0.3) * last[slot]! + normal();
    const season = kind === "seasonal" ? 3 * Math.sin((2 * Math.PI * step) / day + slot) : 0;
    return 10 + season + last[slot]!;
  };
}

/** Largest evidence of each group and block, [blocks][groups]. */
function blockMaxima(
  slots: number,
  steps: number,
  stepMs: number,
  source: Source,
  groupOf: (slot: number) => number,
  groups: number,
): Float64Array[] {
  const scorer = univariateScorer();
  const evidence = rowEvidence();
  scorer.resize(slots);
  evidence.resize(slots);
  const ids = Uint32Array.from({ length: slots }, (_, i) => i);
  const column = () => new Float64Array(slots);
  const [times, values, out] = [column(), column(), column()];
  const scores = { score: column(), alarm: column(), expected: column(), scale: column() };
  const blocks: Float64Array[] = [];
  for (let t = 0; t < steps; t++) {
    times.fill(Date.UTC(2026, 0, 5) + t * stepMs);
    for (let s = 0; s < slots; s++) values[s] = source(s, t);
    scorer.observe(ids, times, values, scores);
    evidence.observe(ids, values, scores, out);
    const block = Math.floor(t / BLOCK_ROWS);
    blocks[block] ??= new Float64Array(groups);
    if (t < COLD_ROWS) continue;
    const most = blocks[block]!;
    for (let s = 0; s < slots; s++) if (out[s]! > most[groupOf(s)]!) most[groupOf(s)] = out[s]!;
  }
  return blocks;
}

/** Judges the second half; the level of each block rests on the blocks before it. */
function measure(name: string, parts: readonly Float64Array[][], rowsAWeek: number, groups: number) {
  const blocks = Math.min(...parts.map((p) => p.length));
  const [first, half] = [COLD_ROWS / BLOCK_ROWS, Math.ceil(blocks / 2)];
  const blocksAWeek = (groups * rowsAWeek) / BLOCK_ROWS;
  const model = alarmBudget();
  const found = BUDGETS.map(() => 0);
  let levels: number[] = [];
  for (let b = first; b < blocks; b++) {
    if (b >= half) {
      levels = BUDGETS.map((budget) => model.level(budget / blocksAWeek));
      levels.forEach((level, k) => {
        for (const p of parts) for (const v of p[b]!) if (v > level) found[k]!++;
      });
    }
    model.learn(Float64Array.from(parts.flatMap((p) => [...p[b]!])));
  }
  const judgedWeeks = ((blocks - half) * BLOCK_ROWS) / rowsAWeek;
  return BUDGETS.map((budget, k) => {
    const rate = found[k]! / judgedWeeks;
    const ratio = rate / budget;
    return {
      name,
      groups,
      budget,
      expected: budget * judgedWeeks,
      found: found[k]!,
      perWeek: rate,
      ratio,
      level: levels[k]!,
      // of a Poisson count that keeps to the budget exactly
      chance: 1.96 / Math.sqrt(budget * judgedWeeks),
      within: ratio <= 1.5 && ratio >= 1 / 1.5,
    };
  });
}

const results: ReturnType<typeof measure> = [];
const show = (more: ReturnType<typeof measure>) => {
  results.push(...more);
  if (!args.json)
    for (const r of more)
      process.stdout.write(
        `${r.name.padEnd(16)} ${String(r.groups).padStart(7)} ${String(r.budget).padStart(6)} ${r.expected.toFixed(1).padStart(9)} ${String(r.found).padStart(7)} ${r.perWeek.toFixed(2).padStart(9)} ${r.ratio.toFixed(2).padStart(6)}  ${r.within ? "within 1.5" : "outside 1.5"}${r.chance > 0.5 ? " (chance alone may be more)" : ""}\n`,
      );
};
if (!args.json) process.stdout.write("data              groups budget  expected   found  per week  ratio\n");
for (const kind of args.noise.split(",").filter((k) => k !== "real")) {
  const parts: Float64Array[][] = [];
  for (let from = 0; from < series; from += CHUNK) {
    const n = Math.min(CHUNK, series - from);
    parts.push(blockMaxima(n, weeks * rows, WEEK_MS / rows, noise(kind, 1 + from, rows), (s) => s, n));
  }
  show(measure(kind, parts, rows, series));
}
if (args.noise.includes("real")) {
  if (!hasData()) process.stderr.write("no development data; the real stretches are left out\n");
  else
    for (const [set, rowsAWeek] of [
      ["smd", 10_080],
      ["asd", 2016],
    ] as const) {
      // every machine is a group: what strikes several of its columns is one incident
      const parts = multivariate(set).map(({ train }) => {
        const d = train.columns.length;
        const steps = train.values.length / d;
        return blockMaxima(
          d,
          steps,
          WEEK_MS / rowsAWeek,
          (s, t) => train.values[t * d + s]!,
          () => 0,
          1,
        );
      });
      show(measure(`real ${set}`, parts, rowsAWeek, parts.length));
    }
}
if (args.json) process.stdout.write(`${JSON.stringify(results)}\n`);
