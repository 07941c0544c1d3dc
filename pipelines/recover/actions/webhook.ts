import { createHash } from "node:crypto";
import type { UseOf } from "../../core/recover-config.ts";
import { type HttpCallOptions, httpCall } from "../../tolerance/http-call.ts";
import type { ActionAdapter, ActionContext, ActionFamily, TargetState } from "./action.ts";
import { checkHealth } from "./common/health-check.ts";
import { targetOf } from "./common/target-of.ts";
import { describeFor } from "./descriptions.ts";

type Target = UseOf<"webhook">;
const MAX_ANSWER = 65_536;

/**
 * POST to addresses of the config. The body holds the action, the target, the onset, a key that stays the same for one
 * act (`Idempotency-Key`), and a fence that grows with each act. Never retried, redirects are not followed, answers are bounded in size and time.
 */
export function webhook({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  const kinds = new Set(Object.values(targets).flatMap((t) => Object.keys(t.actions)));
  return Object.fromEntries([...kinds].map((kind) => [kind, adapter(kind, targets)]));
}

function adapter(kind: string, targets: Readonly<Record<string, Target>>): ActionAdapter {
  const actionOf = (name: string) => targetOf(targetOf(targets, name).actions, kind);
  async function call(
    t: Target,
    url: string,
    how: Pick<HttpCallOptions, "policy" | "timeoutMs" | "signal" | "method" | "headers" | "body">,
  ) {
    const token = t.tokenEnv === undefined ? undefined : process.env[t.tokenEnv];
    const headers = { ...how.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const where = new URL(url).host;
    const answer = await httpCall(url, { ...how, headers, code: "ACTION_FAILED", where, maxBytes: MAX_ANSWER });
    return answer.text;
  }
  async function probe(name: string): Promise<TargetState> {
    const t = targetOf(targets, name);
    const version = await call(t, t.version, { policy: "read", timeoutMs: 5000 });
    const health = await checkHealth(t.health);
    return {
      ...{ exists: true, healthy: health.healthy, startedAtMs: null, release: null, previousRelease: null },
      fingerprint: createHash("sha256").update(version).digest("hex"),
      detail: health.detail,
    };
  }
  async function post(name: string, url: string, what: string, { onsetMs, token, fence, signal }: ActionContext) {
    const body = JSON.stringify({ action: kind, what, target: name, onsetMs, key: token, fence });
    const headers = { "content-type": "application/json", "idempotency-key": `${token}-${what}` };
    const timeoutMs = actionOf(name).timeout;
    await call(targetOf(targets, name), url, { policy: "act", method: "POST", headers, body, timeoutMs, signal });
    return { ok: true, detail: `${new URL(url).host} took it` };
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
    dryRun: async (name) => ({ ok: true, detail: `would POST to ${new URL(actionOf(name).url).host}` }),
    async execute(name, _state, context) {
      const { url } = actionOf(name);
      await context.guard();
      await context.step("post", new URL(url).host);
      return post(name, url, "execute", context);
    },
    async undo(name, _before, context) {
      const { undo } = actionOf(name);
      return undo ? post(name, undo, "undo", context) : { ok: false, detail: "the config has no way back" };
    },
    // Whether it arrived before a crash of ours, only the other side knows: it counts as not done, and is not repeated.
    happened: () => false,
  };
}
