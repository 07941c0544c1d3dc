/**
 * CPU time and memory of one diagnosis, files included: a case of 60 services with a fault half-way.
 * `npm run bench -- diagnose [--metrics 900] [--rows 1500] [--spans 100000] [--rounds 3] [--json]`
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { randomOf } from "../../models/neural/random.ts";
import { diagnoseCase } from "../../pipelines/run/diagnose/diagnose-case.ts";

const { values } = parseArgs({
  options: {
    metrics: { type: "string", default: "900" },
    rows: { type: "string", default: "1500" },
    spans: { type: "string", default: "100000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const [metrics, rows, spans, rounds] = [values.metrics, values.rows, values.spans, values.rounds].map(Number) as [
  number,
  number,
  number,
  number,
];
if (![metrics, rows, rounds].every((n) => Number.isSafeInteger(n) && n > 0) || !(spans >= 0)) {
  process.stderr.write("--metrics, --rows, --spans and --rounds are whole numbers\n");
  process.exit(2);
}

const SERVICES = 60;
const KINDS = ["cpu", "mem", "latency", "error", "net_rx", "requests"];
const START_S = 1_700_000_000;
const random = randomOf(7);
const onset = Math.floor(rows / 2);
const ill = 7;

const dir = mkdtempSync(join(tmpdir(), "faultwright-diagnose-"));
const columns = Array.from({ length: metrics }, (_, i) => ({
  service: i % SERVICES,
  kind: KINDS[Math.floor(i / SERVICES) % KINDS.length],
}));
const lines = [`timestamp,${columns.map((c, i) => `s${c.service}_${c.kind}${i}`).join(",")}`];
for (let r = 0; r < rows; r++) {
  const row = columns.map(({ service, kind }) => {
    const level = service === ill && kind === "latency" && r >= onset ? 80 : 40;
    return (level + 5 * Math.sin(r / 20) + 4 * random()).toFixed(3);
  });
  lines.push(`${START_S + r},${row.join(",")}`);
}
writeFileSync(join(dir, "metrics.csv"), `${lines.join("\n")}\n`);

const traces = ["start_ms,trace,span,parent,service,operation,duration_us"];
const DEPTH = 5;
for (let i = 0; i < spans; i++) {
  const [trace, depth] = [Math.floor(i / DEPTH), i % DEPTH];
  const startMs = START_S * 1000 + Math.floor((trace * DEPTH * rows * 1000) / spans) + depth;
  const service = (trace + depth * 7) % SERVICES;
  const late = service === ill && startMs >= (START_S + onset) * 1000 ? 40_000 : 0;
  const parent = depth === 0 ? "" : `${trace}.${depth - 1}`;
  const us = Math.round((DEPTH - depth) * 20_000 + late + 1000 * random());
  traces.push(`${startMs},t${trace},${trace}.${depth},${parent},s${service},op${depth},${us}`);
}
if (spans > 0) writeFileSync(join(dir, "traces.csv"), `${traces.join("\n")}\n`);

let best = Number.POSITIVE_INFINITY;
let first = "";
try {
  for (let i = 0; i < rounds; i++) {
    const start = process.cpuUsage();
    const answer = await diagnoseCase(dir, {});
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1e6);
    first = answer.services[0]?.name ?? "";
  }
} finally {
  rmSync(dir, { recursive: true });
}
const peakMiB = process.resourceUsage().maxRSS / 1024;
const result = { metrics, rows, spans, cpuSeconds: best, peakMiB, firstSuspect: first };
process.stdout.write(
  values.json
    ? `${JSON.stringify(result)}\n`
    : `${cpus()[0]?.model}, Node ${process.version}: ${metrics} metrics of ${rows} rows and ${spans} spans in ${best.toFixed(2)} s of CPU (best of ${rounds}), ${peakMiB.toFixed(0)} MiB with the making of the case; first suspect ${first}\n`,
);
