/**
 * `npm run eval -- metrics [--no-train] [--scores DIR] [--keep] [--json]`: runs `faultwright score` over `../shared/data/metrics`
 * and prints our row above the peers' in `PEERS.md`. `--no-train` keeps the train files of SMD and ASD from it. `--scores` judges a folder that is there already, with the measures of `measures.ts`.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nabScore, type Profile, probation } from "../../../pipelines/learn/measures/nab.ts";
import { aucPr, bestF1, rangeF1, vusPr } from "../../../pipelines/learn/measures/row-measures.ts";
import { dataDir, hasData, type Labelled, multivariate, nabSeries } from "./data.ts";
import { peersOf } from "./peers.ts";
import { readScores } from "./scores.ts";

const COLUMNS = ["vus_pr", "auc_pr", "f1", "range_f1", "pooled_f1"] as const;
type Row = Record<(typeof COLUMNS)[number], number>;

const { values } = parseArgs({
  options: {
    "no-train": { type: "boolean" },
    scores: { type: "string" },
    keep: { type: "boolean" },
    json: { type: "boolean" },
  },
});
if (!hasData()) {
  process.stderr.write(`no development data in ${dataDir()}; set FAULTWRIGHT_DATA\n`);
  process.exit(1);
}
const made = values.scores === undefined;
const dir = values.scores ?? mkdtempSync(join(tmpdir(), "faultwright-eval-"));
try {
  if (made) await score(dir);
  report(dir);
} finally {
  if (made && !values.keep) rmSync(dir, { recursive: true, force: true });
  else process.stderr.write(`scores are in ${dir}\n`);
}

function score(to: string): Promise<void> {
  const main = join(import.meta.dirname, "../../../pipelines/cli/main.ts");
  const train = values["no-train"] ? [] : ["--train", dataDir()];
  const args = ["--import", "tsx", main, "score", "--input", dataDir(), ...train, "--output", to];
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
    child.once("exit", (code) => {
      process.stderr.write(`scored in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
      if (code === 0) resolve();
      else reject(new Error(`score ended with ${code}`));
    });
  });
}

function judge(files: readonly { labels: Uint8Array; score: Float64Array }[]): Row {
  const judged = files.filter((f) => f.labels.includes(1));
  const mean = (of: (f: (typeof judged)[number]) => number) => judged.reduce((s, f) => s + of(f), 0) / judged.length;
  const labels = judged.flatMap((f) => Array.from(f.labels));
  const pooled = Float64Array.from(judged.flatMap((f) => Array.from(f.score)));
  return {
    vus_pr: mean((f) => vusPr(f.labels, f.score)),
    auc_pr: mean((f) => aucPr(f.labels, f.score)),
    f1: mean((f) => bestF1(f.labels, f.score).f1),
    range_f1: mean((f) => rangeF1(f.labels, f.score)),
    pooled_f1: bestF1(labels, pooled).f1,
  };
}

function report(from: string): void {
  const read = (series: Labelled) => readScores(from, series.path, series.labels.length);
  const nab = nabSeries().map((series) => ({ series, ...read(series) }));
  const sets: Record<string, Row> = {
    NAB: judge(
      nab.map(({ series, score }) => {
        const start = probation(score.length);
        return { labels: series.labels.subarray(start), score: score.subarray(start) };
      }),
    ),
  };
  for (const set of ["smd", "asd"] as const)
    sets[set.toUpperCase()] = judge(
      multivariate(set).map(({ test }) => ({ labels: test.labels, score: read(test).score })),
    );
  const alarms = Object.fromEntries(
    (["standard", "lowFalsePositives", "lowFalseNegatives"] as const satisfies Profile[]).map((profile) => [
      profile,
      nabScore(
        nab.map(({ series, alarm }) => ({ score: alarm, windows: series.windows })),
        0.5,
        profile,
      ),
    ]),
  );
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ sets, alarms })}\n`);
    return;
  }
  for (const [name, row] of Object.entries(sets)) {
    const peers = peersOf(readFileSync(join(dataDir(), "PEERS.md"), "utf8"), name);
    process.stdout.write(`\n${name.padEnd(26)}${COLUMNS.map((c) => c.padStart(10)).join("")}\n`);
    process.stdout.write(`${"faultwright".padEnd(26)}${COLUMNS.map((c) => row[c].toFixed(3).padStart(10)).join("")}\n`);
    for (const peer of peers.slice(0, 6))
      process.stdout.write(
        `${peer.name.padEnd(26)}${COLUMNS.map((c) => (peer.values[c] ?? "").padStart(10)).join("")}\n`,
      );
    const best = COLUMNS.map((c) => Math.max(...peers.map((p) => Number(p.values[c] ?? Number.NaN))).toFixed(3));
    process.stdout.write(`${"best peer of each".padEnd(26)}${best.map((b) => b.padStart(10)).join("")}\n`);
  }
  const peers = peersOf(readFileSync(join(dataDir(), "PEERS.md"), "utf8"), "NAB");
  process.stdout.write("\nNAB alarms at the fixed threshold 0.5 (peers: best threshold in hindsight)\n");
  for (const [profile, r] of Object.entries(alarms))
    process.stdout.write(
      `${profile.padEnd(20)} ${r.score.toFixed(1)}  ${r.windowsHit} of ${r.windows} windows, ${r.falseRowsPer1000.toFixed(2)} false rows per 1000\n`,
    );
  const ranked = peers.map((p) => [p.name, Number(p.values["NAB standard"])] as const).sort((a, b) => b[1] - a[1]);
  process.stdout.write(
    `peers, standard: ${ranked
      .slice(0, 4)
      .map(([n, v]) => `${n} ${v}`)
      .join(", ")}\n`,
  );
}
