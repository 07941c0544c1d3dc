import { PipelineError } from "../core/errors.ts";
import type { ActionContext, TargetState } from "./actions/action.ts";
import { type AuditEntry, intentIsOpen } from "./audit.ts";
import type { Lease } from "./lease.ts";

export interface ActionContextOptions {
  readonly onsetMs: number | null;
  readonly token: string;
  /** Who acts: the token's own actor, or one that took its act over. */
  readonly holder: string;
  /** Grows with each act, over all actors. */
  readonly fence: number;
  readonly lease: Lease;
  readonly signal: AbortSignal;
  /** What the act is for: the target as it was seen just before. */
  readonly state: TargetState;
  readonly killSwitch: () => boolean;
  readonly audit: (event: string, detail: string) => Promise<void>;
  readonly trail: () => Promise<readonly AuditEntry[]>;
  readonly probe: () => Promise<TargetState>;
}

/**
 * The context of one act. A step is in the audit before it is made; the trail is read after that, so that an actor which
 * was paused for so long that another one closed its intent stops here and not after the effect. One that is paused after
 * that finds its lease run out: nothing is awaited between that look and the effect.
 */
export function actionContext(options: ActionContextOptions): ActionContext {
  const { onsetMs, token, holder, fence, lease, state, killSwitch, audit, trail, probe } = options;
  const signal = AbortSignal.any([options.signal, lease.signal]);
  const refused = (detail: string) => new PipelineError("ACTION_REFUSED", "executor", { detail });
  return {
    onsetMs,
    token,
    fence,
    signal,
    async step(name, detail = "") {
      if (options.signal.aborted) throw refused(`no time left before step ${name}`);
      if (lease.lost()) throw refused(`the lock was lost before step ${name}`);
      await lease.seen(() => audit("step", JSON.stringify({ token, name, detail: detail.slice(0, 300) })));
      if (!intentIsOpen(await trail(), token, holder)) {
        lease.lose();
        throw refused(`the lock was lost before step ${name}`);
      }
      if (killSwitch()) throw refused(`the kill switch is on before step ${name}`);
      if (options.signal.aborted) throw refused(`no time left before step ${name}`);
      if (lease.lost()) throw refused(`slept for longer than the lease before step ${name}`);
    },
    async guard() {
      const now = await probe();
      if (now.fingerprint !== state.fingerprint) throw refused(`the target changed meanwhile: ${now.detail}`);
    },
  };
}
