import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import { duration } from "../core/duration.ts";
import type { DeadLetter } from "../core/records.ts";
import {
  type LetterFilter,
  type LetterSummary,
  listLetters,
  oneLetter,
  type ReplayRequest,
  type ReplayResult,
} from "../run/dead-letters.ts";
import { openStore } from "../runtime/store/pglite.ts";
import { endpointOf, request } from "./client.ts";

const dataDirOption = ["--data-dir <dir>", "data directory of the pipeline", ".faultwright"] as const;
const PAGE = 64;
const BUSY_MS = 500;

interface FilterOptions {
  readonly source?: string;
  readonly code?: string;
  readonly since?: number;
}

/** `2026-11-03T10:00Z`, ms since the epoch, or how long ago: `2h`. */
function sinceMs(text: string): number {
  const ago = duration.safeParse(text);
  const ms = ago.success ? systemClock.nowMs() - ago.data : /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError("write a time as 2026-11-03T10:00Z, or how long ago as 2h");
  return ms;
}
function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("write a number of letters");
  return Number(text);
}
const filterOf = ({ source, code, since }: FilterOptions): LetterFilter => ({
  ...(source === undefined ? {} : { source }),
  ...(code === undefined ? {} : { code }),
  ...(since === undefined ? {} : { sinceMs: since }),
});
const withFilter = (command: Command) =>
  command
    .option("--source <source>", "of this source alone: topic/partition, file:PATH, or signals")
    .option("--code <code>", "refused for this reason: TIME_TOO_LATE, DECODE_BAD_JSON, ...")
    .option("--since <time>", "arrived then or later: 2026-11-03T10:00Z, or 2h ago as 2h", sinceMs);

/** Through the running pipeline, or from its store when none runs; never more than a page in memory. */
async function reading<T>(
  dataDir: string,
  work: (from: {
    list(filter: LetterFilter, before: number | undefined, limit: number): ReturnType<typeof listLetters>;
    one(key: string): Promise<(DeadLetter & { key: string }) | undefined>;
  }) => Promise<T>,
): Promise<T> {
  const endpoint = await endpointOf(dataDir);
  if (endpoint)
    return work({
      list: (filter, before, limit) => {
        const query = new URLSearchParams({ limit: String(limit) });
        for (const [name, value] of Object.entries({ ...filter, before }))
          if (value !== undefined) query.set(name, String(value));
        return request(endpoint, `/api/dead-letters?${query}`);
      },
      one: (key) => request(endpoint, `/api/dead-letters/letter?${new URLSearchParams({ key })}`, { absent: 404 }),
    });
  const path = join(dataDir, "store");
  if (!existsSync(path)) throw new Error(`there is no pipeline's data in ${dataDir}: name its --data-dir`);
  const store = await openStore(path);
  try {
    return await work({
      list: (filter, before, limit) => listLetters(store, filter, { before, limit }),
      one: async (key) => {
        const found = await oneLetter(store, key);
        return found && { key: found.key, ...found.letter };
      },
    });
  } finally {
    await store.close();
  }
}

const time = (ms: number) => new Date(ms).toISOString();
const reasonsOf = (l: Pick<DeadLetter, "reasons">) =>
  l.reasons.map((r) => `  ${r.code} (${r.rows}): ${r.explanation}${r.detail ? `: ${r.detail}` : ""}\n`).join("");
const lineOf = (l: LetterSummary) =>
  `${l.key}\n  arrived ${time(l.ingestTimeMs)}, ${l.format}, ${l.sizeBytes} bytes${l.complete ? "" : " (beginning kept)"}, ` +
  `${l.rows} refused, ${l.taken} used${l.replayedMs === null ? "" : `, sent back ${time(l.replayedMs)}`}\n${reasonsOf(l)}`;

/** Text where it is text, else the first bytes as hex. */
function shown(payload: Buffer): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a terminal must not be sent
    return `${text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\u{fffd}")}\n`;
  } catch {
    const more = payload.length > 512 ? ` … ${payload.length - 512} more bytes (--raw writes all)` : "";
    return `${payload.subarray(0, 512).toString("hex")}${more}\n`;
  }
}

