import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionFamily } from "./action.ts";
import { type ProcessManager, processAdapter } from "./common/process-adapter.ts";
import { targetOf } from "./common/target-of.ts";
import { type XmlRpcServer, xmlRpc } from "./common/xml-rpc.ts";

type Target = UseOf<"supervisord">;
const ACT_MS = 150_000;

/**
 * Programs of supervisord, over its XML-RPC interface. From TERM to KILL is the program's own `stopwaitsecs`.
 * @see Supervisor documentation, XML-RPC API
 */
export function supervisord({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  return processAdapter((name) => targetOf(targets, name), supervisordManager(targets));
}

export function supervisordManager(targets: Readonly<Record<string, Target>>): ProcessManager {
  const call = (name: string, method: string, more: readonly boolean[] = [], signal?: AbortSignal) => {
    const t = targetOf(targets, name);
    return xmlRpc(serverOf(t), `supervisor.${method}`, [t.program, ...more], {
      ...(signal ? { signal, timeoutMs: ACT_MS } : {}),
    });
  };
  const faultIs = (error: unknown, ...names: string[]) =>
    error instanceof PipelineError && names.some((n) => error.message.includes(n));
  return {
    async view(name) {
      const info = await call(name, "getProcessInfo").catch((error) => {
        if (faultIs(error, "BAD_NAME")) return undefined;
        throw error;
      });
      if (info === undefined) return { exists: false, pid: null, startedAtMs: null, detail: "unknown to supervisord" };
      const { pid, start, statename, spawnerr } = info as Record<string, unknown>;
      if (typeof statename !== "string" || typeof start !== "number")
        throw new PipelineError("ACTION_FAILED", name, { detail: "supervisord's answer is about no process" });
      const running = typeof pid === "number" && pid > 0 ? pid : null;
      const why = typeof spawnerr === "string" && spawnerr !== "" ? `, ${spawnerr.slice(0, 120)}` : "";
      return {
        exists: true,
        pid: running,
        // Told in whole seconds: its last millisecond, so that what began after us is never taken for older.
        startedAtMs: running === null ? null : start * 1000 + 999,
        identity: JSON.stringify([running, start]),
        detail: running === null ? `${statename}${why}` : `${statename} as pid ${running}`,
      };
    },
    async stop(name, signal) {
      await call(name, "stopProcess", [true], signal).catch((error) => {
        if (!faultIs(error, "NOT_RUNNING")) throw error;
      });
      return "";
    },
    async start(name, signal) {
      await call(name, "startProcess", [true], signal);
    },
  };
}

function serverOf(t: Target): XmlRpcServer {
  const password = t.passwordEnv === undefined ? undefined : process.env[t.passwordEnv];
  return {
    at: t.socket === undefined ? { host: t.host, port: t.port as number } : { socket: t.socket },
    auth: t.user === undefined ? undefined : `${t.user}:${password ?? ""}`,
  };
}
