/**
 * `npm run eval -- alert-power [--sets asd,smd] [--budgets 1,10,100] [--banks a,b]`: labelled faults of recorded machines that the
 * pipeline finds within its budget. Each machine is a system of its own: its train file, then its test file, through the
 * real detector and correlator. Found: an incident opened during the fault or within five rows after it.
 */
import { parseArgs } from "node:util";
import { Tables } from "../../../pipelines/core/tables.ts";
import { correlator } from "../../../pipelines/correlate/correlator.ts";
import { detector } from "../../../pipelines/detect/detector.ts";
import { hasData, type Labelled, multivariate } from "../metrics/data.ts";
import { recorded, STEP_MS } from "./recorded.ts";
import { optionsOf } from "./simulate.ts";

const { values: args } = parseArgs({
  options: {
    sets: { type: "string", default: "asd,smd" },
    budgets: { type: "string", default: "1,10,100" },
    banks: { type: "string" },
  },
});
const WEEK_MS = 7 * 86_400_000;
/** Rows after a fault in which an incident is still about it. */
const SLACK = 5;

/** Labelled intervals, [first, last] row. */
function faultsOf(labels: Uint8Array): [number, number][] {
  const out: [number, number][] = [];
  for (const [i, label] of labels.entries()) {
    if (!label) continue;
    const last = out.at(-1);
    if (last?.[1] === i - 1) last[1] = i;
    else out.push([i, i]);
  }
  return out;
}

/** Faults, those found, and incidents beside them, in the test rows of one machine. */
function judge({ train, test }: { train: Labelled; test: Labelled }, budget: number, windowMs: number) {
  const options = optionsOf(budget, windowMs, args.banks?.split(","));
  const tables = new Tables({ entities: 10, series: 1000, seriesPerEntity: 1000 });
  const values = new Float64Array(train.values.length + test.values.length);
  values.set(train.values);
  values.set(test.values, train.values.length);
  const { window } = recorded([{ name: test.path, columns: train.columns, values }], windowMs)(tables);
  const detect = detector(tables, options.detect);
  const correlate = correlator(options.correlate);
  const trainRows = train.labels.length;
  const faults = faultsOf(test.labels);
  const found = new Set<number>();
  let besides = 0;
  for (let i = 0; ; i++) {
    const w = window(i);
    if (!w) break;
    correlate.onWindow(w.length);
    for (const a of detect.process(w)) correlate.onAnomaly(a);
    for (const { kind } of correlate.advance(w.endMs)) {
      if (i < trainRows || (kind !== "opened" && kind !== "reopened")) continue;
      const row = i - trainRows;
      const fault = faults.findIndex(([from, to]) => row >= from && row <= to + SLACK);
      if (fault >= 0) found.add(fault);
      else if (kind === "opened") besides += 1;
    }
  }
  return { faults: faults.length, found: found.size, besides, weeks: (test.labels.length * windowMs) / WEEK_MS };
}

if (!hasData()) throw new Error("the development data is missing: set FAULTWRIGHT_DATA");
process.stdout.write("| set | budget | faults | found | other incidents a week |\n|---|---|---|---|---|\n");
for (const set of args.sets.split(",") as ("asd" | "smd")[]) {
  const machines = multivariate(set);
  for (const budget of args.budgets.split(",").map(Number)) {
    const all = machines.map((m) => judge(m, budget, STEP_MS[set]));
    const sum = (of: (r: (typeof all)[number]) => number) => all.reduce((total, r) => total + of(r), 0);
    const rate = sum((r) => r.besides) / sum((r) => r.weeks);
    process.stdout.write(
      `| ${[set, budget, sum((r) => r.faults), sum((r) => r.found), rate.toFixed(2)].join(" | ")} |\n`,
    );
  }
}
