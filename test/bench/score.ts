/**
 * Rows a second of the streaming scorers on one core, CPU time: the univariate one, score and alarm, over many series in
 * turn; the multivariate one at 38 and 19 columns, fitted. `npm run bench -- score [--json] [--series 1000] [--river PYTHON]`:
 * with a Python that has River, its half-space trees on the same 38-column rows, and the ratio.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { random } from "../../data/series/random.ts";
import { streamModel } from "../../models/stream/model.ts";
import { univariateScorer } from "../../models/stream/univariate.ts";

const { values } = parseArgs({
  options: { json: { type: "boolean" }, series: { type: "string", default: "1000" }, river: { type: "string" } },
});
const SERIES = Number(values.series);
const ROUNDS = 5;
const r = random(1);

/** Median over rounds; `prepare` makes the rows of a round and is not timed. */
function rowsPerSec(rows: number, work: () => void, prepare = () => {}): number {
  const rates: number[] = [];
  prepare();
  work();
  for (let i = 0; i < ROUNDS; i++) {
    prepare();
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    rates.push((rows * 1e6) / (user + system));
  }
  return rates.sort((a, b) => a - b)[ROUNDS >> 1] as number;
}

function univariate(): { rowsPerSec: number; bytesPerSeries: number } {
  const bank = univariateScorer();
  bank.resize(SERIES);
  const turns = Math.max(1, Math.round(400_000 / SERIES));
  const rows = turns * SERIES;
  const slots = Uint32Array.from({ length: rows }, (_, i) => i % SERIES);
  const noise = Float64Array.from({ length: rows }, () => r.normal());
  const times = new Float64Array(rows);
  const values = new Float64Array(rows);
  let first = 0;
  const out = { score: new Float64Array(rows), alarm: new Float64Array(rows) };
  const rate = rowsPerSec(
    rows,
    () => bank.observe(slots, times, values, out),
    () => {
      for (let i = 0; i < rows; i++) {
        const timeMs = 1.6e12 + (first + Math.floor(i / SERIES)) * 60_000;
        times[i] = timeMs;
        values[i] = 100 + 10 * (noise[i] as number) + 20 * Math.sin(timeMs / 13_750_987);
      }
      first += turns;
    },
  );
  return { rowsPerSec: Math.round(rate), bytesPerSeries: bank.bytesPerSeries };
}

const matrix = (rows: number, dims: number): Float64Array => {
  const state = new Float64Array(dims);
  const out = new Float64Array(rows * dims);
  for (let i = 0; i < rows; i++) {
    const shared = r.normal();
    for (let j = 0; j < dims; j++) {
      state[j] = 0.9 * (state[j] as number) + 0.3 * shared + 0.3 * r.normal();
      out[i * dims + j] = 0.5 + 0.1 * (state[j] as number);
    }
  }
  return out;
};

function multivariate(dims: number): number {
  const model = streamModel(dims);
  model.fit(new Float64Array(4000).fill(Number.NaN), matrix(4000, dims));
  const rows = 40_000;
  const values = matrix(rows, dims);
  const times = Float64Array.from({ length: rows }, (_, i) => 1.6e12 + i * 60_000);
  const out = { score: new Float64Array(rows), alarm: new Float64Array(rows) };
  return Math.round(rowsPerSec(rows, () => model.observe(times, values, out)));
}

const RIVER = `
import json,sys,time
from river import anomaly
rows=json.load(sys.stdin)
m=anomaly.HalfSpaceTrees(n_trees=25,height=8,window_size=250,seed=1)
rows=[{i:v for i,v in enumerate(r)} for r in rows]
t=time.process_time()
for x in rows:
    m.score_one(x); m.learn_one(x)
print(len(rows)/(time.process_time()-t))
`;

const one = univariate();
const [wide, narrow] = [multivariate(38), multivariate(19)];
let river: number | null = null;
if (values.river) {
  const m = matrix(3000, 38);
  const rows = Array.from({ length: 3000 }, (_, i) => Array.from(m.subarray(i * 38, (i + 1) * 38)));
  river = Math.round(
    Number(execFileSync(values.river, ["-c", RIVER], { input: JSON.stringify(rows), encoding: "utf8" })),
  );
}
if (values.json)
  console.log(
    JSON.stringify({ series: SERIES, univariate: one, multivariate38: wide, multivariate19: narrow, river38: river }),
  );
else {
  const m = (v: number) => `${(v / 1e6).toFixed(2)} M rows/s`;
  console.log(
    `univariate, score and alarm, ${SERIES} series   ${m(one.rowsPerSec)}, ${one.bytesPerSeries} bytes a series`,
  );
  console.log(`multivariate, 38 columns                  ${m(wide)}`);
  console.log(`multivariate, 19 columns                  ${m(narrow)}`);
  if (river !== null)
    console.log(
      `River half-space trees, 38 columns        ${river} rows/s: we are ${(wide / river).toFixed(0)} times as fast`,
    );
}
