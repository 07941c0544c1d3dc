import { rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import type { Action } from "../core/records.ts";
import { KILL_SWITCH } from "../run/job.ts";
import { latestOf, post } from "./client.ts";

const dataDirOption = ["--data-dir <dir>", "data directory of the pipeline", ".faultwright"] as const;

export function recoverCommand(): Command {
  const command = new Command("recover").description("See, approve and reject repairs.");
  for (const [name, open] of [
    ["plan", true],
    ["history", false],
  ] as const)
    command
      .command(name)
      .description(
        open ? "repairs that wait for a decision, with their dry run" : "all repairs, with what became of them",
      )
      .option(...dataDirOption)
      .option("--json", "print as JSON")
      .action(async (options: { dataDir: string; json?: boolean }) => {
        const all = await latestOf<Action>(options.dataDir, "actions");
        const shown = open ? all.filter((a) => a.state === "proposed") : all;
        if (options.json) return void process.stdout.write(`${JSON.stringify(shown)}\n`);
        for (const a of shown) {
          process.stdout.write(
            `${a.plan.id}  ${a.state}  ${a.plan.action} ${a.plan.target}  (${a.plan.risk} risk)\n  ${a.plan.reason}\n`,
          );
          for (const h of a.history)
            process.stdout.write(`  ${new Date(h.timeMs).toISOString()} ${h.state}: ${h.detail}\n`);
          if (open) process.stdout.write(`  approve: faultwright recover approve ${a.plan.id} --hash ${a.plan.hash}\n`);
        }
        if (shown.length === 0) process.stdout.write("nothing\n");
      });
  command
    .command("approve")
    .argument("<plan>")
    .requiredOption("--hash <hash>", "the plan's hash: what you approve is exactly what you read")
    .option(...dataDirOption)
    .action(async (plan: string, options: { hash: string; dataDir: string }) => {
      await post(options.dataDir, `/api/actions/${encodeURIComponent(plan)}/approve`, {
        hash: options.hash,
        by: userInfo().username,
      });
    });
  command
    .command("reject")
    .argument("<plan>")
    .option(...dataDirOption)
    .action(async (plan: string, options: { dataDir: string }) => {
      await post(options.dataDir, `/api/actions/${encodeURIComponent(plan)}/reject`, { by: userInfo().username });
    });
  command
    .command("halt")
    .description("the kill switch: from now on nothing is executed, whatever is approved")
    .option(...dataDirOption)
    .action((options: { dataDir: string }) => writeFile(join(options.dataDir, KILL_SWITCH), ""));
  command
    .command("resume")
    .description("take the kill switch back")
    .option(...dataDirOption)
    .action((options: { dataDir: string }) => rm(join(options.dataDir, KILL_SWITCH), { force: true }));
  return command;
}
