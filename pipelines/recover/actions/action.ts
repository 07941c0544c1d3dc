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
}

export interface ActionOutcome {
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * One kind of action. `plan` is pure. `probe`, `dryRun` and `verify` change nothing and may be repeated; `execute` is
 * called at most once for a plan and honours `signal`. All of them throw rather than guess.
 */
export interface ActionAdapter {
  readonly kind: string;
  probe(target: string): Promise<TargetState>;
  plan(target: string): ActionDescription;
  dryRun(target: string, state: TargetState): Promise<ActionOutcome>;
  execute(target: string, state: TargetState, signal: AbortSignal): Promise<ActionOutcome>;
  verify(target: string): Promise<ActionOutcome>;
  /** After a crash of ours: did the action take effect between these two states? Default: it started anew since. */
  happened?(before: TargetState, now: TargetState, intentMs: number): boolean;
  undo?(target: string, before: TargetState, signal: AbortSignal): Promise<ActionOutcome>;
}
