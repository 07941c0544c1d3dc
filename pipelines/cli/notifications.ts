import { Command } from "commander";
import type { Delivery } from "../core/notifications.ts";
import { endpointOf, everyOf, request } from "./client.ts";

const STATES = ["sending", "failed", "sent", "dead", "requeued"] as const;

interface ListOptions {
  readonly dataDir: string;
  readonly state?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const plain = (text: string) => text.replace(/\p{Cc}+/gu, " ");

/** `list` shows how far receivers are, `retry` sends dead letters again. */
export function notificationsCommand(): Command {
  const command = new Command("notifications").description("What receivers were told, and what they were not.");
  command
    .command("list")
    .description("Newest first: receiver, notification, state, tries.")
    .option("--data-dir <dir>", "data directory of the pipeline", ".faultwright")
    .option("--state <state>", STATES.join(", "))
    .option("--limit <n>", "at most so many", "100")
    .option("--json", "print as JSON lines")
    .action(async ({ dataDir, state, limit, json }: ListOptions) => {
      if (state !== undefined && !(STATES as readonly string[]).includes(state))
        return command.error(`--state: one of ${STATES.join(", ")}`, { exitCode: 2 });
      if (!/^[1-9]\d{0,8}$/.test(limit)) return command.error("--limit: a whole number from 1", { exitCode: 2 });
      let left = Number(limit);
      for await (const page of everyOf<Delivery>(dataDir, "deliveries"))
        for (const d of page) {
          if (state !== undefined && d.state !== state) continue;
          const line = [new Date(d.timeMs).toISOString(), d.state.padEnd(8), `${d.receiver}/${d.notificationId}`];
          const tries = `${d.attempts} ${d.attempts === 1 ? "try" : "tries"}`;
          process.stdout.write(json ? `${JSON.stringify(d)}\n` : `${plain([...line, tries, d.detail].join("  "))}\n`);
          left -= 1;
          if (left === 0) return;
        }
    });
  command
    .command("retry [keys...]")
    .description("Sends dead letters again, through the running pipeline: keys as `list` shows them.")
    .option("--data-dir <dir>", "data directory of the pipeline", ".faultwright")
    .option("--all", "all dead letters")
    .option("--json", "print as JSON")
    .action(async (keys: string[], { dataDir, all, json }: { dataDir: string; all?: boolean; json?: boolean }) => {
      if ((keys.length === 0) === !all) return command.error("name keys, or --all", { exitCode: 2 });
      const endpoint = await endpointOf(dataDir);
      if (!endpoint) throw new Error(`no pipeline runs on ${dataDir}: start one with \`faultwright run\``);
      const body = { keys: all ? "all" : keys };
      const answer = await request<{ requeued: string[] }>(endpoint, "/api/deliveries/requeue", { body });
      process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${answer.requeued.length} will be sent again\n`);
    });
  return command;
}
