import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import { parseConfig } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import { formatDuration } from "../core/format.ts";
import type { PostmortemReport } from "../core/schemas/postmortem.ts";
import { openLog } from "../run/observe/log.ts";
import { postmortem, postmortemOfStore } from "../run/postmortem/postmortem.ts";
import type { Progress } from "../run/postmortem/replay.ts";
import { fileOutages } from "../run/reliability.ts";
import { openStore } from "../runtime/store/pglite.ts";
import { readConfig } from "./config.ts";
import { lasting, moment } from "./moment.ts";

interface Options {
  readonly from?: number;
  readonly to?: number;
  readonly input?: string[];
  readonly format?: string;
  readonly config?: string;
  readonly dataDir?: string;
  readonly out: string;
  readonly known?: string[];
  readonly tolerance: number;
  readonly lateAfter: number;
  readonly tail: number;
  readonly window?: number;
  readonly lateness?: number;
  readonly slo: number;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

function percentage(text: string): number {
  const n = Number(text.replace(/%$/, ""));
  if (text.trim() === "" || !(n > 0 && n < 100)) throw new InvalidArgumentError("write a percentage such as 99.9");
  return n / 100;
}

/** One line that replaces itself on a terminal, one line a quarter minute elsewhere. */
function progressLine() {
  const startMs = systemClock.nowMs();
  let firstShare: number | null = null;
  let lastMs = 0;
  const { isTTY = false } = process.stderr;
  return {
    show({ watermarkMs, rows, share }: Progress) {
      const now = systemClock.nowMs();
      if (now - lastMs < (isTTY ? 500 : 15_000) || watermarkMs <= 0) return;
      lastMs = now;
      // A resumed run begins in the middle: its speed is that of this process alone.
      firstShare ??= share;
      const done = share === null || firstShare === null ? 0 : share - firstShare;
      const left = done > 0 && share !== null ? ((now - startMs) / done) * (1 - share) : null;
      const text = `at ${new Date(watermarkMs).toISOString().slice(0, 19)}Z, ${rows} rows${share === null ? "" : `, ${(100 * share).toFixed(1)} %`}${left === null ? "" : `, about ${formatDuration(left)} left`}`;
      process.stderr.write(isTTY ? `\r${text}\u001b[K` : `${text}\n`);
    },
    end: () => void (isTTY && lastMs > 0 && process.stderr.write("\r\u001b[K")),
  };
}

export function postmortemCommand(): Command {
  return new Command("postmortem")
    .description(
      "Look back over a range: the stream's stages over files, a journal or Kafka topics, one report of what they find.",
    )
    .option(
      "--from <time>",
      "start of the range: 2026-11-03T10:00Z, or how long ago as 30d; by default the first row",
      moment,
    )
    .option("--to <time>", "its end; by default the last row", moment)
    .option("--input <paths...>", "files and folders: CSV, JSON lines, OTLP/JSON dumps, each also .gz, and Parquet")
    .option("--format <name>", "of the files, where their extension or content does not tell")
    .option("--config <file>", "configuration; without --input its journal or Kafka topics are read")
    .option("--data-dir <dir>", "incidents as a pipeline stored them, instead of --input: nothing is computed again")
    .requiredOption("--out <dir>", "folder for postmortem.html, .md, .json and a page for each incident")
    .option(
      "--known <files...>",
      "incidents that are known to have happened, CSV or JSON lines: start, end, id, service",
    )
    .option("--tolerance <duration>", "by how much times of the known list may be wrong", lasting, 120_000)
    .option("--late-after <duration>", "detected later than this after the known start is late", lasting, 300_000)
    .option(
      "--tail <duration>",
      "read on for this long after --to, to see what began in the range end",
      lasting,
      3_600_000,
    )
    .option(
      "--window <duration>",
      "length of a window; by default as the config says, longer where data are coarser",
      lasting,
    )
    .option("--lateness <duration>", "how far rows of one file may be out of order", lasting)
    .option("--slo <percent>", "availability that is aimed at", percentage, 0.999)
    .option("--fresh", "forget an unfinished run in the folder")
    .option("--json", "print the report as JSON")
    .action(async (options: Options) => {
      const given = [options.input, options.dataDir].filter((v) => v !== undefined).length;
      if (given > 1 || (given === 0 && options.config === undefined))
        throw new PipelineError("CONFIG_INVALID", "postmortem", {
          detail: given > 1 ? "--input and --data-dir exclude each other" : "nothing says what to look at",
          hint: "give --input FILES, --config FILE (journal or Kafka) or --data-dir DIR (stored incidents)",
        });
      const read = options.known ? await fileOutages(options.known) : undefined;
      const shared = {
        outDir: options.out,
        ...(options.from === undefined ? {} : { fromMs: options.from }),
        ...(options.to === undefined ? {} : { toMs: options.to }),
        ...(read ? { known: read.outages } : {}),
        knownOptions: { toleranceMs: options.tolerance, lateMs: options.lateAfter },
        objective: options.slo,
        warnings: read?.warnings ?? [],
        clock: systemClock,
      };
      const base = options.config === undefined ? parseConfig("{}") : await readConfig(options.config);
      let report: PostmortemReport;
      if (options.dataDir !== undefined) {
        const store = await openStore(join(options.dataDir, "store"));
        try {
          report = await postmortemOfStore(store, { ...shared, system: base.system, windowMs: base.windows.window });
        } finally {
          await store.close();
        }
      } else {
        const config = {
          ...base,
          windows: {
            ...base.windows,
            ...(options.window === undefined ? {} : { window: options.window }),
            ...(options.lateness === undefined ? {} : { lateness: options.lateness }),
          },
        };
        const { log, close } = openLog({ level: "warn" });
        const line = progressLine();
        try {
          report = await postmortem({
            ...shared,
            config,
            log,
            ...(options.input ? { input: options.input } : {}),
            ...(options.format === undefined ? {} : { format: options.format }),
            tailMs: options.tail,
            paceByData: options.window === undefined && options.config === undefined,
            fresh: options.fresh ?? false,
            onProgress: line.show,
          });
        } finally {
          line.end();
          close();
        }
      }
      for (const w of report.warnings) process.stderr.write(`warning: ${w}\n`);
      if (options.json) return void process.stdout.write(`${JSON.stringify(report)}\n`);
      const k = report.known;
      process.stdout.write(
        `${report.headline}\n${k ? `known: ${k.found} found, ${k.late} late, ${k.merged} merged, ${k.missed} missed; ${k.false} false, ${k.duplicates} duplicates\n` : ""}${join(options.out, "postmortem.html")}\n`,
      );
    });
}
