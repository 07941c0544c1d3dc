/** What every kind of recovery action implements: one file a kind. */

/** What a plan says of an action before it is done; the fields of core's `Plan` of the same names. */
export interface ActionDescription {
  readonly preconditions: readonly string[];
  readonly effect: string;
  /** Names of the services that are touched, the target included. */
  readonly blastRadius: readonly string[];
  readonly reversible: boolean;
  readonly expectedLoss: string;
  readonly risk: "low" | "medium" | "high";
}

/** A target as it is now. `fingerprint` changes whenever the target became another one (new process, new release). */
export interface TargetState {
  readonly exists: boolean;
  readonly healthy: boolean;
  readonly fingerprint: string;
  /** When the target last started, by its supervisor's clock; null if it never did. */
  readonly startedAtMs: number | null;
  readonly release: string | null;
  readonly previousRelease: string | null;
  readonly detail: string;
  /** How long its heartbeat is overdue, 0 while it is not; left out where none is known of. */
  readonly overdueMs?: number;
}

export interface ActionOutcome {
  readonly ok: boolean;
  readonly detail: string;
  /** What was measured, by name with its unit: `recoveryMs`, `lost`, `acknowledged`. Kept in the audit with the result. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** What the plan says beyond its target. */
export interface ActionRequest {
  /** Earliest moment at which the fault may have begun: restores go back to before it. Null when nobody knows. */
  readonly onsetMs: number | null;
}

/** What an adapter acts with. */
export interface ActionContext extends ActionRequest {
  /** Ours alone: `[0-9a-f-]`, names what this attempt makes, so that what a crash leaves can be told from all else. */
  readonly token: string;
  /** Grows with each act, over all actors: a target that keeps the highest can refuse one that slept. */
  readonly fence: number;
  readonly signal: AbortSignal;
  /**
   * To be called before each effect. Durable in the audit when it settles.
   * @throws PipelineError ACTION_REFUSED when meanwhile time ran out, the kill switch was thrown or the lock was lost
   */
  step(name: string, detail?: string): Promise<void>;
  /** Probes again. @throws PipelineError ACTION_REFUSED when the target is not the one of `state` any more */
  guard(): Promise<void>;
}

/**
 * One kind of action. `plan` is pure. `probe`, `dryRun` and `verify` change nothing and may be repeated; `execute` is
 * called at most once for a plan, honours `signal`, and calls `step` before each effect and `guard` before the first that
 * cannot be taken back. `undo` brings back `before`, whatever part of the act was done, or says that it can't.
 * All of them throw rather than guess, and for a target outside their allow-list.
 */
export interface ActionAdapter {
  readonly kind: string;
  /** How long `execute` may take. */
  readonly executeTimeoutMs?: number;
  /** `undo` follows at once on an act that failed or did not verify. */
  readonly undoOnFailure?: boolean;
  probe(target: string): Promise<TargetState>;
  plan(target: string): ActionDescription;
  dryRun(target: string, state: TargetState, request: ActionRequest): Promise<ActionOutcome>;
  execute(target: string, state: TargetState, context: ActionContext): Promise<ActionOutcome>;
  verify(target: string): Promise<ActionOutcome>;
  undo(target: string, before: TargetState, context: ActionContext): Promise<ActionOutcome>;
  /** After a crash of ours: did the action take effect between these two states? Default: it started anew since. */
  happened?(before: TargetState, now: TargetState, intentMs: number): boolean;
  /** After a crash of ours that left the act half done: removes what `token` names and starts what it had stopped. */
  tidy?(target: string, before: TargetState, context: ActionContext): Promise<TidyOutcome>;
}

/** Adapters by kind of action: what a family gives for its targets. */
export type ActionFamily = Readonly<Record<string, ActionAdapter>>;

/** `done`: the act turned out to be complete, or could be completed without doing any of it twice. */
export interface TidyOutcome extends ActionOutcome {
  readonly done: boolean;
}

/** The answer of `undo` where there is no way back. */
export const cannotUndo = async (): Promise<ActionOutcome> => ({ ok: false, detail: "this action has no way back" });
