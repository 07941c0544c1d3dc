/** What people decide about incidents: each is told to the running pipeline, which records who said it. */
import { userInfo } from "node:os";
import { Argument, type Command } from "commander";
import { VERDICTS } from "../core/incident-decisions.ts";
import { endpointOf, post, request } from "./client.ts";
import { dataDirOption } from "./data-dir.ts";

const BY = ["--by <name>", "who says so", userInfo().username] as const;
const NOTE = ["--note <text>", "why, for those who read it later", ""] as const;

interface Options {
  readonly dataDir: string;
  readonly by: string;
  readonly note?: string;
}
const tell = (dataDir: string, id: string, what: string, body: Record<string, unknown>) =>
  post(dataDir, `/api/incidents/${encodeURIComponent(id)}/${what}`, body);

export function addDecisions(command: Command): void {
  command
    .command("ack")
    .description("say that you are looking at it")
    .argument("<id>")
    .option(...dataDirOption)
    .option(...BY)
    .action((id: string, { dataDir, by }: Options) => tell(dataDir, id, "acknowledge", { by }));
  for (const [name, what] of [
    ["resolve", "say that it is over"],
    ["reopen", "say that it is not over: it stays open until it is resolved, or new evidence comes and goes"],
  ] as const)
    command
      .command(name)
      .description(what)
      .argument("<id>")
      .option(...dataDirOption)
      .option(...BY)
      .option(...NOTE)
      .action((id: string, { dataDir, by, note }: Options) => tell(dataDir, id, name, { by, note }));
  command
    .command("label")
    .description("say what it was; at any time later too")
    .argument("<id>")
    .addArgument(new Argument("<label>").choices(VERDICTS))
    .option(...dataDirOption)
    .option(...BY)
    .option(...NOTE)
    .action((id: string, label: string, { dataDir, by, note }: Options) =>
      tell(dataDir, id, "label", { label, by, note }),
    );
  command
    .command("merge")
    .description("one incident becomes part of another, which is open")
    .argument("<id>")
    .requiredOption("--into <id>", "the other")
    .option(...dataDirOption)
    .option(...BY)
    .action((id: string, { dataDir, by, into }: Options & { into: string }) =>
      tell(dataDir, id, "merge", { into, by }),
    );
  command
    .command("split")
    .description("take entities out of an incident, to one of their own")
    .argument("<id>")
    .requiredOption("--entities <names...>", "services, hosts or pods whose anomalies go")
    .option(...dataDirOption)
    .option(...BY)
    .action((id: string, { dataDir, by, entities }: Options & { entities: string[] }) =>
      tell(dataDir, id, "split", { entities, by }),
    );
  command
    .command("history")
    .description("who decided what about it, from the audit of the running pipeline")
    .argument("<id>", "of an incident or a silence")
    .option(...dataDirOption)
    .option("--json", "print as JSON")
    .action(async (id: string, { dataDir, json }: Options & { json?: boolean }) => {
      const endpoint = await endpointOf(dataDir);
      if (!endpoint) throw new Error(`no pipeline runs on ${dataDir}: start one with \`faultwright run\``);
      type Entry = { timeMs: number; event: string; detail: string };
      const all = await request<Entry[]>(endpoint, `/api/incidents/${encodeURIComponent(id)}/history`);
      if (json) return void process.stdout.write(`${JSON.stringify(all)}\n`);
      for (const e of all) process.stdout.write(`${new Date(e.timeMs).toISOString()}  ${e.event}  ${e.detail}\n`);
      if (all.length === 0) process.stdout.write("nobody has decided anything about it here\n");
    });
}
