import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { PipelineError } from "../core/errors.ts";
import { hostCollector, osType, startAgent } from "../ingest/agent/agent.ts";
import type { ProcessRule } from "../ingest/agent/metric-point.ts";
import { compileRules } from "../ingest/agent/processes.ts";

interface AgentFlags {
  endpoint: string;
  interval: number;
  process: ProcessRule[];
  host: string;
  once?: true;
  json?: true;
}

/** `faultwright agent`: exits 0 when stopped by a signal or done with `--once`, 2 on bad usage, 1 on a failure. */
export function agentCommand(): Command {
  const command = new Command("agent")
    .description("read this host's metrics and send them as OTLP over HTTP")
    .option("--endpoint <url>", "OTLP/HTTP receiver, without /v1/metrics", parseEndpoint, "http://127.0.0.1:4318")
    .option("--interval <time>", "between readings: 500ms to 1h, as 5s or 500ms", parseInterval, 5000)
    .option("--process <REGEX=SERVICE>", "watch processes by command line; SERVICE may hold $1", addRule, [])
    .option("--host <name>", "host.name to send", hostname())
    .option("--once", "read once, print and exit; needs --json")
    .option("--json", "with --once: print JSON on standard output")
    .showHelpAfterError("(--help tells the options)");
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  command.action(async (flags: AgentFlags) => {
    if (flags.once !== flags.json) command.error("error: --once and --json go together");
    await (flags.once ? printOnce(flags) : runUntilSignal(flags));
  });
  return command;
}

/** `5s` or `500ms` as milliseconds, from 500 ms to one hour. Throws `InvalidArgumentError`. */
export function parseInterval(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text.trim());
  const ms = found ? Number(found[1]) * (found[2] === "s" ? 1000 : 1) : Number.NaN;
  if (!(ms >= 500 && ms <= 3_600_000))
    throw new InvalidArgumentError("Give a time from 500ms to 3600s, as 5s or 500ms.");
  return ms;
}

/** `REGEX=SERVICE`, split at the last `=`. Throws `InvalidArgumentError`, also for a bad expression. */
export function parseRule(text: string): ProcessRule {
  const at = text.lastIndexOf("=");
  const rule = { match: text.slice(0, Math.max(0, at)), service: text.slice(at + 1) };
  try {
    compileRules([rule]);
  } catch (error) {
    throw new InvalidArgumentError(`Give REGEX=SERVICE. ${error instanceof PipelineError ? error.message : ""}`);
  }
  return rule;
}

function addRule(text: string, before: ProcessRule[]): ProcessRule[] {
  return [...before, parseRule(text)];
}

function parseEndpoint(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError("Give an http or https URL.");
  return text;
}

async function printOnce(flags: AgentFlags): Promise<void> {
  const collector = hostCollector(flags.process);
  // Utilisations are differences, so two readings make one.
  const first = await collector.collect(Date.now());
  await sleep(Math.min(1000, flags.interval));
  const last = await collector.collect(Date.now());
  const out = { host: flags.host, osType: osType(), ...last, missing: [...first.missing, ...last.missing] };
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(out, null, 2)}\n`, () => resolve()));
}

async function runUntilSignal(flags: AgentFlags): Promise<void> {
  const agent = startAgent({
    endpoint: flags.endpoint,
    intervalMs: flags.interval,
    host: flags.host,
    processes: flags.process,
    onNotice: (text) => process.stderr.write(`agent: ${text}\n`),
  });
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await agent.stop();
}
