import { connect } from "node:net";
import type { HealthCheck } from "../../../core/recover-config.ts";
import { HttpError, httpCall } from "../../../tolerance/http-call.ts";
import { runCommand } from "./run-command.ts";

/**
 * Asks the target itself, as its users would: the state that a supervisor keeps says "running" of a hung process too.
 * Never throws: no answer is an answer.
 */
export async function checkHealth(check: HealthCheck): Promise<{ healthy: boolean; detail: string }> {
  try {
    if (check.kind === "http") return await http(check.url, check.timeout);
    if (check.kind === "tcp") return await tcp(check.host, check.port, check.timeout);
    const { code, stdout, stderr } = await runCommand(check.command, { timeoutMs: check.timeout });
    const said = (stdout.trim() || stderr.trim()).slice(0, 120);
    return { healthy: code === 0, detail: `check exits with ${code}${said === "" ? "" : `: ${said}`}` };
  } catch (e) {
    return { healthy: false, detail: `check: ${(e as Error).message.slice(0, 200)}` };
  }
}

async function http(url: string, timeoutMs: number) {
  try {
    const { status } = await httpCall(url, { policy: "probe", code: "ACTION_FAILED", timeoutMs });
    return { healthy: true, detail: `check answers ${status}` };
  } catch (error) {
    if (error instanceof HttpError && error.status !== undefined)
      return { healthy: false, detail: `check answers ${error.status}` };
    throw error;
  }
}

/** Accepting a connection is the kernel's work: a stopped process does it too. So something has to be said. */
function tcp(host: string, port: number, timeoutMs: number) {
  return new Promise<{ healthy: boolean; detail: string }>((resolve) => {
    const socket = connect({ host, port });
    const end = (healthy: boolean, detail: string) => {
      socket.destroy();
      resolve({ healthy, detail });
    };
    socket.setTimeout(timeoutMs, () => end(false, `check: silent for ${timeoutMs} ms`));
    socket.once("data", () => end(true, "check: it speaks"));
    socket.once("error", (e) => end(false, `check: ${e.message.slice(0, 120)}`));
    socket.once("close", () => end(false, "check: closed without a word"));
  });
}

/** Asks until it is healthy or time is up; gives the last answer. */
export async function waitHealthy(check: () => Promise<{ healthy: boolean; detail: string }>, timeoutMs: number) {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const seen = await check();
    if (seen.healthy || performance.now() >= endMs) return seen;
    await new Promise((go) => setTimeout(go, 50));
  }
}
