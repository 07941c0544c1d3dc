/**
 * The demo for every fault, several seeds each, as a table: `npx tsx test/eval/faults.ts [--seeds 5] [--faults a,b]
 * [--lanes 2] [--quiet-seconds 600] [--out docs/faults.md]`. Each run is a fresh lab and a fresh pipeline process. Lanes
 * are runs side by side: they share nothing but the machine, which makes the task harder.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { FAULTS } from "../../data/lab/faults.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "5" },
    first: { type: "string", default: "1" },
    faults: { type: "string", default: FAULTS.map((f) => f.kind).join(",") },
    lanes: { type: "string", default: "1" },
    "quiet-seconds": { type: "string", default: "0" },
    out: { type: "string" },
  },
});

interface Outcome {
  injected: { service: string; kind: string };
  incident: { id: string; suspects: { name: string }[] } | null;
  repair: { action: string; target: string; verified: boolean } | null;
  figures: {
    timeToDetectMs: number | null;
    timeToRecoverMs: number | null;
    rankOfTrueCause: number | null;
    falseIncidentsBefore: number;
    pipelinePeakRssBytes: number | null;
  };
}

const root = new URL("../..", import.meta.url).pathname;
interface Run {
  readonly fault: string;
  readonly seed: number;
  readonly outcome: Outcome | undefined;
  readonly seconds: number;
}
const demo = (fault: string, seed: number, ...more: string[]): Promise<Run> =>
  new Promise((resolve) => {
    const started = performance.now();
    const args = ["run", "-s", "demo", "--", "--fault", fault, "--seed", String(seed), "--json", ...more];
    const child = spawn("npm", args, {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (d) => {
      out += d;
    });
    child.on("close", () => {
      const seconds = (performance.now() - started) / 1000;
      const last = out.trim().split("\n").at(-1) ?? "";
      resolve({ fault, seed, outcome: last.startsWith("{") ? (JSON.parse(last) as Outcome) : undefined, seconds });
    });
  });

const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const secondsOf = (list: (number | null | undefined)[]) => {
  const known = list.filter((v): v is number => v !== null && v !== undefined);
  return known.length === 0 ? "-" : `${((median(known) as number) / 1000).toFixed(1)}`;
};

function tell({ fault, seed, outcome: o, seconds }: Run): void {
  const suspects = o?.incident?.suspects.slice(0, 3).map((x) => x.name);
  const text = o
    ? `${o.injected.service}; suspects ${suspects?.join(" ") ?? "none"}; ${o.repair?.action} ${o.repair?.target} ${o.repair?.verified ? "verified" : "not verified"}; detect ${o.figures.timeToDetectMs} ms, recover ${o.figures.timeToRecoverMs} ms, false ${o.figures.falseIncidentsBefore}, rss ${Math.round((o.figures.pipelinePeakRssBytes ?? 0) / 1048576)} MiB`
    : "no result";
  process.stderr.write(`${fault} seed ${seed}: ${text}; ${seconds.toFixed(0)} s\n`);
}

const n = Number(values.seeds);
const faults = (values.faults as string).split(",");
const todo = faults.flatMap((fault) => Array.from({ length: n }, (_, i) => [fault, Number(values.first) + i] as const));
const all: Run[] = [];
const lane = async () => {
  for (let next = todo.shift(); next; next = todo.shift()) {
    const run = await demo(...next);
    tell(run);
    all.push(run);
  }
};
await Promise.all(Array.from({ length: Number(values.lanes) }, lane));
const rows = faults.map((fault) => {
  const runs = all.filter((r) => r.fault === fault);
  const count = (f: (o: Outcome) => boolean) => `${runs.filter((r) => r.outcome && f(r.outcome)).length}/${n}`;
  const figures = runs.map((r) => r.outcome?.figures);
  return `| ${[
    fault,
    count((o) => o.incident !== null),
    count((o) => o.figures.rankOfTrueCause === 1),
    count((o) => (o.figures.rankOfTrueCause ?? 9) <= 3),
    secondsOf(figures.map((f) => f?.timeToDetectMs)),
    figures.reduce((a, f) => a + (f?.falseIncidentsBefore ?? 0), 0),
    count((o) => o.repair?.verified === true),
    secondsOf(figures.map((f) => f?.timeToRecoverMs)),
  ].join(" | ")} |`;
});
const quietSeconds = Number(values["quiet-seconds"]);
const watched = quietSeconds > 0 ? await demo("none", 1, "--quiet-seconds", String(quietSeconds)) : undefined;
const quiet = watched?.outcome as unknown as { incidents: unknown[] } | undefined;
const rss = all.map((r) => r.outcome?.figures.pipelinePeakRssBytes ?? 0);
const text = `# The seven faults

Made by \`npx tsx test/eval/faults.ts ${process.argv.slice(2).join(" ")}\` on ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}. Each row: ${n} runs with different seeds
(the seed also chooses the service). Times are medians in seconds from the injection, in event time.

| fault | detected | true service first | in the first three | time to detect | false incidents before | repair verified | time to recover |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}

A run takes ${secondsOf(all.map((r) => r.seconds * 1000))} s (median) from start to verified repair, 60 s of it learning what is normal.
Peak resident memory of the pipeline process: ${Math.round(Math.max(...rss) / 1048576)} MiB.
${quiet ? `\n${quietSeconds} s without a fault: ${quiet.incidents.length} incidents.\n` : ""}`;
process.stdout.write(text);
if (values.out) writeFileSync(values.out, text);
