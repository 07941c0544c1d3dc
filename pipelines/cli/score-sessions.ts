import { Command, InvalidArgumentError, Option } from "commander";
import { type ScoreSessionsOptions, SESSION_MODELS, scoreSessions } from "../run/score-sessions.ts";

function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 0.5)) throw new InvalidArgumentError("write a share above 0 and below 0.5");
  return value;
}

export function scoreSessionsCommand(): Command {
  return new Command("score-sessions")
    .description("Score sessions (CSV SessionId,Events) by a model learned from others: SessionId,score,flag.")
    .requiredOption("--train <file>", "sessions to learn from, normal ones, also .gz")
    .requiredOption("--input <file>", "sessions to score, also .gz")
    .requiredOption("--output <file>", "CSV to write")
    .option("--labels", "learn from the column Label (1 anomalous, 0 normal) of --train; ignored without")
    .addOption(
      new Option("--model <name>", "by default nearest-counts, with --labels decision-tree").choices(SESSION_MODELS),
    )
    .option("--false-alarms <share>", "share of normal sessions that may be flagged", share, 0.003)
    .option("--json", "print what was done as JSON")
    .action(async (options: ScoreSessionsOptions & { json?: boolean }) => {
      const done = await scoreSessions(options);
      if (options.json) return void process.stdout.write(`${JSON.stringify(done)}\n`);
      const trimmed = done.trimmedSessions > 0 ? `, ${done.trimmedSessions} of them left out as isolated` : "";
      process.stderr.write(
        `${done.model} learned from ${done.trainSessions} sessions${trimmed}; ${done.flagged} of ${done.sessions} flagged\n`,
      );
    });
}
