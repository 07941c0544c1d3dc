/** Rules that keep incidents quiet which people called expected or noise: proposed by a label, in force once accepted here. */
import { userInfo } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { duration } from "../core/duration.ts";
import type { Suppression } from "../core/incident-decisions.ts";
import { latestOf, post } from "./client.ts";

const dataDirOption = ["--data-dir <dir>", "data directory of the pipeline", ".faultwright"] as const;
const byOption = ["--by <name>", "who says so", userInfo().username] as const;
const time = (ms: number) => new Date(ms).toISOString().slice(0, 16);
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/** Signs that are shown of each. */
const SHOWN = 5;

function span(text: string): number {
  const parsed = duration.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError("write a duration as 12h or 30d");
  return parsed.data;
}
const when = (hour: number | null) =>
  hour === null
    ? "at any time"
    : `${DAYS[Math.floor(hour / 24)]}s about ${String(Math.floor(hour % 24)).padStart(2, "0")}:${String(Math.round((hour % 1) * 60)).padStart(2, "0")} UTC`;

function line(s: Suppression): string {
  const until = s.expiresMs === null ? `since ${time(s.createdMs)}` : `until ${time(s.expiresMs)}`;
  const signs = s.signs.slice(0, SHOWN).map((x) => `  ${x.entity} ${x.series} ${x.direction}\n`);
  const more = s.signs.length > SHOWN ? `  and ${s.signs.length - SHOWN} more\n` : "";
  const last = s.lastMs === null ? "" : `, last ${time(s.lastMs)}`;
  return `${s.id}  ${s.state.padEnd(8)}  ${s.label}  ${until}  ${when(s.hourOfWeek)}  kept quiet ${s.count}${last}  from ${s.incidentId} by ${s.proposedBy}${s.note === "" ? "" : `: ${s.note}`}\n${signs.join("")}${more}`;
}

export function suppressionsCommand(): Command {
  const command = new Command("suppressions").description(
    "Rules that keep incidents quiet which people called expected or noise.",
  );
  command
    .command("list")
    .description("proposed and active rules, and how often each kept an incident quiet")
    .option(...dataDirOption)
    .option("--all", "those that expired or were removed, too")
    .option("--json", "print as JSON")
    .action(async ({ dataDir, all, json }: { dataDir: string; all?: boolean; json?: boolean }) => {
      const rules = (await latestOf<Suppression>(dataDir, "suppressions")).filter(
        (s) => all || s.state === "proposed" || s.state === "active",
      );
      if (json) return void process.stdout.write(`${JSON.stringify(rules)}\n`);
      for (const rule of rules) process.stdout.write(line(rule));
      if (rules.length === 0) process.stdout.write("no suppressions\n");
    });
  command
    .command("add")
    .description("accept a proposed rule, or give an active one more time")
    .argument("<id>")
    .option("--for <duration>", "it expires after this", span, 30 * 86_400_000)
    .option("--any-time", "not only at its time of the week")
    .option(...byOption)
    .option(...dataDirOption)
    .action(async (id: string, options: { for: number; anyTime?: boolean; by: string; dataDir: string }) => {
      await post(options.dataDir, `/api/suppressions/${encodeURIComponent(id)}/accept`, {
        by: options.by,
        forMs: options.for,
        anyTime: options.anyTime ?? false,
      });
    });
  command
    .command("remove")
    .description("end a rule now, or refuse a proposed one")
    .argument("<id>")
    .option(...byOption)
    .option(...dataDirOption)
    .action(async (id: string, { by, dataDir }: { by: string; dataDir: string }) => {
      await post(dataDir, `/api/suppressions/${encodeURIComponent(id)}/remove`, { by });
    });
  return command;
}
