import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { UseOf } from "../../../core/recover-config.ts";
import { type CommandOptions, type CommandResult, runChecked, runCommand } from "../common/run-command.ts";

type Connection = Pick<
  UseOf<"postgres">,
  "bin" | "host" | "port" | "database" | "user" | "passwordEnv" | "checks" | "acknowledged"
>;

export interface Postmaster {
  readonly pid: number;
  readonly startedAtMs: number;
}

export interface PostgresServer {
  /** Unaligned, tuples only. SQL comes from the config or from us, never from an incident. */
  sql(text: string, timeoutMs?: number): Promise<string>;
  lines(text: string, onLine: (line: string) => void, timeoutMs?: number): Promise<void>;
  /** Answers, takes writes, and every check of the config holds. Never throws. */
  health(options?: { readonly writable?: boolean }): Promise<{ healthy: boolean; detail: string }>;
}

/** A server seen through psql: no driver, no password of ours on a command line. */
export function postgresServer(target: Connection, at: { host?: string; port?: number } = {}): PostgresServer {
  const { bin, host, port, database, user, passwordEnv } = { ...target, ...at };
  const argv = (text: string) => [
    ...[join(bin, "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"],
    ...["-h", host, "-p", String(port), "-U", user, "-d", database, "-c", text],
  ];
  const env = (timeoutMs: number): Record<string, string> => ({
    PGCONNECT_TIMEOUT: "3",
    PGAPPNAME: "faultwright",
    PGOPTIONS: `-c statement_timeout=${timeoutMs}`,
    ...(passwordEnv === undefined ? {} : { PGPASSWORD: process.env[passwordEnv] ?? "" }),
  });
  const sql = async (text: string, timeoutMs = 5000) =>
    (await runChecked(argv(text), { env: env(timeoutMs), timeoutMs: timeoutMs + 4000 })).stdout.trimEnd();
  return {
    sql,
    async lines(text, onLine, timeoutMs = 600_000) {
      await runChecked(argv(text), { env: env(timeoutMs), timeoutMs: timeoutMs + 4000, onLine });
    },
    async health({ writable = true } = {}) {
      try {
        const standby = await sql("select pg_is_in_recovery()");
        if (writable && standby !== "f") return { healthy: false, detail: "answers, in recovery" };
        for (const check of target.checks) {
          const got = await sql(check.sql, 60_000);
          if (got !== check.expect)
            return {
              healthy: false,
              detail: `check ${JSON.stringify(check.sql).slice(0, 80)} gives ${got.slice(0, 40)}`,
            };
        }
        return { healthy: true, detail: `answers, ${target.checks.length} checks hold` };
      } catch (e) {
        return { healthy: false, detail: (e as Error).message.slice(0, 200) };
      }
    },
  };
}

/** The live postmaster of a data directory, by its pid file; undefined when none runs. */
export async function postmasterOf(dataDir: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "");
  const [pidLine = "", , startLine = ""] = text.split("\n");
  const pid = Number.parseInt(pidLine, 10);
  if (!(pid > 1)) return undefined;
  // The file of a dead server stays, and its pid may be another process's by now.
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // A zombie is dead, whoever forgot to collect it.
  const alive = /\((postgres|postmaster)\) [^ZX]/.test(line);
  return alive ? { pid, startedAtMs: Number.parseInt(startLine, 10) * 1000 } : undefined;
}

/** PostgreSQL refuses to run as root: we act as the owner of `folder`. */
export async function ownerOf(folder: string): Promise<Pick<CommandOptions, "uid" | "gid">> {
  if (process.getuid?.() !== 0) return {};
  const { uid, gid } = await stat(folder);
  return { uid, gid };
}

/** `pg_ctl` on a data directory. */
export async function pgCtl(
  bin: string,
  owner: Pick<CommandOptions, "uid" | "gid">,
  args: readonly string[],
  timeoutMs = 90_000,
): Promise<CommandResult> {
  return runChecked([join(bin, "pg_ctl"), ...args], { ...owner, timeoutMs });
}

/** `Database system identifier` and the timeline of a data directory; undefined when it cannot be read. */
export async function controlData(bin: string, dataDir: string) {
  const { code, stdout } = await runCommand([join(bin, "pg_controldata"), "-D", dataDir], {
    env: { LC_ALL: "C" },
  });
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(stdout)?.[1];
  const system = field("Database system identifier");
  return code === 0 && system !== undefined
    ? { system, timeline: field("Latest checkpoint's TimeLineID") ?? "" }
    : undefined;
}
