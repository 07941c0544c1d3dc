#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { PipelineError } from "../core/errors.ts";

/** Commands by name, loaded when they are asked for: a small one does not pay for the packages of the others. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import("./demo.ts")).demoCommand(),
  run: async () => (await import("./run.ts")).runCommand(),
  replay: async () => (await import("./run.ts")).replayCommand(),
  agent: async () => (await import("./agent.ts")).agentCommand(),
  incidents: async () => (await import("./incidents.ts")).incidentsCommand(),
  suppressions: async () => (await import("./suppressions.ts")).suppressionsCommand(),
  feedback: async () => (await import("./feedback.ts")).feedbackCommand(),
  recover: async () => (await import("./recover.ts")).recoverCommand(),
  notifications: async () => (await import("./notifications.ts")).notificationsCommand(),
  "dead-letters": async () => (await import("./dead-letters.ts")).deadLettersCommand(),
  score: async () => (await import("./score.ts")).scoreCommand(),
  train: async () => (await import("./train.ts")).trainCommand(),
  backtest: async () => (await import("./backtest.ts")).backtestCommand(),
  models: async () => (await import("./models.ts")).modelsCommand(),
  diagnose: async () => (await import("./diagnose.ts")).diagnoseCommand(),
  topology: async () => (await import("./topology.ts")).topologyCommand(),
  templates: async () => (await import("./templates.ts")).templatesCommand(),
  "score-sessions": async () => (await import("./score-sessions.ts")).scoreSessionsCommand(),
  postmortem: async () => (await import("./postmortem.ts")).postmortemCommand(),
  reliability: async () => (await import("./reliability.ts")).reliabilityCommand(),
  faulttree: async () => (await import("./faulttree.ts")).faulttreeCommand(),
  config: async () => (await import("./config.ts")).configCommand(),
  doctor: async () => (await import("./doctor.ts")).doctorCommand(),
};

/** What the user gave is at fault. */
const BAD_INPUT: ReadonlySet<string> = new Set(["CONFIG_INVALID", "MODEL_INVALID", "INPUT_INVALID"]);

/** Exit codes: 0 ok, 1 failed, 2 bad usage or config. */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("faultwright")
    .description("Finds, explains and helps repair faults in running software.")
    .showHelpAfterError()
    .exitOverride();
  const named = argv[2] !== undefined && Object.hasOwn(commands, argv[2]) ? commands[argv[2]] : undefined;
  for (const load of named ? [named] : Object.values(commands)) {
    const command = (await load()).exitOverride();
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

// Whoever reads us has had enough, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await main(process.argv);
// All is done and written: a connection that is still open must not keep a service from ending.
setTimeout(() => process.exit(), 5000).unref();
