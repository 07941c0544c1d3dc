/** Stage `act`: incidents to plans, and their way to a verified repair. The effects themselves are outside. */
import type { Incident, Message } from "../core/records.ts";
import { type Outbox, type Stage, scoped, scopedChunks } from "../core/stage.ts";
import { actionLifecycle, type LifecycleOptions } from "../recover/lifecycle.ts";

export function actStage(options: LifecycleOptions) {
  const lifecycle = actionLifecycle(options);
  const emit = (actions: ReturnType<typeof lifecycle.advance>, out: Outbox) => {
    for (const action of actions) out.emit("actions", action.plan.id, action);
  };
  return {
    name: "act",
    version: 1,
    process(message, out) {
      if (message.type === "incident") emit(lifecycle.onIncident(message.incident as Incident), out);
      else if (message.type === "control") emit(lifecycle.onControl(message.control), out);
      else if (message.type === "watermark") emit(lifecycle.advance(message.timeMs), out);
    },
    snapshot: (put, full) => lifecycle.snapshot(scoped(put, "plans"), full),
    restore: (chunks) => lifecycle.restore(scopedChunks(chunks, "plans")),
  } satisfies Stage<Message>;
}
