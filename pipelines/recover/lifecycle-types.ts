import type { Action, Control, Incident } from "../core/records.ts";
import type { Stateful } from "../core/stage.ts";
import type { ActionDescription } from "./actions/action.ts";
import type { PolicyRule } from "./policy.ts";
import type { RecoveryTarget, SafetyLimits } from "./safety.ts";

export interface LifecycleOptions {
  readonly targets: readonly RecoveryTarget[];
  readonly policy?: readonly PolicyRule[];
  readonly ladder?: readonly string[];
  readonly limits?: Partial<SafetyLimits>;
  /** Kinds of action that need no human once their dry run went well. */
  readonly autoApprove?: readonly string[];
  /** How long a plan may wait for approval and start. */
  readonly approvalMs?: number;
  /** How long after execution the incident may take to resolve. */
  readonly verifyMs?: number;
  /** Confidence from which one diagnosis is enough; below it two in a row must agree. */
  readonly sureConfidence?: number;
  /** Plans for one incident, those never carried out included. */
  readonly maxPlans?: number;
  /** What a kind of action does to a target; undefined where the target has no such kind. */
  readonly describe?: (kind: string, target: string) => ActionDescription | undefined;
}

export interface ActionLifecycle extends Stateful {
  /** Each gives the actions that changed, in order. */
  onIncident(incident: Incident): Action[];
  onControl(control: Control): Action[];
  advance(watermarkMs: number): Action[];
  get(planId: string): Action | undefined;
  /** Why nothing is (further) proposed for an incident; empty when there is nothing to say. */
  why(incidentId: string): string;
}

/** What is kept of an incident. */
export interface Case {
  readonly version: number;
  readonly resolvedMs: number | null;
  readonly entities: readonly string[];
  readonly suspect: string | null;
  readonly sure: boolean;
  readonly action: string | null;
  readonly reason: string;
  readonly onsetMs: number | null;
  readonly stopped: boolean;
  readonly why: string;
}

/** What is kept of an action. `seq` is the order of proposal. */
export interface Entry {
  readonly action: Action;
  readonly seq: number;
  /** What the dry run said; null before it. */
  readonly dryRunOk: boolean | null;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
}

/** Time as the stage knows it, and what was begun lately. */
export interface Clockwork {
  nowMs: number;
  watermarkMs: number;
  seq: number;
  starts: { target: string; timeMs: number; action?: string }[];
}
