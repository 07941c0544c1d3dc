import { readFile, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { systemClock } from "../core/clock.ts";
import { parseConfig } from "../core/config.ts";
import type { Action } from "../core/records.ts";
import { KILL_SWITCH } from "../run/job.ts";
import { snapshotTarget } from "../run/snapshot-target.ts";
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
    .command("snapshot")
    .description(
      "keep the target as it is now, as what to come back to: backup, snapshot, checkpoint, or verified release",
    )
    .argument("<target>", "its name in the config")
    .requiredOption("--config <file>", "config of the pipeline")
    .action(async (target: string, options: { config: string }) => {
      const config = parseConfig(await readFile(options.config, "utf8"), options.config);
      process.stdout.write(`${await snapshotTarget(config, target, systemClock)}\n`);
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
