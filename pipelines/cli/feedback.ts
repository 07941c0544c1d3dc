/** What people said of incidents, for the next training. */
import { writeFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { VERDICTS } from "../core/incident-decisions.ts";
import type { Incident } from "../core/records.ts";
import { feedbackCsv } from "../report/feedback-csv.ts";
import { everyOf } from "./client.ts";

export function feedbackCommand(): Command {
  const command = new Command("feedback").description("Labels of incidents, for the next training.");
  command
    .command("export")
    .description("labelled incidents as a file for `train --incidents`: start,end,entity,cause")
    .option("--data-dir <dir>", "data directory of the pipeline", ".faultwright")
    .addOption(new Option("--label <label>", "which").choices(VERDICTS).default("real"))
    .option("--unlabelled", "those that nobody labelled, too, where they were acknowledged or repaired")
    .option("--out <file>", "by default to stdout")
    .action(async (o: { dataDir: string; label: (typeof VERDICTS)[number]; unlabelled?: boolean; out?: string }) => {
      const chosen: Incident[] = [];
      for await (const page of everyOf<Incident>(o.dataDir, "incidents"))
        for (const i of page) {
          const taken = i.times.acknowledgedMs !== null || i.times.verifiedMs !== null;
          if (i.verdict ? i.verdict.label === o.label : o.unlabelled && o.label === "real" && taken) chosen.push(i);
        }
      const text = feedbackCsv(chosen);
      if (o.out === undefined) process.stdout.write(text);
      else await writeFile(o.out, text);
      process.stderr.write(`${chosen.length} incidents\n`);
    });
  return command;
}
