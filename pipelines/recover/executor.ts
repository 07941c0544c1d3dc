import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import type { Action, Control } from "../core/records.ts";
import type { Store } from "../core/store.ts";
import { timeLimit } from "../tolerance/time-limit.ts";
import { actionContext } from "./action-context.ts";
import type { ActionAdapter, ActionOutcome, TargetState } from "./actions/action.ts";
import {
  type AuditEntry,
  baselineOf,
  firstUnfinished,
  holderOf,
  type Intent,
  intentIsOpen,
  intentsOf,
  resultOf,
  unfinishedIntents,
} from "./audit.ts";
import { type Claims, holdLease, type Lease } from "./lease.ts";
import { messageOf } from "./message-of.ts";
import { planHash } from "./plan.ts";
import { runAdapter } from "./run-adapter.ts";
import { pastAct, undoAdapter } from "./undo.ts";

export interface ExecutorOptions {
  /** The adapter of a kind of action for a target. */
  readonly adapterFor: (kind: string, target: string) => ActionAdapter | undefined;
  /** Where the audit is kept. */
  readonly store: Pick<Store, "audit" | "auditTrail">;
  /** Puts a control into the journal. */
  readonly appendControl: (control: Control) => Promise<void> | void;
  readonly clock: Clock;
  /** While true nothing is ever executed. */
  readonly dryRun?: boolean;
  /** Asked at once before acting; true stops everything. */
  readonly killSwitch: () => boolean;
  readonly executeTimeoutMs?: number;
  readonly probeTimeoutMs?: number;
  /** Where several processes share the audit: how they know of each other. Without it, whoever opens the store is alone. */
  readonly claims?: Claims | undefined;
  /** Keeps other processes of this host off the target, whatever store they have. @throws when one holds it */
  readonly lockTarget?: ((target: string) => Promise<{ release(): Promise<void> }>) | undefined;
}

const TIDY_MS = 60_000;
const idsOf = ({ plan }: Action) => ({ planId: plan.id, incidentId: plan.incidentId });
/** Plans written before there was an onset have none. */
const requestOf = ({ plan }: Action) => ({ onsetMs: plan.onsetMs ?? null });

export interface ActionExecutor {
  /** To be called with every action once its commit is durable. Never throws for a target's sake. */
  onCommitted(action: Action): Promise<void>;
  /** Once at start: finishes what a crash left between intent and result, and takes up what was never begun. */
  recoverUnfinished(trail: readonly AuditEntry[], actions: readonly Action[]): Promise<void>;
  /** This process acts on the target right now. */
  busy(target: string): boolean;
}

/**
 * The only place that acts. Order for an approved plan: kill switch, hash, expiry, lock, probe and comparison with what
 * the dry run saw, audit of the intent, fence, kill switch again, `executing`, the act (once, no retry), audit, result.
 */
