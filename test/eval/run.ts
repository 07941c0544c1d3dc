/** `npm run eval -- NAME [options]`: accuracy on the development data, beside the peers' figures. */
import { spawn } from "node:child_process";
import { join } from "node:path";

const EVALUATIONS: Readonly<Record<string, { file: string; what: string }>> = {
  metrics: { file: "metrics/run.ts", what: "`score` on NAB, SMD and ASD, beside the peers" },
  alarms: { file: "metrics/alarms.ts", what: "the alarm for each category left out, and on generated series" },
  budget: { file: "metrics/budget.ts", what: "false incidents a week against the budget, on data without faults" },
  "alert-budget": { file: "budget/run.ts", what: "incidents a week of the pipeline on data without faults" },
  "alert-power": { file: "budget/power.ts", what: "labelled faults of recorded machines found within an alert budget" },
  logs: { file: "logs/run.ts", what: "templates and sessions, beside the peers, and on generated logs" },
  rca: { file: "rca/main.ts", what: "`diagnose` on recorded incidents and alert storms, beside the peers" },
  hour: { file: "hour/run.ts", what: "an hour of the demo system with ten faults: one incident a fault, none besides" },
  mutations: { file: "mutations.ts", what: "each safety rule of recovery taken out: its tests have to fail" },
  "fault-trees": {
    file: "fault-trees.ts",
    what: "`faulttree` against known answers, and its time and memory on large models",
  },
  repairs: {
    file: "repairs.ts",
    what: "the demo's faults and their fitting repairs, resumable, with times and intervals",
  },
  "wrong-repairs": {
    file: "wrong-repairs.ts",
    what: "the demo with repairs that do not help: two tries, then one page and nothing more, resumable",
  },
  faults: { file: "faults.ts", what: "the demo for every fault, several seeds each" },
};

const [name, ...args] = process.argv.slice(2);
const known = name !== undefined && Object.hasOwn(EVALUATIONS, name) ? EVALUATIONS[name] : undefined;
if (!known) {
  const list = Object.entries(EVALUATIONS).map(([key, { what }]) => `${key}: ${what}\n`);
  process.stderr.write(list.join(""));
  process.exitCode = name === undefined || name === "list" || name === "--help" ? 0 : 2;
} else {
  const file = join(import.meta.dirname, known.file);
  const child = spawn(process.execPath, ["--import", "tsx", file, ...args], { stdio: "inherit" });
  child.once("exit", (code) => {
    process.exitCode = code ?? 1;
  });
}
