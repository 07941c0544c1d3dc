import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import { PipelineError } from "../core/errors.ts";
import type { Incident } from "../core/records.ts";
import { trailText } from "../report/trail-text.ts";
import { openLog } from "../run/observe/log.ts";
import { incidentTrail } from "../run/trail/incident-trail.ts";
import { everyOf } from "./client.ts";
import { readConfig } from "./config.ts";
import { lasting } from "./moment.ts";

interface Options {
  readonly dataDir?: string;
  readonly config?: string;
  readonly input?: string[];
  readonly context: number;
  readonly around: number;
  readonly json?: boolean;
}

const MOST_CONTEXT = 100;

function lines(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 0 || n > MOST_CONTEXT)
    throw new InvalidArgumentError(`give 0 to ${MOST_CONTEXT} lines`);
  return n;
}

async function incidentOf(dataDir: string, id: string): Promise<Incident> {
  for await (const page of everyOf<Incident>(dataDir, "incidents")) {
    const found = page.find((i) => i.id === id);
    if (found) return found;
  }
  throw new PipelineError("INPUT_INVALID", dataDir, { detail: `no incident ${id}`, hint: "incidents list shows them" });
}

/** `incidents logs ID`: the very lines and spans of an incident. */
export function incidentLogsCommand(): Command {
  return new Command("logs")
    .description(
      "Show the lines and spans behind an incident: warnings and errors with what stood around them, and their traces over all services.",
    )
    .argument("<id>")
    .option("--data-dir <dir>", "data directory of the pipeline; by default that of --config, or .faultwright")
    .option("--config <file>", "its configuration: journal, topics or files are read again as it names them")
    .option("--input <paths...>", "files and folders to look in instead")
    .option("--context <lines>", "lines of the same service before and after each", lines, 3)
    .option("--around <duration>", "time before and after the incident that is looked through", lasting, 60_000)
    .option("--json", "print as JSON")
    .action(async (id: string, options: Options) => {
      const config = options.config === undefined ? undefined : await readConfig(options.config);
      const dataDir = options.dataDir ?? config?.dataDir ?? ".faultwright";
      const incident = await incidentOf(dataDir, id);
      const { log, close } = openLog({ level: "warn" });
      const trail = await incidentTrail(incident, {
        config,
        input: options.input,
        dataDir,
        clock: systemClock,
        log,
        context: options.context,
        aroundMs: options.around,
      }).finally(close);
      process.stdout.write(options.json ? `${JSON.stringify(trail)}\n` : trailText(trail));
    });
}
