import { setTimeout as delay } from "node:timers/promises";
import type { ActionAdapter, ActionContext, ActionOutcome, TargetState } from "./actions/action.ts";
import { messageOf } from "./message-of.ts";

export interface RunAdapterOptions {
  readonly timeoutMs: number;
  readonly context: (signal: AbortSignal) => ActionContext;
  readonly verify: () => Promise<ActionOutcome>;
  /** What an act that was told to stop may still need to do so. */
  readonly graceMs?: number;
  readonly undoTimeoutMs?: number;
}

/**
 * Executes once, verifies, and undoes what failed where the adapter asks for it. Never throws. An act that does not come
 * back after its time and `graceMs` is not undone: it may still be under way.
 */
export async function runAdapter(
  adapter: ActionAdapter,
  target: string,
  state: TargetState,
  options: RunAdapterOptions,
): Promise<ActionOutcome> {
  const { timeoutMs, context, verify, graceMs = 5000, undoTimeoutMs = 60_000 } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new AbortController();
  let steps = 0;
  const counted = (inner: ActionContext): ActionContext => ({
    ...inner,
    step: async (name, detail) => {
      await inner.step(name, detail);
      steps++;
    },
  });
  const running = Promise.resolve()
    .then(() => adapter.execute(target, state, counted(context(signal))))
    .catch((e): ActionOutcome => ({ ok: false, detail: messageOf(e) }));
  const outOfTime = delay(timeoutMs + graceMs, undefined, { signal: late.signal }).catch(() => undefined);
  let outcome = await Promise.race([running, outOfTime]);
  late.abort();
  if (outcome === undefined)
    return { ok: false, detail: `no answer within ${timeoutMs} ms; it may still be under way` };
  if (outcome.ok) {
    const seen = await verify().catch((e): ActionOutcome => ({ ok: false, detail: messageOf(e) }));
    const detail = `${outcome.detail}; ${seen.ok ? "healthy" : "not healthy"}: ${seen.detail}`;
    outcome = { ok: seen.ok, detail, figures: { ...outcome.figures, ...seen.figures } };
  }
  if (outcome.ok || adapter.undoOnFailure !== true || steps === 0) return outcome;
  const way = context(AbortSignal.timeout(undoTimeoutMs));
  const undone = await way
    .step("undo")
    .then(() => adapter.undo(target, state, way))
    .catch((e): ActionOutcome => ({ ok: false, detail: messageOf(e) }));
  return { ...outcome, detail: `${outcome.detail}; ${undone.ok ? "undone" : "not undone"}: ${undone.detail}` };
}
