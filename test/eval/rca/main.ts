/** `npm run eval -- rca [--only PREFIX] [--weights] [--robust] [--json FILE]` */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type CaseAnswer, diagnoseCase } from "../../../pipelines/run/diagnose/diagnose-case.ts";
import { judgeAlerts } from "./alerts.ts";
import { DATA, type Recorded, withCases } from "./cases.ts";
import { type Figures, figures, grouped, macro, type Ranks, ranksOf } from "./measure.ts";
import { faultOrNone, robustness } from "./robust.ts";
import { nearestSignature } from "./signatures.ts";
import { leaveOneOut } from "./weights.ts";

export interface Judged extends Ranks {
  readonly answer: CaseAnswer;
  readonly ms: number;
}
const MODES = ["given", "unknown"] as const;
type Mode = (typeof MODES)[number];

export async function judge(cases: readonly Recorded[], mode: Mode): Promise<Judged[]> {
  const out: Judged[] = [];
  for (const { truth, dir } of cases) {
    const t0 = performance.now();
    const answer = await diagnoseCase(
      dir,
      mode === "given" ? { onsetMs: truth.inject_time * 1000 } : { ignoreOnset: true },
    );
    const ms = performance.now() - t0;
    const ranks = ranksOf(
      truth,
      answer.services.map((s) => s.name),
      answer.metrics.map((m) => m.name),
    );
    out.push({ ...ranks, answer, ms });
  }
  return out;
}

const f3 = (v: number) => v.toFixed(3);
const row = (...cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
const told = (name: string, level: string, f: Figures, m: number) =>
  row(name, level, f3(f.ac[0]!), f3(f.ac[2]!), f3(f.ac[4]!), f3(f.avg5), f3(m));

function peers(): string {
  const path = join(DATA, "PEERS.md");
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((l) => /^\| (nsigma|own_|robust|earliest)[^|]*\| (service|metric)/.test(l)).join("\n");
}

function table(all: Readonly<Record<Mode, readonly Judged[]>>, key: (j: Judged) => string, title: string): string {
  const out = [
    `\n${title}: Avg@5`,
    row("", "n", "service given", "unknown", "metric given", "unknown"),
    row("---", ...Array(5).fill("---")),
  ];
  for (const [name, given] of grouped(all.given, key)) {
    const unknown = grouped(all.unknown, key).get(name) as Judged[];
    const cell = (list: Judged[], level: "service" | "metric") => {
      const f = figures(list.map((j) => j[level]));
      return f.n === 0 ? "-" : f3(f.avg5);
    };
    out.push(
      row(
        name,
        given.length,
        cell(given, "service"),
        cell(unknown, "service"),
        cell(given, "metric"),
        cell(unknown, "metric"),
      ),
    );
  }
  return out.join("\n");
}

const BINS = [0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.01];
function reliability(list: readonly Judged[], mode: Mode): string {
  const sorted = [...list].sort((a, b) => b.answer.confidence - a.answer.confidence);
  const half = Math.ceil(sorted.length / 2);
  const ac1 = (part: readonly Judged[]) => figures(part.map((j) => j.service)).ac[0]!;
  const bins = BINS.slice(1).map((to, i) =>
    list.filter((j) => j.answer.confidence >= BINS[i]! && j.answer.confidence < to),
  );
  const error = bins.reduce((p, b) => {
    const mean = b.reduce((q, j) => q + j.answer.confidence, 0) / Math.max(1, b.length);
    return p + (b.length / list.length) * Math.abs(mean - ac1(b));
  }, 0);
  const bars = bins.map((b, i) => {
    const share = ac1(b);
    return `  ${BINS[i]!.toFixed(1)}-${Math.min(1, BINS[i + 1]!).toFixed(1)} n ${String(b.length).padStart(3)}  AC@1 ${f3(share)} ${"#".repeat(Math.round(30 * share))}`;
  });
  return `\nReliability, onset ${mode}: expected calibration error ${f3(error)}; surer half AC@1 ${f3(ac1(sorted.slice(0, half)))}, other half ${f3(ac1(sorted.slice(half)))}\n${bars.join("\n")}`;
}

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string", default: "" },
      json: { type: "string" },
      robust: { type: "boolean" },
      weights: { type: "boolean" },
    },
  });
  if (!existsSync(join(DATA, "cases"))) {
    process.stderr.write(`no cases at ${DATA}: set FAULTWRIGHT_DATA\n`);
    return 1;
  }
  return withCases(values.only as string, async (cases) => {
    const all = { given: await judge(cases, "given"), unknown: await judge(cases, "unknown") };
    const out = [row("method", "level", "AC@1", "AC@3", "AC@5", "Avg@5", "macro Avg@5"), row(...Array(7).fill("---"))];
    for (const mode of MODES)
      for (const level of ["service", "metric"] as const)
        out.push(
          told(
            `**faultwright**, onset ${mode}`,
            level,
            figures(all[mode].map((j) => j[level])),
            macro(all[mode], level),
          ),
        );
    out.push(peers());
    out.push(
      table(all, (j) => j.truth.system, "Per system"),
      table(all, (j) => j.truth.fault_type, "Per fault"),
    );
    const hard = (mode: Mode) =>
      figures(all[mode].filter((j) => /delay|error/.test(j.truth.fault_type)).map((j) => j.service)).avg5;
    out.push(`\nDelay and error faults: ${f3(hard("given"))} given, ${f3(hard("unknown"))} unknown`);
    for (const mode of MODES) out.push(reliability(all[mode], mode));
    const alerts = Object.entries(await judgeAlerts());
    const mean = alerts.reduce((p, [, f]) => p + f.avg5 / alerts.length, 0);
    out.push(
      `\nAlert track, rarity from other cases only: Avg@5 ${alerts.map(([n, f]) => `${n} ${f3(f.avg5)}`).join(", ")}, macro ${f3(mean)} (peers 0.70)`,
    );
    out.push(`\n${await nearestSignature(cases)}`);
    const ms = [...all.given, ...all.unknown].map((j) => j.ms).sort((a, b) => a - b);
    out.push(
      `\nTime a case, files included: median ${ms[ms.length >> 1]!.toFixed(0)} ms, longest ${ms.at(-1)!.toFixed(0)} ms`,
    );
    if (values.weights)
      for (const given of [true, false]) out.push(`\nLeave one system out, ${await leaveOneOut(cases, given)}`);
    if (values.robust) out.push(`\n${await robustness(cases)}`, `\n${await faultOrNone(cases)}`);
    process.stdout.write(`${out.join("\n")}\n`);
    if (values.json)
      writeFileSync(
        values.json,
        JSON.stringify(
          Object.fromEntries(
            MODES.map((m) => [
              m,
              all[m].map((j) => [j.truth.id, j.service, j.metric, j.answer.confidence, j.answer.strength]),
            ]),
          ),
        ),
      );
    return 0;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = await main(process.argv.slice(2));
