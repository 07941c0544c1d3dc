/**
 * The demo for every fault, several seeds each, as a table: `npx tsx test/eval/faults.ts [--seeds 5] [--faults a,b] [--out docs/faults.md]`.
 * Each run is a fresh lab and a fresh pipeline process; nothing is shared between runs.
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
const demo = (fault: string, seed: number): Promise<{ outcome: Outcome | undefined; seconds: number }> =>
  new Promise((resolve) => {
    const started = performance.now();
    const child = spawn("npm", ["run", "-s", "demo", "--", "--fault", fault, "--seed", String(seed), "--json"], {
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
      resolve({ outcome: last.startsWith("{") ? (JSON.parse(last) as Outcome) : undefined, seconds });
    });
  });

const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const secondsOf = (list: (number | null | undefined)[]) => {
  const known = list.filter((v): v is number => v !== null && v !== undefined);
  return known.length === 0 ? "-" : `${((median(known) as number) / 1000).toFixed(1)}`;
};

const n = Number(values.seeds);
const rows: string[] = [];
const all: { outcome: Outcome | undefined; seconds: number }[] = [];
for (const fault of (values.faults as string).split(",")) {
  const runs: Awaited<ReturnType<typeof demo>>[] = [];
  for (let s = Number(values.first); s < Number(values.first) + n; s++) {
    const run = await demo(fault, s);
    const o = run.outcome;
    process.stderr.write(
      `${fault} seed ${s}: ${
        o
          ? `${o.injected.service}; suspects ${
              o.incident?.suspects
                .slice(0, 3)
                .map((x) => x.name)
                .join(" ") ?? "none"
            }; ${o.repair?.action} ${o.repair?.target} ${o.repair?.verified ? "verified" : "not verified"}; detect ${o.figures.timeToDetectMs} ms, recover ${o.figures.timeToRecoverMs} ms, false ${o.figures.falseIncidentsBefore}, rss ${Math.round((o.figures.pipelinePeakRssBytes ?? 0) / 1048576)} MiB`
          : "no result"
      }; ${run.seconds.toFixed(0)} s\n`,
    );
    runs.push(run);
    all.push(run);
  }
  const count = (f: (o: Outcome) => boolean) => runs.filter((r) => r.outcome && f(r.outcome)).length;
  const figures = runs.map((r) => r.outcome?.figures);
  rows.push(
    `| ${fault} | ${count((o) => o.incident !== null)}/${n} | ${count((o) => o.figures.rankOfTrueCause === 1)}/${n} | ${count((o) => (o.figures.rankOfTrueCause ?? 9) <= 3)}/${n} | ${secondsOf(figures.map((f) => f?.timeToDetectMs))} | ${figures.reduce((a, f) => a + (f?.falseIncidentsBefore ?? 0), 0)} | ${count((o) => o.repair?.verified === true)}/${n} | ${secondsOf(figures.map((f) => f?.timeToRecoverMs))} |`,
  );
}
const rss = all.map((r) => r.outcome?.figures.pipelinePeakRssBytes ?? 0);
const text = `# The seven faults

Made by \`npx tsx test/eval/faults.ts --seeds ${n}\` on ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}. Each row: ${n} runs with different seeds
(the seed also chooses the service). Times are medians in seconds from the injection, in event time.

| fault | detected | true service first | in the first three | time to detect | false incidents before | repair verified | time to recover |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}

A run takes ${secondsOf(all.map((r) => r.seconds * 1000))} s (median) from start to verified repair, 60 s of it learning what is normal.
Peak resident memory of the pipeline process: ${Math.round(Math.max(...rss) / 1048576)} MiB.
`;
process.stdout.write(text);
if (values.out) writeFileSync(values.out, text);
