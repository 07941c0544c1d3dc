import { spawn } from "node:child_process";
import { PipelineError } from "../../../core/errors.ts";

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to a small environment (PATH, HOME, LANG, TZ, XDG_RUNTIME_DIR of ours): secrets of ours are not passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Of either stream; what comes after is dropped. */
  readonly maxOutputBytes?: number;
  /** Gets standard output line by line; then none of it is kept. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const KEPT = ["PATH", "HOME", "LANG", "TZ", "XDG_RUNTIME_DIR"];
const PIPE_MS = 500;

/**
 * Runs an argument array as its own process group, never through a shell. Kills the whole group when time is up.
 * @throws PipelineError ACTION_FAILED when it cannot be started, is killed or takes too long; not for an exit code
 */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { timeoutMs = 10_000, maxOutputBytes = 65_536, signal, onLine } = options;
  const [file, ...args] = argv;
  const where = JSON.stringify(file ?? "").slice(0, 120);
  const failed = (detail: string, cause?: unknown) => new PipelineError("ACTION_FAILED", where, { detail, cause });
  if (file === undefined || file === "") return Promise.reject(failed("no command"));
  if (argv.some((a) => a.includes("\0"))) return Promise.reject(failed("a NUL in an argument"));
  if (signal?.aborted) return Promise.reject(failed("no time left"));
  const env: Record<string, string> = {};
  for (const name of KEPT) if (process.env[name] !== undefined) env[name] = process.env[name] as string;
  const { cwd = "/", uid, gid } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      ...{ cwd, uid, gid, shell: false, detached: true, windowsHide: true },
      env: { ...env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stdout = collector(maxOutputBytes, onLine);
    const stderr = collector(maxOutputBytes);
    child.stdout.on("data", stdout.add);
    child.stderr.on("data", stderr.add);
    let why: string | undefined;
    const kill = (reason: string) => {
      why ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // gone already
      }
    };
    const timer = setTimeout(() => kill(`no answer within ${timeoutMs} ms`), timeoutMs);
    const onAbort = () => kill("told to stop");
    signal?.addEventListener("abort", onAbort, { once: true });
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    child.on("error", (cause) => {
      done();
      reject(failed(cause.message, cause));
    });
    child.on("exit", (code, by) => {
      done();
      // A daemon that it started may hold the pipes open for ever.
      const end = () => {
        clearTimeout(late);
        child.stdout.destroy();
        child.stderr.destroy();
        if (why !== undefined || code === null) reject(failed(why ?? `killed by ${by}`));
        else
          try {
            resolve({ code, stdout: stdout.end(), stderr: stderr.end() });
          } catch (cause) {
            reject(cause);
          }
      };
      const late = setTimeout(end, PIPE_MS);
      child.once("close", end);
    });
  });
}

/** As `runCommand`. @throws also for an exit code other than 0, with the end of what it said */
export async function runChecked(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const result = await runCommand(argv, options);
  if (result.code === 0) return result;
  const said = (result.stderr.trim() || result.stdout.trim()).slice(-300);
  throw new PipelineError("ACTION_FAILED", JSON.stringify(argv[0]).slice(0, 120), {
    detail: `exit code ${result.code}${said === "" ? "" : `: ${said}`}`,
  });
}

function collector(maxBytes: number, onLine?: (line: string) => void) {
  const parts: Buffer[] = [];
  let size = 0;
  let rest = "";
  const decoder = new TextDecoder();
  return {
    add(part: Buffer) {
      if (onLine !== undefined) {
        const lines = (rest + decoder.decode(part, { stream: true })).split("\n");
        rest = (lines.pop() as string).slice(0, maxBytes);
        for (const line of lines) onLine(line);
        return;
      }
      if (size < maxBytes) parts.push(part.subarray(0, maxBytes - size));
      size += part.byteLength;
    },
    end() {
      if (onLine !== undefined && rest !== "") onLine(rest);
      return Buffer.concat(parts).toString("utf8");
    },
  };
}
