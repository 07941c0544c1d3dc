import type { HealthCheck, TargetUse } from "../../../core/recover-config.ts";
import { type ActionAdapter, type ActionFamily, cannotUndo, type TargetState } from "../action.ts";
import { describeAction } from "../descriptions.ts";
import { checkHealth, waitHealthy } from "./health-check.ts";

export interface ProcessView {
  readonly exists: boolean;
  /** Null when it does not run. */
  readonly pid: number | null;
  readonly startedAtMs: number | null;
  readonly detail: string;
  /** Tells two processes apart where the start in wall-clock time is not exact. */
  readonly identity?: string;
}

/** A process as its manager has it. */
export interface ProcessManager {
  view(name: string): Promise<ProcessView>;
  /** Settles when it is gone: killed, if it does not go by itself. */
  stop(name: string, signal: AbortSignal): Promise<string>;
  start(name: string, signal: AbortSignal): Promise<void>;
  /** Where stopping and starting is one call. */
  restart?(name: string, signal: AbortSignal): Promise<void>;
}

export interface ProcessTarget {
  readonly kind: TargetUse["kind"];
  readonly health?: HealthCheck | undefined;
  readonly start: number;
}

/** What the kernel's clock ticks and two readings of the wall clock may differ by. */
const CLOCK_MS = 50;

/** Restart and stop of a process. What its manager says of it is only half: a hung one "runs", so its check decides. */
export function processAdapter<T extends ProcessTarget>(
  of: (name: string) => T,
  manager: ProcessManager,
): ActionFamily {
  const healthOf = async (t: T, view: ProcessView) => {
    if (view.pid === null) return { healthy: false, detail: "not running" };
    return t.health ? checkHealth(t.health) : { healthy: true, detail: "runs; it has no health check" };
  };
  async function probe(name: string): Promise<TargetState> {
    const t = of(name);
    const view = await manager.view(name);
    const health = await healthOf(t, view);
    return {
      ...{ exists: view.exists, healthy: health.healthy, startedAtMs: view.startedAtMs },
      fingerprint: view.identity ?? JSON.stringify([view.pid, view.startedAtMs]),
      ...{ release: null, previousRelease: null },
      detail: `${view.detail}, ${health.detail}`,
    };
  }
  const healthyAgain = (name: string) =>
    waitHealthy(async () => healthOf(of(name), await manager.view(name)), of(name).start);
  const common = (kind: string): Pick<ActionAdapter, "kind" | "probe" | "plan" | "dryRun" | "executeTimeoutMs"> => ({
    kind,
    probe,
    executeTimeoutMs: 180_000,
    plan: (name) => describeAction(kind, name, of(name).kind)!,
    async dryRun(name, state) {
      of(name);
      if (!state.exists) return { ok: false, detail: `${name} is not known: ${state.detail}` };
      return { ok: true, detail: `would ${kind} ${name}, now ${state.detail}` };
    },
  });
  return {
    restart: {
      ...common("restart"),
      async execute(name, state, { signal, guard, step }) {
        await guard();
        let how = "";
        if (manager.restart) {
          await step("restart", state.detail);
          await manager.restart(name, signal);
        } else {
          await step("stop", state.detail);
          how = await manager.stop(name, signal);
          await step("start");
          await manager.start(name, signal);
        }
        const seen = await healthyAgain(name);
        const after = await probe(name);
        if (after.fingerprint === state.fingerprint) return { ok: false, detail: "it is still the same process" };
        return { ok: seen.healthy, detail: `restarted${how}: ${after.detail}` };
      },
      async verify(name) {
        const state = await probe(name);
        return { ok: state.healthy, detail: state.detail };
      },
      undo: cannotUndo,
      happened: (before, now, intentMs) =>
        now.fingerprint !== before.fingerprint && now.startedAtMs !== null && now.startedAtMs > intentMs - CLOCK_MS,
      // Stopped and never started again: what was taken away is given back.
      async tidy(name, before, { signal }) {
        const view = await manager.view(name);
        if (view.pid !== null) return { ok: true, done: false, detail: `runs as pid ${view.pid}` };
        if (before.startedAtMs === null) return { ok: true, done: false, detail: "did not run before either" };
        await manager.start(name, signal);
        const seen = await healthyAgain(name);
        return { ok: seen.healthy, done: seen.healthy, detail: `started: ${seen.detail}` };
      },
    },
    stop: {
      ...common("stop"),
      async execute(name, state, { signal, guard, step }) {
        await guard();
        await step("stop", state.detail);
        return { ok: true, detail: `stopped${await manager.stop(name, signal)}` };
      },
      async verify(name) {
        const { pid } = await manager.view(name);
        return { ok: pid === null, detail: pid === null ? "not running" : `runs as pid ${pid}` };
      },
      async undo(name, _before, { signal }) {
        if ((await manager.view(name)).pid === null) await manager.start(name, signal);
        const seen = await healthyAgain(name);
        return { ok: seen.healthy, detail: seen.detail };
      },
      happened: (before, now) => before.startedAtMs !== null && now.startedAtMs === null,
    },
  };
}
