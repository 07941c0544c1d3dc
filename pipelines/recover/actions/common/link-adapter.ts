import { stat } from "node:fs/promises";
import type { HealthCheck, TargetUse } from "../../../core/recover-config.ts";
import type { ActionAdapter, ActionOutcome, TargetState } from "../action.ts";
import { describeAction } from "../descriptions.ts";
import { checkHealth, waitHealthy } from "./health-check.ts";
import { runChecked } from "./run-command.ts";
import { linkTarget, switchLink } from "./switch-link.ts";

export interface LinkTarget {
  readonly kind: TargetUse["kind"];
  readonly link: string;
  readonly health?: HealthCheck | undefined;
  readonly reload?: readonly string[] | undefined;
  readonly start?: number;
}

/** Where to switch to. */
export interface Candidate {
  readonly name: string;
  /** Makes it ready and gives its folder. @throws when its content is not what was vouched for */
  prepare(token: string): Promise<string>;
}

export interface LinkAdapterOptions<T extends LinkTarget> {
  readonly action: string;
  readonly of: (name: string) => T;
  readonly choose: (target: T, current: string | null, onsetMs: number | null) => Promise<Candidate | string>;
  /** Whether `current` is what it should be, where the config has no check. */
  readonly contentHealth: (target: T, current: string) => Promise<{ healthy: boolean; detail: string }>;
  /** The folder that an attempt made, and that nobody else needs. */
  readonly discard: (target: T, token: string) => Promise<void>;
}

/**
 * What is reached by a symbolic link is replaced by switching the link: all of it at once, and back again by the same.
 * The folder that was in use is never written to: it is the snapshot.
 */
export function linkAdapter<T extends LinkTarget>(options: LinkAdapterOptions<T>): ActionAdapter {
  const { action, of, choose, contentHealth, discard } = options;
  async function healthOf(t: T, current: string | null) {
    if (current === null) return { healthy: false, detail: "no link" };
    if ((await stat(current).catch(() => undefined)) === undefined)
      return { healthy: false, detail: "the folder is gone" };
    return t.health ? checkHealth(t.health) : contentHealth(t, current);
  }
  async function probe(name: string): Promise<TargetState> {
    const t = of(name);
    const current = await linkTarget(t.link);
    const folder = current === null ? undefined : await stat(current).catch(() => undefined);
    const health = await healthOf(t, current);
    return {
      exists: true,
      healthy: health.healthy,
      fingerprint: JSON.stringify([current, folder?.ino ?? null]),
      startedAtMs: null,
      release: current,
      previousRelease: null,
      detail: `${current ?? "nothing"}, ${health.detail}`,
    };
  }
  const reload = async (t: T) => void (t.reload && (await runChecked(t.reload, { timeoutMs: 120_000 })));
  async function verify(name: string): Promise<ActionOutcome> {
    const t = of(name);
    const current = await linkTarget(t.link);
    const seen = await waitHealthy(() => healthOf(t, current), t.health ? (t.start ?? 10_000) / 2 : 0);
    return { ok: seen.healthy, detail: seen.detail };
  }
  return {
    kind: action,
    undoOnFailure: true,
    executeTimeoutMs: 3_600_000,
    probe,
    verify,
    plan: (name) => describeAction(action, name, of(name).kind)!,
    async dryRun(name, state, { onsetMs }) {
      const candidate = await choose(of(name), state.release, onsetMs);
      if (typeof candidate === "string") return { ok: false, detail: candidate };
      return { ok: true, detail: `would switch from ${state.release} to ${candidate.name}` };
    },
    async execute(name, state, context) {
      const t = of(name);
      const beginMs = performance.now();
      const candidate = await choose(t, state.release, context.onsetMs);
      if (typeof candidate === "string") return { ok: false, detail: candidate };
      await context.step("prepare", candidate.name);
      const dir = await candidate.prepare(context.token).catch(async (e) => {
        await discard(t, context.token);
        throw e;
      });
      await context.guard();
      await context.step("switch", `${state.release} stays as it is; ${t.link} to ${dir}`);
      await switchLink(t.link, dir, context.token);
      if (t.reload) await context.step("reload");
      await reload(t);
      const recoveryMs = Math.round(performance.now() - beginMs);
      return { ok: true, detail: `switched to ${candidate.name} in ${recoveryMs} ms`, figures: { recoveryMs } };
    },
    async undo(name, before, { token }) {
      const t = of(name);
      if (before.release === null) return { ok: false, detail: "there was nothing before" };
      if ((await linkTarget(t.link)) !== before.release) await switchLink(t.link, before.release, token);
      await reload(t);
      return { ok: true, detail: `on ${before.release} again` };
    },
    async tidy(name, before, { token }) {
      const t = of(name);
      const now = await linkTarget(t.link);
      if (now === before.release) {
        await discard(t, token);
        return { ok: true, done: false, detail: `still on ${now}` };
      }
      // Past the switch only the reload can be missing, and one more does no harm.
      await reload(t);
      const seen = await verify(name);
      return { ...seen, done: seen.ok, detail: `on ${now}, ${seen.detail}` };
    },
  };
}
