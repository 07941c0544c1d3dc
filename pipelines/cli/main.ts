#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { PipelineError } from "../core/errors.ts";
import { agentCommand } from "./agent.ts";
import { configCommand } from "./config.ts";
import { deadLettersCommand } from "./dead-letters.ts";
import { demoCommand } from "./demo.ts";
import { diagnoseCommand } from "./diagnose.ts";
import { doctorCommand } from "./doctor.ts";
import { faulttreeCommand } from "./faulttree.ts";
import { incidentsCommand } from "./incidents.ts";
import { recoverCommand } from "./recover.ts";
import { reliabilityCommand } from "./reliability.ts";
import { replayCommand, runCommand } from "./run.ts";
import { scoreCommand } from "./score.ts";
import { scoreSessionsCommand } from "./score-sessions.ts";
import { templatesCommand } from "./templates.ts";

/** What the user gave is at fault. */
const BAD_INPUT: ReadonlySet<string> = new Set(["CONFIG_INVALID", "MODEL_INVALID", "INPUT_INVALID"]);

/** Exit codes: 0 ok, 1 failed, 2 bad usage or config. */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("faultwright")
    .description("Finds, explains and helps repair faults in running software.")
    .showHelpAfterError()
    .exitOverride();
  for (const make of [
    demoCommand,
    runCommand,
    replayCommand,
    agentCommand,
    scoreCommand,
    incidentsCommand,
    recoverCommand,
    deadLettersCommand,
    reliabilityCommand,
    faulttreeCommand,
    diagnoseCommand,
    templatesCommand,
    scoreSessionsCommand,
    configCommand,
    doctorCommand,
  ]) {
    const command = make().exitOverride();
    for (const sub of command.commands) sub.exitOverride();
    program.addCommand(command);
  }
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`${error instanceof PipelineError ? error.message : ((error as Error).stack ?? error)}\n`);
    return error instanceof PipelineError && BAD_INPUT.has(error.code) ? 2 : 1;
  }
}

process.exitCode = await main(process.argv);
