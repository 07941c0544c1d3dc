import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import type { Action, Incident } from "../core/records.ts";
import { reliabilityReport } from "../measure/reliability/report.ts";
import { reliabilityHtml, reliabilityMarkdown, reliabilityTable } from "../report/reliability.ts";
import { fileLoads, fileOutages, fileReplicas, storedOutages } from "../run/reliability.ts";
import { everyOf } from "./client.ts";
import { moment } from "./moment.ts";

function percentage(text: string): number {
  const n = Number(text.replace(/%$/, ""));
  if (text.trim() === "" || !(n > 0 && n < 100)) throw new InvalidArgumentError("write a percentage such as 99.9");
  return n / 100;
}
const whole = (least: number) => (text: string) => {
  if (!/^\d{1,15}$/.test(text) || Number(text) < least)
    throw new InvalidArgumentError(`write a whole number from ${least}`);
  return Number(text);
};

interface Options {
  readonly dataDir: string;
  readonly input?: string[];
  readonly from?: number;
  readonly to?: number;
  readonly slo: number;
  readonly units: number;
  readonly changes?: number;
  readonly loads?: string;
  readonly replicas?: string;
  readonly service?: string;
  readonly severity?: string;
  readonly json?: boolean;
  readonly markdown?: string;
  readonly html?: string;
}

export function reliabilityCommand(): Command {
  return new Command("reliability")
    .description("Reliability figures from incidents, each with interval, definition and source. Open incidents count.")
    .option("--data-dir <dir>", "data directory of the pipeline", ".faultwright")
    .option("--input <files...>", "incidents from CSV or JSONL files (also .gz) instead of the pipeline's store")
    .option("--from <time>", "start of observation: 2026-11-03T10:00Z, or how long ago as 30d", moment)
    .option("--to <time>", "its end; by default now, or with --input the last time in the files", moment)
    .option("--slo <percent>", "availability that is aimed at", percentage, 0.999)
    .option("--units <n>", "systems watched together", whole(1), 1)
    .option("--changes <n>", "deploys and changes of configuration made in the window", whole(0))
    .option("--loads <file>", "load of each instance: name,load lines")
    .option("--replicas <file>", "CSV of looks at replicas: lag_s or lag_ms, reads and stale_reads")
    .option("--service <name>", "of this service alone")
    .option("--severity <list>", "of these severities alone: critical,major")
    .option("--json", "print as JSON")
    .option("--markdown <file>", "write as Markdown too")
    .option("--html <file>", "write as a page too")
    .action(async (options: Options) => {
      const { input, from: fromMs, service, severity } = options;
      const read = input
        ? await fileOutages(input)
        : {
            outages: await storedOutages(
              everyOf<Action>(options.dataDir, "actions"),
              everyOf<Incident>(options.dataDir, "incidents"),
            ),
            warnings: [],
          };
      const wanted = severity
        ?.toLowerCase()
        .split(",")
        .map((s) => s.trim());
      const outages = read.outages.filter(
        (o) =>
          (service === undefined || o.service === service) && (wanted === undefined || wanted.includes(o.severity)),
      );
      const lastMs = outages.reduce((m, o) => Math.max(m, o.startMs, o.detectedMs ?? 0, o.resolvedMs ?? 0), 0);
      const isGuessed = options.to === undefined && input !== undefined;
      const report = reliabilityReport(outages, {
        fromMs,
        toMs: options.to ?? (isGuessed ? Math.max(lastMs, fromMs ?? 0) : systemClock.nowMs()),
        objective: options.slo,
        units: options.units,
        changes: options.changes,
        loads: options.loads === undefined ? [] : await fileLoads(options.loads),
        replicas: options.replicas === undefined ? [] : await fileReplicas(options.replicas),
      });
      const notes = isGuessed ? ["no end of observation was given: the last time in the input ends the window"] : [];
      const full = { ...report, warnings: [...read.warnings, ...report.warnings, ...notes] };
      for (const w of full.warnings) process.stderr.write(`warning: ${w}\n`);
      if (options.markdown !== undefined) await writeFile(options.markdown, reliabilityMarkdown(full));
      if (options.html !== undefined) await writeFile(options.html, reliabilityHtml(full));
      process.stdout.write(options.json ? `${JSON.stringify(full)}\n` : reliabilityTable(full));
    });
}
