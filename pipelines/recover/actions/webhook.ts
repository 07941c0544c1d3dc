import { createHash } from "node:crypto";
import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
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
  async function call(t: Target, url: string, init: RequestInit, signal: AbortSignal): Promise<string> {
    const token = t.tokenEnv === undefined ? undefined : process.env[t.tokenEnv];
    const headers = { ...init.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const failed = (detail: string) => new PipelineError("ACTION_FAILED", new URL(url).host, { detail });
    const response = await fetch(url, { ...init, headers, redirect: "error", signal }).catch((e: Error) => {
      throw failed(e.message);
    });
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body ?? []) {
      size += (part as Uint8Array).byteLength;
      if (size > MAX_ANSWER) throw failed(`the answer is longer than ${MAX_ANSWER} bytes`);
      parts.push(part as Uint8Array);
    }
    if (!response.ok) throw failed(`status ${response.status}`);
    return Buffer.concat(parts).toString("utf8");
  }
  async function probe(name: string): Promise<TargetState> {
    const t = targetOf(targets, name);
    const version = await call(t, t.version, { method: "GET" }, AbortSignal.timeout(5000));
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
    const limit = AbortSignal.any([signal, AbortSignal.timeout(actionOf(name).timeout)]);
    await call(targetOf(targets, name), url, { method: "POST", headers, body }, limit);
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
