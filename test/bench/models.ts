/**
 * Rows a second that each vector model learns from and scores, by CPU time.
 * `npm run bench -- models [--json] [--dims 38] [--rows 4000] [--only NAMES] [--river PYTHON]`: with a Python that has
 * River, its half-space trees on the same rows, and the ratio.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { random } from "../../data/series/random.ts";
import { type VectorModelName, vectorModels } from "../../models/vector-model.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { json: { type: "boolean" }, dims: text, rows: text, only: text, river: text },
});
const count = (name: "dims" | "rows", otherwise: number) => {
  const n = Number(values[name] ?? otherwise);
  if (Number.isSafeInteger(n) && n >= (name === "rows" ? 100 : 1)) return n;
  process.stderr.write(`--${name} is ${values[name]}; give an integer\n`);
  process.exit(2);
};
const DIMS = count("dims", 38);
const ROWS = count("rows", 4000);
const names = Object.keys(vectorModels) as VectorModelName[];
const only = values.only?.split(",") ?? names;
const unknown = only.find((name) => !(names as string[]).includes(name));
if (unknown !== undefined) {
  process.stderr.write(`--only ${unknown}: there are ${names.join(", ")}\n`);
  process.exit(2);
}

/** Correlated autoregressive columns; every tenth row of the last half has one level far off, and is labelled. */
function matrix(rows: number, seed: number): { rows: Float64Array; labels: Uint8Array } {
  const r = random(seed);
  const state = new Float64Array(DIMS);
  const out = new Float64Array(rows * DIMS);
  for (let i = 0; i < rows; i++) {
    const shared = r.normal();
    for (let d = 0; d < DIMS; d++) {
      state[d] = 0.9 * state[d]! + 0.3 * shared + 0.3 * r.normal();
      out[i * DIMS + d] = 0.5 + 0.1 * state[d]!;
    }
  }
  const labels = Uint8Array.from({ length: rows }, (_, i) => (i > rows / 2 && i % 10 === 0 ? 1 : 0));
  for (const [i, odd] of labels.entries()) if (odd) out[i * DIMS + (i % DIMS)]! += 1;
  return { rows: out, labels };
}

function quiet({ rows, labels }: { rows: Float64Array; labels: Uint8Array }): Float64Array {
  const kept = [...labels.keys()].filter((i) => labels[i] === 0);
  const out = new Float64Array(kept.length * DIMS);
  for (const [i, r] of kept.entries()) out.set(rows.subarray(r * DIMS, (r + 1) * DIMS), i * DIMS);
  return out;
}

interface Row {
  readonly model: string;
  readonly fitSeconds: number;
  readonly batchRowsPerSec: number;
  readonly singleRowMicros: number;
  readonly stateBytes: number;
}

async function measured(name: VectorModelName): Promise<Row> {
  const kind = vectorModels[name];
  const taught = matrix(ROWS, 1);
  const seconds = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const before = seconds();
  const model =
    kind.learns === "labels"
      ? await kind.fit(taught.rows, DIMS, {}, taught.labels)
      : await kind.fit(quiet(taught), DIMS);
  const fitSeconds = seconds() - before;
  const { rows } = matrix(8192, 2);
  model.score(rows.subarray(0, 1024 * DIMS)); // warms up
  const rates = Array.from({ length: 5 }, () => {
    const start = seconds();
    let done = 0;
    do {
      model.score(rows);
      done += rows.length / DIMS;
    } while (seconds() - start < 0.3);
    return done / (seconds() - start);
  }).sort((a, b) => a - b);
  const alone = rows.slice(0, (model.context + 1) * DIMS);
  const start = seconds();
  let calls = 0;
  do {
    model.score(alone);
    calls++;
  } while (seconds() - start < 0.3);
  return {
    model: name,
    fitSeconds: Math.round(1000 * fitSeconds) / 1000,
    batchRowsPerSec: Math.round(rates[2]!),
    singleRowMicros: Math.round((1e7 * (seconds() - start)) / calls) / 10,
    stateBytes: JSON.stringify(model.save()).length,
  };
}

const RIVER = `
import json,sys,time
from river import anomaly
rows=[{i:v for i,v in enumerate(r)} for r in json.load(sys.stdin)]
m=anomaly.HalfSpaceTrees(n_trees=25,height=8,window_size=250,seed=1)
for x in rows[:300]: m.learn_one(x)
t=time.process_time()
for x in rows: m.score_one(x)
print(len(rows)/(time.process_time()-t))
`;

const results: Row[] = [];
for (const name of names.filter((n) => only.includes(n))) {
  process.stderr.write(`${name}\n`);
  results.push(await measured(name));
}
let river: number | null = null;
if (values.river) {
  const { rows } = matrix(3000, 2);
  const list = Array.from({ length: 3000 }, (_, i) => [...rows.subarray(i * DIMS, (i + 1) * DIMS)]);
  river = Math.round(
    Number(execFileSync(values.river, ["-c", RIVER], { input: JSON.stringify(list), encoding: "utf8" })),
  );
}
if (values.json) process.stdout.write(`${JSON.stringify({ dims: DIMS, rows: ROWS, models: results, river })}\n`);
else {
  const line = (cells: readonly (string | number)[]) =>
    `${cells.map((c, i) => (i === 0 ? String(c).padEnd(20) : String(c).padStart(16))).join("")}\n`;
  process.stdout.write(`${ROWS} rows of ${DIMS} columns to learn from\n`);
  process.stdout.write(line(["model", "fit, s", "scored rows/s", "one row, us", "state, kB"]));
  for (const r of results)
    process.stdout.write(
      line([
        ...[r.model, r.fitSeconds, r.batchRowsPerSec.toLocaleString("en"), r.singleRowMicros],
        Math.ceil(r.stateBytes / 1000),
      ]),
    );
  const ours = results.find((r) => r.model === "half-space-trees");
  if (river !== null && ours)
    process.stdout.write(
      `River's half-space trees score ${river.toLocaleString("en")} rows/s: ours ${(ours.batchRowsPerSec / river).toFixed(0)} times as many\n`,
    );
}
