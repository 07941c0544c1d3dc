/** Stage `act`: incidents to plans, and their way to a verified repair. The effects themselves are outside. */
import type { Incident, Message } from "../core/records.ts";
import { type Outbox, type Stage, scoped, scopedChunks } from "../core/stage.ts";
import { actionLifecycle, type LifecycleOptions } from "../recover/lifecycle.ts";
import { notifier } from "../report/notify/notifier.ts";

/** In maintenance, or where people said that it is nothing, nobody repairs: no suspect, so no plan. */
const quieted = (incident: Incident): Incident => (incident.muted ? { ...incident, diagnosis: null } : incident);

export function actStage(options: LifecycleOptions) {
  const lifecycle = actionLifecycle(options);
  const notify = notifier();
  const auto = new Set(options.autoApprove ?? []);
  const emit = (actions: ReturnType<typeof lifecycle.advance>, out: Outbox) => {
    for (const action of actions) {
      out.emit("actions", action.plan.id, action);
      for (const n of notify.onAction(action, !auto.has(action.plan.action))) out.emit("notifications", n.id, n);
    }
  };
  return {
    name: "act",
    version: 1,
    process(message, out) {
      if (message.type === "incident") {
        for (const n of notify.onIncident(message.incident)) out.emit("notifications", n.id, n);
        emit(lifecycle.onIncident(quieted(message.incident)), out);
      } else if (message.type === "control") emit(lifecycle.onControl(message.control), out);
      else if (message.type === "watermark") {
        emit(lifecycle.advance(message.timeMs), out);
        notify.advance(message.timeMs);
      }
    },
    snapshot(put, full) {
      lifecycle.snapshot(scoped(put, "plans"), full);
      notify.snapshot(scoped(put, "told"), full);
    },
    restore(chunks) {
      lifecycle.restore(scopedChunks(chunks, "plans"));
      notify.restore(scopedChunks(chunks, "told"));
    },
  } satisfies Stage<Message>;
}
