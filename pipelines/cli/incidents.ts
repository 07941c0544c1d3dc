import { userInfo } from "node:os";
import { Command } from "commander";
import type { Action, Incident } from "../core/records.ts";
import { renderReport } from "../report/report.ts";
import { latestOf, post } from "./client.ts";
import { incidentLogsCommand } from "./incident-logs.ts";

const dataDirOption = ["--data-dir <dir>", "data directory of the pipeline", ".faultwright"] as const;
const time = (ms: number) => new Date(ms).toISOString();

export function incidentsCommand(): Command {
  const command = new Command("incidents").description("List, show and acknowledge incidents.");
  command
    .command("list")
    .option(...dataDirOption)
    .option("--json", "print as JSON")
    .action(async (options: { dataDir: string; json?: boolean }) => {
      const all = await latestOf<Incident>(options.dataDir, "incidents");
      if (options.json) return void process.stdout.write(`${JSON.stringify(all)}\n`);
      for (const i of all)
        process.stdout.write(
          `${i.id}  ${i.state.padEnd(12)} ${i.severity.padEnd(8)} ${time(i.times.detectedMs)}  ${i.diagnosis?.headline ?? "being diagnosed"}\n`,
        );
      if (all.length === 0) process.stdout.write("no incidents\n");
    });
  command
    .command("show")
    .argument("<id>")
    .option(...dataDirOption)
    .option("--json", "print the incident as JSON")
    .action(async (id: string, options: { dataDir: string; json?: boolean }) => {
      const incident = (await latestOf<Incident>(options.dataDir, "incidents")).find((i) => i.id === id);
      if (!incident) throw new Error(`no incident ${id}`);
      if (options.json) return void process.stdout.write(`${JSON.stringify(incident)}\n`);
      const actions = (await latestOf<Action>(options.dataDir, "actions")).filter((a) => a.plan.incidentId === id);
      const { markdown } = await renderReport({ incident, actions, generatedMs: incident.times.detectedMs });
      process.stdout.write(markdown);
    });
  command.addCommand(incidentLogsCommand().exitOverride());
  command
    .command("ack")
    .argument("<id>")
    .option(...dataDirOption)
    .action(async (id: string, options: { dataDir: string }) => {
      await post(options.dataDir, `/api/incidents/${encodeURIComponent(id)}/acknowledge`, { by: userInfo().username });
    });
  return command;
}
