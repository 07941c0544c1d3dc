import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { stringify } from "yaml";
import { type Config, configJsonSchema, parseConfig } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import { decodersOf } from "../run/formats.ts";

/** @throws PipelineError CONFIG_INVALID when the file is missing or has faults, all of them named. */
export async function readConfig(path: string): Promise<Config> {
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new PipelineError("CONFIG_INVALID", path, { detail: "can't read the file", cause });
  });
  return parseConfig(text, path);
}

export function configCommand(): Command {
  const command = new Command("config").description("Check a configuration, or print its schema.");
  command
    .command("check")
    .argument("<file>", "YAML file")
    .option("--json", "print the checked configuration with its defaults as JSON")
    .action(async (file: string, options: { json?: boolean }) => {
      const config = await readConfig(file);
      decodersOf(config);
      process.stdout.write(options.json ? `${JSON.stringify(config, null, 2)}\n` : stringify(config));
    });
  command
    .command("schema")
    .description("print the JSON Schema")
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
  return command;
}
