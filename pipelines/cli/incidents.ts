import { Command, InvalidArgumentError } from "commander";
import type { Incident } from "../core/records.ts";
import { renderReport } from "../report/report.ts";
import { incidentOf, pageOf } from "./client.ts";
import { dataDirOption } from "./data-dir.ts";
import { addDecisions } from "./incident-decisions.ts";
import { incidentLogsCommand } from "./incident-logs.ts";
import { addSilences } from "./silences.ts";

const time = (ms: number) => new Date(ms).toISOString();

const whole = (text: string) => {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError("write a whole number from 1");
  return Number(text);
};
const pageSize = (text: string) => {
  const n = whole(text);
  if (n > 1000) throw new InvalidArgumentError("at most 1000 a page");
  return n;
};

/** What stands behind the state: why nobody was paged, what it is part of, what somebody said it was. */
const marks = ({ muted, mergedInto, verdict, digest }: Incident): string =>
  [
    mergedInto === undefined ? "" : `merged into ${mergedInto}`,
    muted === undefined ? "" : `silenced until ${time(muted.untilMs)}`,
    verdict === undefined ? "" : verdict.label,
    digest === undefined ? "" : `digest of ${digest.groups}`,
  ]
    .filter((m) => m !== "")
    .map((m) => `[${m}] `)
    .join("");

export function incidentsCommand(): Command {
  const command = new Command("incidents").description("List and show incidents, and decide about them.");
  command
    .command("list")
    .description("the newest first")
    .option(...dataDirOption)
    .option("--open", "only those that are not resolved")
    .option("--limit <n>", "at most so many, to 1000", pageSize, 100)
    .option("--before <cursor>", "go on where a page ended", whole)
    .option("--json", "print as JSON")
    .action(async (options: { dataDir: string; open?: boolean; limit: number; before?: number; json?: boolean }) => {
      const { dataDir, json, ...query } = options;
      const { records: all, next } = await pageOf<Incident>(dataDir, "incidents", query);
      if (next !== null) process.stderr.write(`older ones: --before ${next}\n`);
      if (json) return void process.stdout.write(`${JSON.stringify(all)}\n`);
      for (const i of all)
        process.stdout.write(
          `${i.id}  ${i.state.padEnd(12)} ${i.severity.padEnd(8)} ${time(i.times.detectedMs)}  ${marks(i)}${i.diagnosis?.headline ?? "being diagnosed"}\n`,
        );
      if (all.length === 0) process.stdout.write("no incidents\n");
    });
  command
    .command("show")
    .argument("<id>")
    .option(...dataDirOption)
    .option("--json", "print the incident as JSON")
    .action(async (id: string, options: { dataDir: string; json?: boolean }) => {
      const found = await incidentOf(options.dataDir, id);
      if (!found) throw new Error(`no incident ${id}`);
      const { incident, actions } = found;
      if (options.json) return void process.stdout.write(`${JSON.stringify(incident)}\n`);
      const { markdown } = await renderReport({ incident, actions, generatedMs: incident.times.detectedMs });
      process.stdout.write(markdown);
    });
  command.addCommand(incidentLogsCommand().exitOverride());
  addDecisions(command);
  addSilences(command);
  return command;
}
