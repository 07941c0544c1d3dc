/**
 * The demo with every fault and the repair that fits it, several seeds each: `npm run eval -- repairs [--seeds 5]
 * [--faults a,b] [--state FILE] [--out FILE]`. Each run is a fresh lab, a fresh pipeline process and a real fault; the plan
 * is approved as on-call would. Long (about two minutes a run) and resumable: what is in the state file is not run again,
 * and a run that failed stays a failed one.
 */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { FAULTS } from "../../data/lab/faults.ts";
import { wilsonInterval } from "../../models/survival/intervals.ts";
import { madeBy } from "./made-by.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "5" },
    faults: { type: "string", default: FAULTS.map((f) => f.kind).join(",") },
    state: { type: "string", default: ".faultwright-repairs.jsonl" },
    out: { type: "string" },
    /** Waits before each run until the machine's load is below: other work makes the lab itself too slow to start. */
    "max-load": { type: "string", default: "1000" },
  },
});

interface Row {
  readonly fault: string;
  readonly seed: number;
  readonly service: string | null;
  readonly detectMs: number | null;
  readonly action: string | null;
  /** The repair was of the service that the fault is in, and the one that cures it. */
  readonly fits: boolean;
  readonly verified: boolean;
  readonly recoverMs: number | null;
  /** Of the machine when it began: other work makes the task harder. */
  readonly load: number;
  /** The lab did not start: says nothing of a repair, and is run again. */
  readonly void: boolean;
}

const root = new URL("../..", import.meta.url).pathname;
const state = values.state as string;
const rows: Row[] = existsSync(state)
  ? readFileSync(state, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((l) => JSON.parse(l) as Row)
  : [];

function demo(fault: string, seed: number): Promise<Row> {
  const load = Math.round((loadavg()[0] as number) * 10) / 10;
  return new Promise((resolve) => {
    const child = spawn("npm", ["run", "-s", "demo", "--", "--fault", fault, "--seed", String(seed), "--json"], {
      cwd: root,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let out = "";
    child.stdout.on("data", (d) => {
      out += d;
    });
    child.on("close", () => {
      const last = out.trim().split("\n").at(-1) ?? "";
      const o = last.startsWith("{") ? JSON.parse(last) : undefined;
      resolve({
        fault,
        seed,
        void: o === undefined,
        service: o?.injected.service ?? null,
        detectMs: o?.figures.timeToDetectMs ?? null,
        action: o?.repair?.action ?? null,
        fits:
          o?.repair != null &&
          o.repair.target === o.injected.service &&
          o.repair.action === FAULTS.find((f) => f.kind === fault)?.cure,
        verified: o?.repair?.verified === true,
        recoverMs: o?.figures.timeToRecoverMs ?? null,
        load,
      });
    });
  });
}

const faults = (values.faults as string).split(",");
// Seed by seed, so that a run that is stopped has something of every fault.
for (let seed = 1; seed <= Number(values.seeds); seed++)
  for (const fault of faults) {
    if (rows.some((r) => r.fault === fault && r.seed === seed && !r.void)) continue;
    // nothing tells of a machine that has become quiet; the kernel works its load out every five seconds
    while ((loadavg()[0] as number) > Number(values["max-load"])) await new Promise((go) => setTimeout(go, 5000));
    const row = await demo(fault, seed);
    rows.push(row);
    appendFileSync(state, `${JSON.stringify(row)}\n`);
    process.stderr.write(`${JSON.stringify(row)}\n`);
  }

const seconds = (list: (number | null)[]) => {
  const known = list.filter((v): v is number => v !== null).sort((a, b) => a - b);
  if (known.length === 0) return "-";
  const at = (q: number) =>
    ((known[Math.min(known.length - 1, Math.floor(q * known.length))] as number) / 1000).toFixed(1);
  return `${at(0.5)} (${at(0)} to ${at(1)})`;
};
const line = (name: string, all: readonly Row[]) => {
  const of = all.filter((r) => !r.void);
  const ok = of.filter((r) => r.verified && r.fits);
  const kinds = [...new Set(of.map((r) => r.action ?? "none"))].join(", ");
  const { low, high } = wilsonInterval(ok.length, of.length);
  const share = `${ok.length}/${of.length} (${(low * 100).toFixed(0)} to ${(high * 100).toFixed(0)} %)`;
  return `| ${name} | ${kinds} | ${share} | ${seconds(of.map((r) => r.detectMs))} | ${seconds(ok.map((r) => r.recoverMs))} |`;
};
const text = `# The demo's faults, repaired

${madeBy(
  "repairs",
  rows.map((r) => r.load),
)}
Recovered: the repair was the one that cures the fault, of the service that it is in, and the incident resolved by its own signal. Share with 95 % Wilson interval; times from the injection, in seconds: median (least to most).

| fault | repair | recovered | detected after | verified after |
|---|---|---|---|---|
${faults
  .map((f) =>
    line(
      f,
      rows.filter((r) => r.fault === f),
    ),
  )
  .join("\n")}
${line("all", rows)}

Runs in which the lab or the pipeline did not start in time, and which say nothing of a repair: ${rows.filter((r) => r.void).length}.
`;
process.stdout.write(text);
if (values.out) writeFileSync(values.out, text);
