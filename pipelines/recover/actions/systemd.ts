import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionFamily } from "./action.ts";
import { type ProcessManager, processAdapter } from "./common/process-adapter.ts";
import { runChecked } from "./common/run-command.ts";
import { targetOf } from "./common/target-of.ts";

type Target = UseOf<"systemd">;
const ACT_MS = 120_000;

/** Service units of systemd. From TERM to KILL is the unit's own `TimeoutStopSec`. */
export function systemd({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  return processAdapter((name) => targetOf(targets, name), systemdManager(targets));
}

export function systemdManager(targets: Readonly<Record<string, Target>>): ProcessManager {
  const systemctl = (name: string, verb: string, options: readonly string[], signal?: AbortSignal) => {
    const { unit, scope } = targetOf(targets, name);
    // The unit comes after `--`: no name can be taken for an option.
    return runChecked(["systemctl", `--${scope}`, "--no-ask-password", "--no-pager", verb, ...options, "--", unit], {
      timeoutMs: signal ? ACT_MS : 5000,
      ...(signal ? { signal } : {}),
    });
  };
  const act = (verb: string) => async (name: string, signal: AbortSignal) => {
    await systemctl(name, verb, [], signal);
  };
  return {
    async view(name) {
      const properties = "LoadState,ActiveState,SubState,MainPID,ExecMainStartTimestampMonotonic";
      const { stdout } = await systemctl(name, "show", [`--property=${properties}`]);
      const fields = new Map(stdout.split("\n").map((l) => [l.slice(0, l.indexOf("=")), l.slice(l.indexOf("=") + 1)]));
      const state = `${fields.get("ActiveState")} (${fields.get("SubState")})`;
      if (!fields.has("LoadState"))
        throw new PipelineError("ACTION_FAILED", name, { detail: "systemctl says nothing" });
      const pid = Number(fields.get("MainPID") ?? 0) || null;
      // Monotonic: a clock that is set makes no new process of an old one.
      const sinceBootMs = Number(fields.get("ExecMainStartTimestampMonotonic") ?? 0) / 1000;
      return {
        exists: fields.get("LoadState") === "loaded",
        pid,
        startedAtMs: pid === null ? null : Math.round(Date.now() - monotonicMs() + sinceBootMs),
        identity: JSON.stringify([pid, sinceBootMs]),
        detail: pid === null ? state : `${state} as pid ${pid}`,
      };
    },
    async stop(name, signal) {
      await systemctl(name, "stop", [], signal);
      return "";
    },
    start: act("start"),
    restart: act("restart"),
  };
}

const monotonicMs = () => Number(process.hrtime.bigint() / 1_000_000n);
