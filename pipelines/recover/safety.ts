import type { Action, ActionState } from "../core/records.ts";
import { sameEntity } from "./policy.ts";

/** A service that recovery may touch: the allow-list. */
export interface RecoveryTarget {
  /** The name that the adapter uses. */
  readonly name: string;
  /** The entity's name in diagnoses, where it is another one. */
  readonly entity?: string;
  /** Targets with the same value are copies of one another: one healthy copy must remain. */
  readonly replicasOf?: string;
}

/** Bounds on what may be done at all. */
export interface SafetyLimits {
  /** Between two actions on one target. */
  readonly cooldownMs: number;
  /** Actions begun within an hour, over all targets. */
  readonly maxPerHour: number;
  /** Newest data may be this much older than the clock. */
  readonly staleMs: number;
  /** Share of the known services that one action may touch (one service is always allowed). */
  readonly maxBlastRatio: number;
  /** For single kinds of action, beside the above. */
  readonly perAction?: Readonly<Record<string, { readonly cooldownMs?: number; readonly maxPerHour?: number }>>;
}

export const DEFAULT_LIMITS: SafetyLimits = {
  cooldownMs: 60_000,
  maxPerHour: 6,
  staleMs: 120_000,
  maxBlastRatio: 0.5,
};

/** Where each state may go. `expired` to `executing`: the executor began in time, word of it came late; facts win. */
export const TRANSITIONS: Readonly<Record<ActionState, readonly ActionState[]>> = {
  proposed: ["approved", "rejected", "expired"],
  approved: ["executing", "rejected", "expired"],
  executing: ["executed", "failed"],
  executed: ["verified", "unverified"],
  expired: ["executing"],
  rejected: [],
  failed: [],
  verified: [],
  unverified: [],
};

/** States in which an action holds its target. */
export const ACTIVE: ReadonlySet<ActionState> = new Set(["proposed", "approved", "executing", "executed"]);
const UNDER_WAY: ReadonlySet<ActionState> = new Set(["approved", "executing", "executed"]);

/** What the rules look at. */
export interface SafetyView {
  readonly nowMs: number;
  readonly watermarkMs: number;
  readonly targets: readonly RecoveryTarget[];
  readonly limits: SafetyLimits;
  /** All actions but the one in question. */
  readonly others: readonly Action[];
  /** Begun actions of the last hour or cooldown. */
  readonly starts: readonly { readonly target: string; readonly timeMs: number; readonly action?: string }[];
  /** Entities in unresolved incidents. */
  readonly troubled: readonly string[];
}

/** The first rule that speaks against touching `target` now, in words; `null` when none does. */
export function refusal(
  view: SafetyView,
  action: string,
  target: string,
  blastRadius: readonly string[],
  acting: boolean,
): string | null {
  const { nowMs, limits, others, starts, targets } = view;
  const own = targets.find((t) => t.name === target);
  if (own === undefined) return "the target is not in the allow-list";
  const outside = blastRadius.find((name) => !targets.some((t) => t.name === name));
  if (outside !== undefined) return "the blast radius reaches outside the allow-list";
  if (nowMs - view.watermarkMs > limits.staleMs) return "data is stale: what is diagnosed may no longer be so";
  const same = others.find((a) => ACTIVE.has(a.state) && a.plan.target === target);
  if (same !== undefined) return `one action per target: ${same.plan.id} is ${same.state}`;
  const other = acting ? others.find((a) => UNDER_WAY.has(a.state)) : undefined;
  if (other !== undefined)
    return `never two targets at once: ${other.plan.id} on ${other.plan.target} is ${other.state}`;
  const last = Math.max(...starts.filter((s) => s.target === target).map((s) => s.timeMs));
  if (nowMs - last < limits.cooldownMs) return `cooldown: the target was acted on ${nowMs - last} ms ago`;
  const recent = starts.filter((s) => nowMs - s.timeMs < 3_600_000).length;
  if (recent >= limits.maxPerHour) return `rate limit: ${recent} actions within an hour`;
  const kind = limits.perAction && Object.hasOwn(limits.perAction, action) ? limits.perAction[action] : undefined;
  const alike = starts.filter((s) => s.action === action);
  const lastAlike = Math.max(...alike.filter((s) => s.target === target).map((s) => s.timeMs));
  if (nowMs - lastAlike < (kind?.cooldownMs ?? 0))
    return `cooldown of ${action}: the target had one ${nowMs - lastAlike} ms ago`;
  const recentAlike = alike.filter((s) => nowMs - s.timeMs < 3_600_000).length;
  if (recentAlike >= (kind?.maxPerHour ?? Number.POSITIVE_INFINITY))
    return `rate limit of ${action}: ${recentAlike} within an hour`;
  if (blastRadius.length > Math.max(1, targets.length * limits.maxBlastRatio))
    return `blast radius: ${blastRadius.length} of ${targets.length} known services`;
  if (own.replicasOf === undefined) return null;
  const copies = targets.filter((t) => t.replicasOf === own.replicasOf && !blastRadius.includes(t.name));
  const healthy = copies.filter((t) => !view.troubled.some((e) => sameEntity(e, t.entity ?? t.name)));
  const known = targets.filter((t) => t.replicasOf === own.replicasOf).length;
  return known > 1 && healthy.length === 0 ? `no healthy copy of ${own.replicasOf} would remain` : null;
}
