/** The fault-tree command against known answers and bounds: each run is the whole command, its start included. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { grid, trains, vote } from "../measure/fault-tree/generate.ts";

const root = resolve(import.meta.dirname, "../..");
const data = join(process.env.FAULTWRIGHT_DATA ?? resolve(root, "../shared/data"), "faulttree");
const TICKS_PER_S = 100;

interface Run {
  readonly out: Record<string, unknown>;
  readonly wallS: number;
  /** Of the process: other work on the machine is not in it. */
  readonly cpuS: number;
  readonly peakMib: number;
}

function faulttree(...args: string[]): Promise<Run> {
  const begun = performance.now();
  const command = ["--import", "tsx", "pipelines/cli/main.ts", "faulttree", ...args, "--json"];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let [text, cpuS, peakMib] = ["", 0, 0];
  const look = () => {
    try {
      peakMib =
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0) / 1024 || peakMib;
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
      cpuS = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
    } catch {
      // Over: what was seen last counts.
    }
  };
  const timer = setInterval(look, 20);
  child.stdout.on("data", (d) => {
    look();
    text += d;
  });
  return new Promise((done, failed) => {
    child.once("close", (code) => {
      clearInterval(timer);
      if (code !== 0) return failed(new Error(`exit code ${code}`));
      done({ out: JSON.parse(text), wallS: (performance.now() - begun) / 1000, cpuS, peakMib });
    });
  });
}

let failures = 0;
function row(name: string, run: Run, what: string, ok: boolean): void {
  if (!ok) failures += 1;
  const figures = [`${run.wallS.toFixed(1)} s`, `${run.cpuS.toFixed(1)} s of CPU`, `${run.peakMib.toFixed(0)} MiB`];
  process.stdout.write(
    `${ok ? "ok  " : "FAIL"} ${name.padEnd(40)} ${figures.map((f) => f.padStart(14)).join("")}  ${what}\n`,
  );
}

/** Chance of at least k of n: the terms from the largest on, each from the one before. */
function atLeast(k: number, n: number, p: number): number {
  let lnTerm = k * Math.log(p) + (n - k) * Math.log1p(-p);
  for (let i = 1; i <= k; i++) lnTerm += Math.log((n - k + i) / i);
  let sum = 0;
  for (let i = k; i <= n; i++) {
    sum += Math.exp(lnTerm);
    lnTerm += Math.log(((n - i) / (i + 1)) * (p / (1 - p)));
  }
  return sum;
}

interface Expected {
  readonly files: readonly string[];
  readonly scram: { readonly pBdd: number; readonly pRare: number; readonly tol?: number; readonly mcs: number };
}
if (existsSync(join(data, "expected.json"))) {
  const cases: Record<string, Expected> = JSON.parse(readFileSync(join(data, "expected.json"), "utf8")).cases;
  for (const [name, { files, scram }] of Object.entries(cases)) {
    const run = await faulttree(...files.map((f) => join(data, f)));
    const { probability, rareEvent, minimalCutSets } = run.out as Record<string, number>;
    const close = (a: number, b: number) => Math.abs(a - b) <= (scram.tol ?? 1e-9);
    const ok = close(probability!, scram.pBdd) && close(rareEvent!, scram.pRare) && minimalCutSets === scram.mcs;
    row(name, run, `p ${probability}, ${minimalCutSets} cut sets`, ok);
  }
} else {
  failures += 1;
  process.stdout.write(`FAIL no ${data}: set FAULTWRIGHT_DATA\n`);
}

const dir = await mkdtemp(join(tmpdir(), "faultwright-trees-"));
try {
  const model = async (name: string, text: string) => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };
  const listed = await faulttree(await model("trains.xml", trains(6, 6, 0.01)), "--cut-sets", "50000");
  const exact = (1 - 0.99 ** 6) ** 6;
  const right = listed.out.minimalCutSets === 6 ** 6 && Math.abs((listed.out.probability as number) / exact - 1) < 1e-9;
  row("46,656 cut sets, listed (< 10 s)", listed, `p ${listed.out.probability}`, right && listed.cpuS < 10);
  const tangled = await faulttree(await model("grid.xml", grid(4, 9, 0.01)), "--cut-sets", "100000");
  row("a 4 x 9 grid without modules, listed", tangled, `${tangled.out.minimalCutSets} cut sets`, tangled.cpuS < 20);
  // At least 500 of 1,200: a diagram of about 500 x 701 nodes, and a binomial tail for an answer. Its cut
  // sets, more than a number can count, are left out.
  const large = await faulttree(await model("vote.xml", vote(500, 1200, 0.4)), "--limit-order", "2");
  const { bdd } = large.out.diagramNodes as { bdd: number };
  const close = Math.abs((large.out.probability as number) / atLeast(500, 1200, 0.4) - 1) < 1e-9;
  row("a diagram of 300,000 nodes (< 1 GiB)", large, `${bdd} nodes`, close && bdd >= 300_000 && large.peakMib < 1024);
} finally {
  await rm(dir, { recursive: true });
}
process.exitCode = failures > 0 ? 1 : 0;