export function executor(options: ExecutorOptions): ActionExecutor {
  const { adapterFor, store, appendControl, clock, dryRun = true, killSwitch } = options;
  const looking = timeLimit(options.probeTimeoutMs ?? 10_000);
  const locked = new Set<string>();
  /** Acts that this process has under way. */
  const own = new Set<string>();
  const adapterOf = async ({ plan }: Action): Promise<ActionAdapter | undefined> => {
    const adapter = adapterFor(plan.action, plan.target);
    if (adapter === undefined || plan.undoOf === undefined) return adapter;
    return undoAdapter(adapter, pastAct(await store.auditTrail({ planIds: [plan.undoOf] }), plan.undoOf));
  };
  const audit = (action: Action, event: string, detail: string) =>
    store.audit({ planId: action.plan.id, timeMs: clock.nowMs(), event, detail });
  const tell = (action: Action, kind: "dryRun" | "result", ok: boolean, detail: string) =>
    appendControl({ kind, timeMs: clock.nowMs(), ...idsOf(action), ok, detail: detail.slice(0, 500) });
  const begun = (action: Action, detail: string) =>
    appendControl({ kind: "executing", timeMs: clock.nowMs(), ...idsOf(action), detail });
  async function refuse(action: Action, why: string) {
    await audit(action, "refused", why).catch(() => undefined);
    await tell(action, "result", false, `refused: ${why}`);
  }

  async function tryOut(action: Action) {
    const { target } = action.plan;
    try {
      const adapter = await adapterOf(action);
      if (adapter === undefined) return await tell(action, "dryRun", false, `no adapter for ${action.plan.action}`);
      const state = await looking.execute(() => adapter.probe(target));
      const outcome = await looking.execute(() => adapter.dryRun(target, state, requestOf(action)));
      await audit(action, "probed", JSON.stringify(state));
      await tell(action, "dryRun", outcome.ok, outcome.detail);
    } catch (e) {
      await tell(action, "dryRun", false, messageOf(e));
    }
  }

  /** Why not to act, or the state just seen. */
  async function recheck(action: Action, adapter: ActionAdapter, trail: readonly AuditEntry[]) {
    const before = baselineOf(trail, action.plan.id);
    if (before === undefined) return "the target was never probed for this plan";
    const now = await looking.execute(() => adapter.probe(action.plan.target));
    if (now.healthy && !before.healthy && action.plan.undoOf === undefined)
      return "the target is already healthy again";
    if (now.fingerprint !== before.fingerprint) return `the target changed since the plan: ${now.detail}`;
    const outcome = await looking.execute(() => adapter.dryRun(action.plan.target, now, requestOf(action)));
    return outcome.ok ? now : outcome.detail;
  }

  async function carryOut(action: Action) {
    const { plan } = action;
    if (killSwitch()) return refuse(action, "the kill switch is on");
    if (planHash(plan) !== plan.hash || action.approvedBy === null)
      return refuse(action, "the approval is not for this plan");
    if (clock.nowMs() > plan.expiresMs) return refuse(action, "the approval has expired");
    const adapter = await adapterOf(action).catch(() => undefined);
    if (adapter === undefined) return refuse(action, `no adapter for ${plan.action}`);
    if (locked.has(plan.target)) return refuse(action, "one action per target: another one is under way");
    locked.add(plan.target);
    let lock: { release(): Promise<void> } | undefined;
    try {
      lock = await options.lockTarget?.(plan.target);
    } catch (e) {
      locked.delete(plan.target);
      return refuse(action, `one action per target: another process holds it: ${messageOf(e)}`);
    }
    try {
      const trail = await store.auditTrail().catch(() => undefined);
      if (trail === undefined) return await refuse(action, "the audit cannot be read");
      if (intentsOf(trail, plan.id).length > 0) return;
      if (firstUnfinished(trail, plan.target) !== undefined)
        return await refuse(action, "one action per target: an earlier one has no result");
      const checked = await recheck(action, adapter, trail).catch((e) => `not probed: ${messageOf(e)}`);
      if (typeof checked === "string") return await refuse(action, checked);
      await act(action, adapter, checked);
    } finally {
      await lock?.release();
      locked.delete(plan.target);
    }
  }

  async function act(action: Action, adapter: ActionAdapter, state: TargetState) {
    const { target } = action.plan;
    const token = randomUUID();
    const lease = holdLease(options.claims, token, () => clock.nowMs());
    let [fence, held] = [0, false];
    own.add(token);
    const release = async (why: string) => {
      await audit(action, "released", JSON.stringify({ token, why })).catch(() => undefined);
      await tell(action, "result", false, `refused: ${why}`);
    };
    try {
      const intent = JSON.stringify({ token, target, action: action.plan.action });
      await lease.seen(() => audit(action, "intent", intent));
      const trail = await store.auditTrail();
      // Whoever wrote an intent for this plan before us has the result to tell, even if it is done by now.
      if (intentsOf(trail, action.plan.id)[0]?.token !== token)
        return await audit(action, "released", JSON.stringify({ token }));
      const first = firstUnfinished(trail, target);
      if (first?.token !== token) return await release("another actor holds the target");
      fence = first.seq;
      if (killSwitch()) return await release("the kill switch is on");
      await begun(action, `executing on ${state.detail}`);
      held = true;
    } catch (e) {
      return await release(messageOf(e));
    } finally {
      if (!held) {
        lease.stop();
        own.delete(token);
      }
    }
    const timeoutMs = adapter.executeTimeoutMs ?? options.executeTimeoutMs ?? 60_000;
    const outcome = await runAdapter(adapter, target, state, {
      timeoutMs,
      context: (signal) => contextOf(action, adapter, state, { token, holder: token, fence, lease, signal }),
      verify: () => looking.execute(() => adapter.verify(target)),
    });
    lease.stop();
    await finish(action, token, outcome, lease);
    own.delete(token);
  }

  type Holding = { token: string; holder: string; fence: number; lease: Lease; signal: AbortSignal };
  const contextOf = (a: Action, adapter: ActionAdapter, state: TargetState, holding: Holding) =>
    actionContext({
      ...requestOf(a),
      ...{ ...holding, killSwitch, state },
      audit: (event, detail) => audit(a, event, detail),
      trail: () => store.auditTrail({ planIds: [a.plan.id] }),
      probe: () => looking.execute(() => adapter.probe(a.plan.target)),
    });

  /** The result is told even when its audit cannot be written: the intent is there, and recovery closes it. */
  async function finish(action: Action, token: string, outcome: ActionOutcome, lease: Lease) {
    const detail = outcome.detail.slice(0, 400);
    if (lease.lost()) {
      // The act is another's by now, and so is its result.
      await audit(action, "late", JSON.stringify({ token, ok: outcome.ok, detail })).catch(() => undefined);
      return;
    }
    const adapter = adapterFor(action.plan.action, action.plan.target);
    const after = await looking.execute(async () => adapter?.probe(action.plan.target)).catch(() => undefined);
    const problem = await audit(
      action,
      "result",
      JSON.stringify({ token, ok: outcome.ok, detail, figures: outcome.figures, after }),
    ).then(
      () => "",
      (e) => `; audit failed: ${messageOf(e)}`,
    );
    await tell(action, "result", outcome.ok, `${detail}${problem}`);
  }

  /** Waits until whoever holds the act has been silent for so long that he may do nothing more; undefined once it is closed. */
  async function abandoned(planId: string, token: string) {
    const { claims } = options;
    for (;;) {
      const trail = await store.auditTrail({ planIds: [planId] });
      const holder = holderOf(trail, token);
      if (!intentIsOpen(trail, token, holder)) return undefined;
      if (claims === undefined || claims.silentMs(holder) > 2 * claims.leaseMs) return { trail, holder };
      await delay(claims.leaseMs / 4);
    }
  }

  async function afterCrash(action: Action, intent: Intent) {
    const { token } = intent;
    const adapter = await adapterOf(action);
    const left = await abandoned(action.plan.id, token);
    if (left === undefined) return;
    const holder = randomUUID();
    const lease = holdLease(options.claims, holder, () => clock.nowMs());
    try {
      await lease.seen(() => audit(action, "taken", JSON.stringify({ token, from: left.holder, by: holder })));
      if (!intentIsOpen(await store.auditTrail({ planIds: [action.plan.id] }), token, holder)) return;
      await settleAbandoned(action, adapter, baselineOf(left.trail, action.plan.id), intent, { holder, lease });
    } finally {
      lease.stop();
    }
  }

  async function settleAbandoned(
    action: Action,
    adapter: ActionAdapter | undefined,
    before: TargetState | undefined,
    intent: Intent,
    { holder, lease }: { holder: string; lease: Lease },
  ) {
    const now = await looking.execute(async () => adapter?.probe(action.plan.target)).catch(() => undefined);
    const newer = now?.startedAtMs != null && now.startedAtMs > intent.timeMs;
    // The adapter knows best what tells: a stopped process and a promoted standby have not started anew.
    const done = (now && before && adapter?.happened?.(before, now, intent.timeMs)) ?? newer;
    if (action.state === "approved" || action.state === "expired")
      await begun(action, "begun before a restart of ours");
    let outcome: ActionOutcome = { ok: done, detail: done ? "found done after restart" : "unknown, not repeated" };
    if (!done && !dryRun && adapter?.tidy && before !== undefined) {
      const holding = { token: intent.token, holder, fence: intent.seq, lease, signal: AbortSignal.timeout(TIDY_MS) };
      const context = contextOf(action, adapter, before, holding);
      const tidied = await context
        .step("tidy")
        .then(() => adapter.tidy!(action.plan.target, before, context))
        .catch((e) => ({ ok: false, done: false, detail: messageOf(e) }));
      const how = tidied.done ? "completed after restart" : `${outcome.detail}; ${tidied.ok ? "tidied" : "not tidied"}`;
      outcome = { ok: tidied.done, detail: `${how}: ${tidied.detail}` };
    }
    await finish(action, intent.token, outcome, lease);
  }

  const onCommitted = async (action: Action) => {
    if (action.state === "proposed" && action.version === 1) await tryOut(action);
    else if (action.state === "approved" && !dryRun) await carryOut(action);
  };

  return {
    onCommitted,
    busy: (target) => locked.has(target),
    async recoverUnfinished(trail, actions) {
      const open = unfinishedIntents(trail);
      const waiting: Promise<void>[] = [];
      for (const action of actions) {
        if (intentsOf(trail, action.plan.id).some((i) => own.has(i.token))) continue;
        const intent = open.find((i) => i.planId === action.plan.id);
        const result = resultOf(trail, action.plan.id);
        // What another one still holds may take long: nothing else waits for it.
        if (intent !== undefined && options.claims !== undefined) waiting.push(afterCrash(action, intent));
        else if (intent !== undefined) await afterCrash(action, intent);
        else if (result !== undefined) {
          if (action.state === "approved") await begun(action, "begun before a restart of ours");
          if (action.state === "approved" || action.state === "executing")
            await tell(action, "result", result.ok, result.detail);
        } else if (action.state === "executing") await tell(action, "result", false, "unknown, not repeated");
        else if (action.state === "proposed" && baselineOf(trail, action.plan.id) === undefined) await tryOut(action);
        else await onCommitted(action);
      }
      await Promise.all(waiting);
    },
  };
}
