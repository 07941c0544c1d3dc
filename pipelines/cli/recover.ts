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
import { type RecoverAuditOptions, recoverAudit } from "./recover-audit.ts";

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
    .command("undo")
    .description("propose to take a repair back: a plan of its own, rehearsed, and approved as any other")
    .argument("<plan>")
    .option("--approve", "approve it at once if its dry run goes well")
    .option("--json", "print as JSON")
    .option(...dataDirOption)
    .action(async (plan: string, options: { dataDir: string; approve?: boolean; json?: boolean }) => {
      const by = userInfo().username;
      await post(options.dataDir, `/api/actions/${encodeURIComponent(plan)}/undo`, { by });
      const back = await rehearsedUndo(options.dataDir, plan);
      const rehearsal = back.history.at(-1)?.detail ?? "";
      if (options.approve && back.state === "proposed")
        await post(options.dataDir, `/api/actions/${encodeURIComponent(back.plan.id)}/approve`, {
          hash: back.plan.hash,
          by,
        });
      if (options.json) process.stdout.write(`${JSON.stringify(back)}\n`);
      else process.stdout.write(`${back.plan.id}  ${back.plan.effect}\n  ${rehearsal}\n`);
      if (back.state !== "proposed") process.exitCode = 1;
      else if (!options.approve && !options.json)
        process.stdout.write(`  approve: faultwright recover approve ${back.plan.id} --hash ${back.plan.hash}\n`);
    });
  command
    .command("audit")
    .description("what was done and by whom; --verify checks the chain of hashes")
    .option("--verify", "check that no entry was changed, removed or put in")
    .option("--head <hash>", "a hash that was kept elsewhere: it must be in the chain")
    .option("--json", "print as JSON")
    .option(...dataDirOption)
    .action(async (options: RecoverAuditOptions) => {
      process.exitCode = await recoverAudit(options);
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

const UNDO_LIMIT_MS = 30_000;

/** The newest plan that takes `plan` back, once its dry run is told. @throws when the pipeline refuses to make one */
async function rehearsedUndo(dataDir: string, plan: string): Promise<Action> {
  for (const endMs = Date.now() + UNDO_LIMIT_MS; Date.now() < endMs; await new Promise((go) => setTimeout(go, 200))) {
    const all = await latestOf<Action>(dataDir, "actions");
    const back = all.filter((a) => a.plan.undoOf === plan).sort((a, b) => b.plan.createdMs - a.plan.createdMs)[0];
    if (back?.history.some((h) => h.detail.startsWith("dry run"))) return back;
    const last = all.find((a) => a.plan.id === plan)?.history.at(-1)?.detail ?? "";
    if (back === undefined && last.startsWith("refused: undo")) throw new Error(last);
  }
  throw new Error("no undo was rehearsed: does the pipeline run, and act?");
}
