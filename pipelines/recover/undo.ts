import { type ActionAdapter, type ActionContext, cannotUndo, type TargetState } from "./actions/action.ts";
import { type AuditEntry, baselineOf, intentsOf, resultOf } from "./audit.ts";

/** What the audit knows of the act that is to be taken back. */
export interface PastAct {
  /** The target before it. */
  readonly before: TargetState;
  /** Its token: names what it made. */
  readonly token: string;
  /** The target as it left it; undefined when nobody could look. */
  readonly after: TargetState | undefined;
}

/** In words what is missing, where it can't be told. */
export function pastAct(trail: readonly AuditEntry[], planId: string): PastAct | string {
  const before = baselineOf(trail, planId);
  const token = intentsOf(trail, planId)[0]?.token;
  const result = resultOf(trail, planId);
  if (before === undefined || token === undefined || result === undefined)
    return `the audit has no result of ${planId}: what it did is unknown`;
  return { before, token, after: result.after };
}

/** Where a target has releases (or data directories) these tell; else all of it counts. */
const sameAs = (now: TargetState, other: TargetState) =>
  other.release === null ? now.fingerprint === other.fingerprint : now.release === other.release;

/** An adapter whose act is the other's way back: to `before`, unless somebody changed the target since. */
export function undoAdapter(adapter: ActionAdapter, past: PastAct | string): ActionAdapter {
  const known = () => {
    if (typeof past === "string") throw new Error(past);
    return past;
  };
  const asOf = (context: ActionContext): ActionContext => ({ ...context, token: known().token });
  return {
    kind: adapter.kind,
    ...(adapter.executeTimeoutMs === undefined ? {} : { executeTimeoutMs: adapter.executeTimeoutMs }),
    probe: (target) => adapter.probe(target),
    plan: (target) => adapter.plan(target),
    async dryRun(_target, state) {
      if (typeof past === "string") return { ok: false, detail: past };
      if (past.after !== undefined && !sameAs(state, past.after))
        return { ok: false, detail: `the target changed since that action: ${state.detail}` };
      return { ok: true, detail: `would go back to: ${past.before.detail}` };
    },
    async execute(target, _state, context) {
      await context.guard();
      await context.step("undo", known().before.detail);
      return adapter.undo(target, known().before, asOf(context));
    },
    async verify(target) {
      const { before } = known();
      const now = await adapter.probe(target);
      // What was stopped runs as another process when it is back.
      const ok = before.release === null ? true : now.release === before.release;
      return { ok, detail: now.detail };
    },
    undo: cannotUndo,
    // What a machine's release is says only that it runs: then nothing but `tidy` tells.
    happened: (_before, now, intentMs) =>
      (now.startedAtMs ?? 0) > intentMs && now.release !== null && now.release === known().before.release,
    ...(adapter.tidy === undefined
      ? {}
      : {
          async tidy(target, _before, context) {
            const { before } = known();
            const tidied = await adapter.tidy!(target, before, asOf(context));
            const now = await adapter.probe(target);
            return { ...tidied, done: before.release !== null && now.release === before.release };
          },
        }),
  };
}
