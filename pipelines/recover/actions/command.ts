import { createHash } from "node:crypto";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionAdapter, ActionFamily, TargetState } from "./action.ts";
import { checkHealth } from "./common/health-check.ts";
import { runChecked } from "./common/run-command.ts";
import { targetOf } from "./common/target-of.ts";
import { describeFor } from "./descriptions.ts";

type Target = UseOf<"command">;

/**
 * Argument arrays of the config, for what has no adapter. Nothing of an incident reaches them but the onset, as a number in
 * `FAULTWRIGHT_ONSET_MS`, the token of the act in `FAULTWRIGHT_ACT`, by which a script can tell a second call, and a number that
 * grows with each act in `FAULTWRIGHT_FENCE`, by which it can refuse an actor that slept.
 */
export function command({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  const kinds = new Set(Object.values(targets).flatMap((t) => Object.keys(t.actions)));
  return Object.fromEntries([...kinds].map((kind) => [kind, adapter(kind, targets)]));
}

function adapter(kind: string, targets: Readonly<Record<string, Target>>): ActionAdapter {
  const actionOf = (name: string) => targetOf(targetOf(targets, name).actions, kind);
  const env = (onsetMs: number | null, token = "", fence = 0) => ({
    FAULTWRIGHT_ACT: token,
    FAULTWRIGHT_FENCE: String(fence),
    FAULTWRIGHT_ONSET_MS: onsetMs === null ? "" : String(Math.round(onsetMs)),
  });
  async function probe(name: string): Promise<TargetState> {
    const t = targetOf(targets, name);
    const health = await checkHealth(t.health);
    const { stdout } = await runChecked(t.version, { timeoutMs: 8000 });
    return {
      ...{ exists: true, healthy: health.healthy, startedAtMs: null, release: null, previousRelease: null },
      fingerprint: createHash("sha256").update(stdout).digest("hex"),
      detail: health.detail,
    };
  }
  return {
    kind,
    executeTimeoutMs: Math.max(...Object.values(targets).map((t) => t.actions[kind]?.timeout ?? 0)) + 5000,
    probe,
    plan: (name) => describeFor(kind, name, targetOf(targets, name))!,
    async verify(name) {
      const seen = await checkHealth(targetOf(targets, name).health);
      return { ok: seen.healthy, detail: seen.detail };
    },
    async dryRun(name, _state, { onsetMs }) {
      const { run, rehearse } = actionOf(name);
      if (rehearse) await runChecked(rehearse, { timeoutMs: 8000, env: env(onsetMs) });
      return { ok: true, detail: `would run ${JSON.stringify(run).slice(0, 200)}${rehearse ? ", rehearsed" : ""}` };
    },
    async execute(name, _state, { onsetMs, token, fence, signal, guard, step }) {
      const { run, timeout } = actionOf(name);
      await guard();
      await step("run", JSON.stringify(run));
      await runChecked(run, { timeoutMs: timeout, signal, env: env(onsetMs, token, fence) });
      return { ok: true, detail: `ran ${JSON.stringify(run[0]).slice(0, 120)}` };
    },
    async undo(name, _before, { onsetMs, token, fence, signal }) {
      const { undo, timeout } = actionOf(name);
      if (undo === undefined) return { ok: false, detail: "the config has no way back" };
      await runChecked(undo, { timeoutMs: timeout, signal, env: env(onsetMs, token, fence) });
      return { ok: true, detail: `ran ${JSON.stringify(undo[0]).slice(0, 120)}` };
    },
    // Whether it ran before a crash of ours shows in nothing that we know: it counts as not done, and is not repeated.
    happened: () => false,
  };
}
