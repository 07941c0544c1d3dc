import { Command } from "commander";
import { writeTemplates } from "../run/templates.ts";
import { keepHeapSmall } from "./small-heap.ts";

export function templatesCommand(): Command {
  return new Command("templates")
    .description("Mine the templates of a log file: one row a line, LineId,EventId,Template.")
    .requiredOption("--input <file>", "log file, also .gz")
    .requiredOption("--output <file>", "CSV to write")
    .option(
      "--format <header>",
      "header of a line, such as '<Date> <Time> <Content>'; detected where it is not given, '<Content>' for none",
    )
    .option("--parameters", "add the values at the wildcards, with their types, as JSON")
    .option(
      "--multi-line",
      "lines of a stack trace, or indented ones, have the template of the message that they continue",
    )
    .option("--redact", "take secrets and personal data out first")
    .option("--json", "print what was done as JSON")
    .action(
      async (options: {
        input: string;
        output: string;
        format?: string;
        parameters?: boolean;
        multiLine?: boolean;
        redact?: boolean;
        json?: boolean;
      }) => {
        keepHeapSmall();
        const done = await writeTemplates(options);
        if (options.json) return void process.stdout.write(`${JSON.stringify(done)}\n`);
        const header = options.format === undefined ? `; header: ${done.header ?? "none found"}` : "";
        process.stderr.write(`${done.lines} lines, ${done.templates} templates${header}\n`);
        if (done.cutLines > 0) process.stderr.write(`of ${done.cutLines} long lines only the beginning counted\n`);
        if (done.forgottenTemplates > 0)
          process.stderr.write(`${done.forgottenTemplates} rare templates were dropped: their lines are <*>\n`);
      },
    );
}
