import type { Store } from "../core/store.ts";
import type { TargetState } from "./actions/action.ts";

/**
 * Events: `probed`, `refused`, `intent`, `step` before each effect, then `result` of what was begun or `released` of what was
 * not. `taken`: another actor goes on with what one left; `late`: what one found that had slept meanwhile.
 */
export type AuditEntry = Awaited<ReturnType<Store["auditTrail"]>>[number];

/** An intent to act, as the trail has it. `token` tells two actors apart. */
export interface Intent {
  readonly planId: string;
  readonly target: string;
  readonly token: string;
  readonly seq: number;
  readonly timeMs: number;
}

/** What the dry run of a plan saw: the newest `probed` entry. */
export function baselineOf(trail: readonly AuditEntry[], planId: string): TargetState | undefined {
  const entry = trail.findLast((e) => e.planId === planId && e.event === "probed");
  return entry === undefined ? undefined : (JSON.parse(entry.detail) as TargetState);
}

export function intentsOf(trail: readonly AuditEntry[], planId?: string): Intent[] {
  return trail
    .filter((e) => e.event === "intent" && (planId === undefined || e.planId === planId))
    .map((e) => ({ ...(JSON.parse(e.detail) as { token: string; target: string }), ...e }));
}

/** Intents without a result or release, oldest first: the lock on their targets, which survives a crash. */
export function unfinishedIntents(trail: readonly AuditEntry[]): Intent[] {
  const ends = trail.filter((e) => e.event === "result" || e.event === "released");
  const closed = new Set(ends.map((e) => parseResult(e).token));
  return intentsOf(trail).filter((i) => !closed.has(i.token));
}

/** Whether the intent is in the trail, nobody has closed it, and nobody has taken it over from `holder`. */
export const intentIsOpen = (trail: readonly AuditEntry[], token: string, holder = token): boolean =>
  unfinishedIntents(trail).some((i) => i.token === token) && holderOf(trail, token) === holder;

/** Whose the act is: who began it, or the last who took it over from the one before. */
export function holderOf(trail: readonly AuditEntry[], token: string): string {
  let holder = token;
  for (const e of trail) {
    if (e.event !== "taken") continue;
    const taken = JSON.parse(e.detail) as { token: string; from: string; by: string };
    // Two that take from the same: the first in the trail has it.
    if (taken.token === token && taken.from === holder) holder = taken.by;
  }
  return holder;
}

/** Who holds the target: the oldest intent without a result. */
export function firstUnfinished(trail: readonly AuditEntry[], target: string): Intent | undefined {
  return unfinishedIntents(trail)
    .filter((i) => i.target === target)
    .sort((a, b) => a.seq - b.seq)[0];
}

/** The result of a plan that was begun. */
export function resultOf(trail: readonly AuditEntry[], planId: string): Result | undefined {
  const entry = trail.findLast((e) => e.planId === planId && e.event === "result");
  return entry === undefined ? undefined : parseResult(entry);
}

const parseResult = (entry: AuditEntry) => JSON.parse(entry.detail) as Result;

interface Result {
  readonly token: string;
  readonly ok: boolean;
  readonly detail: string;
  /** The target as the act left it. */
  readonly after?: TargetState;
}