export function deadLettersCommand(): Command {
  const command = new Command("dead-letters").description("List, show and send back records that were refused.");
  withFilter(command.command("list").description("newest first"))
    .option("--limit <n>", "at most this many", count, 50)
    .option(...dataDirOption)
    .option("--json", "print as JSON, without payloads")
    .action(async (options: FilterOptions & { dataDir: string; limit: number; json?: boolean }) => {
      await reading(options.dataDir, async ({ list }) => {
        let printed = 0;
        if (options.json) process.stdout.write("[");
        for (let before: number | undefined; printed < options.limit; ) {
          const { letters, next } = await list(filterOf(options), before, Math.min(PAGE, options.limit - printed));
          for (const l of letters) {
            process.stdout.write(options.json ? `${printed > 0 ? ",\n" : ""}${JSON.stringify(l)}` : lineOf(l));
            printed += 1;
          }
          if (next === null) break;
          before = next;
        }
        if (options.json) process.stdout.write("]\n");
        else if (printed === 0) process.stdout.write("no dead letters\n");
      });
    });
  command
    .command("show")
    .description("one letter with its payload")
    .argument("<key>")
    .option(...dataDirOption)
    .option("--json", "print the letter as JSON")
    .option("--raw", "write the payload's bytes and nothing else")
    .action(async (key: string, options: { dataDir: string; json?: boolean; raw?: boolean }) => {
      const letter = await reading(options.dataDir, ({ one }) => one(key));
      if (!letter) throw new Error(`no dead letter ${key}`);
      const payload = Buffer.from(letter.payload, "base64");
      if (options.raw) process.stdout.write(payload);
      else if (options.json) process.stdout.write(`${JSON.stringify(letter)}\n`);
      else process.stdout.write(`${lineOf({ ...letter, replayedMs: null })}\n${shown(payload)}`);
    });
  withFilter(
    command
      .command("replay")
      .description(
        "send records back through the door they came by, oldest first. Rows whose windows are closed come back as TIME_TOO_LATE.",
      )
      .argument("[keys...]"),
  )
    .option("--all", "all letters that fit the other options")
    .option("--again", "also those that were sent back before")
    .option("--partial", "also records of which rows were used: those count twice while their windows are open")
    .option(...dataDirOption)
    .option("--json", "print the result as JSON")
    .action(async (keys: string[], options: ReplayOptions) => {
      const filter = filterOf(options);
      const named = keys.length > 0;
      if (named === (options.all === true || Object.keys(filter).length > 0))
        command.error("name letters by their keys, or choose them by --code, --source, --since or --all", {
          exitCode: 2,
        });
      const endpoint = await endpointOf(options.dataDir);
      if (!endpoint)
        throw new Error(
          `no live pipeline runs on ${options.dataDir}: letters go back through one (\`faultwright run\`)`,
        );
      const flags = { again: options.again === true, partial: options.partial === true, by: userInfo().username };
      const send = async (body: ReplayRequest): Promise<ReplayResult> => {
        for (;;) {
          const result = await request<ReplayResult | undefined>(endpoint, "/api/dead-letters/replay", {
            body,
            absent: 503,
          });
          if (result) return result;
          await sleep(BUSY_MS); // it reads as fast as it can
        }
      };
      const total = { replayed: 0, skipped: 0 };
      const tell = ({ replayed, skipped }: ReplayResult) => {
        total.replayed += replayed.length;
        total.skipped += skipped.length;
        for (const key of replayed)
          process.stdout.write(options.json ? `${JSON.stringify({ key, replayed: true })}\n` : `sent back ${key}\n`);
        for (const { key, why } of skipped)
          process.stdout.write(
            options.json ? `${JSON.stringify({ key, replayed: false, why })}\n` : `skipped ${key}: ${why}\n`,
          );
      };
      if (named)
        for (let i = 0; i < keys.length; i += PAGE) tell(await send({ ...flags, keys: keys.slice(i, i + PAGE) }));
      else
        for (let from: ReplayRequest["from"] | null; from !== null; ) {
          const result: ReplayResult = await send({ ...flags, filter, ...(from ? { from } : {}) });
          tell(result);
          from = result.next;
        }
      if (!options.json)
        process.stdout.write(
          `${total.replayed} sent back, ${total.skipped} skipped. Rows whose windows are closed come back as TIME_TOO_LATE.\n`,
        );
      if (named && total.replayed < new Set(keys).size) process.exitCode = 1;
    });
  return command;
}

interface ReplayOptions extends FilterOptions {
  readonly all?: boolean;
  readonly again?: boolean;
  readonly partial?: boolean;
  readonly dataDir: string;
  readonly json?: boolean;
}
