import { userInfo } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../core/clock.ts";
import { MATCH_FIELDS, type Matcher, type Silence } from "../core/incident-decisions.ts";
import { endpointOf, pageOf, request } from "./client.ts";
import { dataDirOption } from "./data-dir.ts";
import { lasting, moment } from "./moment.ts";

/** `entity=payment`, `series=~spans\..*`: the first operator counts. */
function matcher(text: string, before: Matcher[] = []): Matcher[] {
  const [, field, op, value] = /^(\w+)(=~|!~|!=|=)([\s\S]*)$/.exec(text) ?? [];
  if (!MATCH_FIELDS.some((f) => f === field) || value === undefined)
    throw new InvalidArgumentError(
      `write it as entity=payment or series=~.*latency.*; fields: ${MATCH_FIELDS.join(", ")}`,
    );
  return [...before, { field, op, value } as Matcher];
}
const time = (ms: number) => new Date(ms).toISOString();
const running = async (dataDir: string) => {
  const endpoint = await endpointOf(dataDir);
  if (!endpoint) throw new Error(`no pipeline runs on ${dataDir}: start one with \`faultwright run\``);
  return endpoint;
};

export function addSilences(command: Command): void {
  command
    .command("silence")
    .description("page nobody for a while about what all matchers match; the incidents are recorded all the same")
    .requiredOption("--match <field=value>", "also !=, =~ and !~ (regular expression); may be given again", matcher)
    .requiredOption("--for <duration>", "30m, 2h, 1d", lasting)
    .option("--from <time>", "begins then, not now: 2026-11-03T22:00Z", moment)
    .addOption(
      new Option("--mode <mode>", "ignore: what matches takes no part in incidents")
        .choices(["mute", "ignore"])
        .default("mute"),
    )
    .option("--comment <text>", "why", "")
    .option("--by <name>", "who says so", userInfo().username)
    .option(...dataDirOption)
    .action(
      async (options: {
        match: Matcher[];
        for: number;
        from?: number;
        mode: string;
        comment: string;
        by: string;
        dataDir: string;
      }) => {
        const { match: matchers, mode, comment, by } = options;
        const startsMs = options.from ?? systemClock.nowMs();
        const body = {
          matchers,
          mode,
          comment,
          by,
          endsMs: startsMs + options.for,
          ...(options.from === undefined ? {} : { startsMs }),
        };
        const { id } = await request<{ id: string }>(await running(options.dataDir), "/api/silences", { body });
        process.stdout.write(`${id}\n`);
      },
    );
  command
    .command("silences")
    .description("silences, the newest first")
    .option("--all", "those that are over too")
    .option("--json", "print as JSON")
    .option(...dataDirOption)
    .action(async ({ dataDir, all, json }: { dataDir: string; all?: boolean; json?: boolean }) => {
      const { records } = await pageOf<Silence>(dataDir, "silences", { limit: 1000 });
      const shown = records.filter((s) => all || s.endsMs > systemClock.nowMs());
      if (json) return void process.stdout.write(`${JSON.stringify(shown)}\n`);
      for (const s of shown) {
        const what = s.matchers.map((m) => `${m.field}${m.op}${m.value}`).join(" and ");
        const ended = s.endedBy === null ? "" : `, ended by ${s.endedBy}`;
        process.stdout.write(
          `${s.id}  ${s.mode}  ${time(s.startsMs)} to ${time(s.endsMs)}  ${what}  by ${s.by}${ended}${s.comment === "" ? "" : `: ${s.comment}`}\n`,
        );
      }
      if (shown.length === 0) process.stdout.write("no silences\n");
    });
  command
    .command("unsilence")
    .description("end a silence before its time")
    .argument("<id>")
    .option("--by <name>", "who says so", userInfo().username)
    .option(...dataDirOption)
    .action(async (id: string, { dataDir, by }: { dataDir: string; by: string }) => {
      await request(await running(dataDir), `/api/silences/${encodeURIComponent(id)}/expire`, { body: { by } });
    });
}
