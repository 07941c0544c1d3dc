import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { PipelineError } from "../core/errors.ts";
import { formatTime, percent } from "../core/format.ts";
import { diagnoseAlerts } from "../run/diagnose/diagnose-alerts.ts";
import { type CaseAnswer, type DiagnoseCaseOptions, diagnoseCase, learnCase } from "../run/diagnose/diagnose-case.ts";
import { readKnownIncidents, remember } from "../run/diagnose/known-incidents.ts";

interface Options {
  readonly case?: string;
  readonly cases?: string;
  readonly alerts?: string;
  readonly past: readonly string[];
  readonly onset?: number;
  readonly ignoreOnset?: boolean;
  readonly known?: string;
  readonly remember?: string;
  readonly cause?: string;
  readonly label?: string;
  readonly repair?: string;
  readonly output?: string;
  readonly json?: boolean;
}

function epochMs(text: string): number {
  const v = Number(text);
  if (text.trim() === "" || !Number.isFinite(v)) throw new InvalidArgumentError("give milliseconds since 1970");
  return v;
}

export function diagnoseCommand(): Command {
  return new Command("diagnose")
    .description(
      "Rank the likely causes of a recorded incident: a folder with metrics.csv, traces.csv, logs.csv, topology.json.",
    )
    .option("--case <dir>", "folder of one incident; each file may be .gz, all but one may be missing")
    .option("--cases <dir>", "folder of such folders: one output file each, <name>.json")
    .option("--alerts <file>", "alert storms, JSON: each is ranked by how rare its alerts are in all the others")
    .option(
      "--past <file>",
      "with --alerts: more past storms of the same system; may be repeated",
      (v, all: string[]) => [...all, v],
      [],
    )
    .option("--onset <ms>", "when it began, ms since 1970; overrides onset.json", epochMs)
    .option("--ignore-onset", "do not believe onset.json")
    .option("--known <file>", "incidents whose cause is known: the most similar ones are named")
    .option("--remember <file>", "with --case, --cause and --label: add this one to the known incidents instead")
    .option("--cause <service>", "what broke")
    .option("--label <text>", "the kind of fault, such as `disk full`")
    .option("--repair <text>", "what fixed it")
    .option("--output <path>", "JSON file, or with --cases a folder; without it a summary is printed")
    .option("--json", "print the answer as JSON")
    .action(async (options: Options) => {
      const usage = (detail: string) => new PipelineError("CONFIG_INVALID", "diagnose", { detail });
      if ([options.case, options.cases, options.alerts].filter((o) => o !== undefined).length !== 1)
        throw usage("give one of --case, --cases and --alerts");
      if (options.alerts !== undefined) {
        const answers = await diagnoseAlerts(options.alerts, options.past);
        if (options.output === undefined) process.stdout.write(`${JSON.stringify(answers)}\n`);
        else await write(options.output, answers);
        return;
      }
      const known = options.known === undefined ? [] : await readKnownIncidents(options.known);
      const how = { onsetMs: options.onset ?? null, ignoreOnset: options.ignoreOnset ?? false, known };
      if (options.remember !== undefined) {
        const { case: dir, cause, label, repair = null } = options;
        if (dir === undefined || cause === undefined || label === undefined)
          throw usage("--remember needs --case, --cause and --label");
        await remember(
          options.remember,
          await learnCase(dir, { cause, label, repair, onsetMs: options.onset ?? null }),
        );
        return;
      }
      if (options.onset !== undefined && options.ignoreOnset) throw usage("--onset and --ignore-onset contradict");
      if (options.case !== undefined) {
        const answer = await diagnoseCase(options.case, how);
        if (options.output !== undefined) await write(options.output, answer);
        if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
        else if (options.output === undefined) process.stdout.write(summary(answer));
        return;
      }
      if (options.output === undefined) throw usage("--cases needs --output, a folder");
      await every(options.cases as string, options.output, how);
    });
}

/** One that can't be read is told and does not stop the others. */
async function every(dir: string, output: string, how: DiagnoseCaseOptions) {
  const entries = await readdir(dir, { withFileTypes: true }).catch((cause) => {
    throw new PipelineError("SOURCE_UNREADABLE", dir, { detail: (cause as Error).message, cause });
  });
  const names = entries
    .filter((e) => e.isDirectory() || e.isSymbolicLink())
    .map((e) => e.name)
    .sort();
  if (names.length === 0) throw new PipelineError("SOURCE_UNREADABLE", dir, { detail: "no folder in it" });
  let failed = 0;
  for (const [i, name] of names.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r${i + 1}/${names.length} ${name}\u001b[K`);
    try {
      await write(join(output, `${name}.json`), await diagnoseCase(join(dir, name), how));
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      failed += 1;
      process.stderr.write(`${error.message}\n`);
    }
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  if (failed > 0) process.exitCode = 1;
}

async function write(path: string, answer: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(answer, null, 1)}\n`);
}

function summary(a: CaseAnswer): string {
  const lines = [
    a.headline,
    `since ${formatTime(a.onsetRangeMs[0])} to ${formatTime(a.onsetRangeMs[1])} UTC; confidence ${percent(a.confidence)}${a.inconclusive ? ", inconclusive" : ""}`,
    "",
  ];
  for (const [i, s] of a.services.slice(0, 5).entries()) {
    lines.push(`${i + 1}. ${s.name}  ${percent(s.confidence)}  score ${s.score}`);
    for (const e of s.evidence.slice(0, 4)) lines.push(`   + ${e.text}`);
    for (const e of s.against.slice(0, 2)) lines.push(`   - ${e.text}`);
  }
  if (a.metrics.length > 0)
    lines.push(
      "",
      `metrics: ${a.metrics
        .slice(0, 5)
        .map((m) => m.name)
        .join(", ")}`,
    );
  for (const s of a.similar)
    lines.push(
      `similar: ${s.id} (${s.label} at ${s.cause}), ${percent(s.similarity)}: ${s.why.join(", ")}${s.repair === null ? "" : `; fixed by ${s.repair}`}`,
    );
  for (const m of a.missing) lines.push(`missing: ${m}`);
  return `${lines.join("\n")}\n`;
}
