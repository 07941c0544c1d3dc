import { type ActionAdapter, type ActionOutcome, cannotUndo, type TargetState } from "./action.ts";
import { describeAction } from "./descriptions.ts";
import {
  refusedTarget,
  type SupervisedService,
  type SupervisorOptions,
  supervisorClient,
} from "./supervisor-client.ts";

/**
 * Restart and rollback of a process through its supervisor's HTTP control API:
 * `GET /services`, `GET /services/:name/health`, `POST /services/:name/restart`, `POST /services/:name/rollback`.
 */
export function supervisedProcess(options: SupervisorOptions): {
  readonly restart: ActionAdapter;
  readonly rollback: ActionAdapter;
} {
  const client = supervisorClient(options);
  const allowed = new Set(options.services);

  async function probe(target: string): Promise<TargetState> {
    if (!allowed.has(target)) throw refusedTarget(target);
    const service = (await client.services()).find((s) => s.name === target);
    if (service === undefined) return ABSENT;
    const running = service.state === "running";
    const health = running
      ? await client
          .health(target)
          .catch((e: Error) => ({ healthy: false, detail: `health not readable: ${e.message}` }))
      : { healthy: false, detail: "not running" };
    return stateOf(service, running && health.healthy, health.detail);
  }
  const verify = async (target: string): Promise<ActionOutcome> => {
    const state = await probe(target);
    return { ok: state.exists && state.healthy, detail: state.detail };
  };
  const adapter = (
    kind: "restart" | "rollback",
    more: Pick<ActionAdapter, "dryRun" | "execute" | "undo" | "happened">,
  ) => ({
    kind,
    probe,
    verify,
    plan(target: string) {
      const description = allowed.has(target) ? describeAction(kind, target) : undefined;
      if (description === undefined) throw refusedTarget(target);
      return description;
    },
    ...more,
  });

  return {
    restart: adapter("restart", {
      async dryRun(target, state) {
        if (!state.exists) return { ok: false, detail: `the supervisor does not know ${target}` };
        return { ok: true, detail: `would restart ${target}, now ${state.detail}` };
      },
      async execute(target, state, { signal, guard, step }) {
        await guard();
        await step("restart");
        const after = stateOf(await client.post(target, "restart", signal), true, "");
        const ok = after.fingerprint !== state.fingerprint;
        return {
          ok,
          detail: ok ? `restarted: ${after.detail}` : "the supervisor answered, yet the process is the same",
        };
      },
      undo: cannotUndo,
    }),
    rollback: adapter("rollback", {
      async dryRun(target, state) {
        if (!state.exists) return { ok: false, detail: `the supervisor does not know ${target}` };
        if (state.previousRelease === null || state.previousRelease === state.release)
          return { ok: false, detail: `${target} has no previous release` };
        return { ok: true, detail: `would go from ${state.release} back to ${state.previousRelease}` };
      },
      async execute(target, state, { signal, guard, step }) {
        await guard();
        await step("rollback", `from ${state.release} to ${state.previousRelease}`);
        const after = stateOf(await client.post(target, "rollback", signal), true, "");
        const ok = after.release !== null && after.release === state.previousRelease;
        return {
          ok,
          detail: ok ? `rolled back: ${after.detail}` : `runs ${after.release}, not ${state.previousRelease}`,
        };
      },
      // The supervisor keeps two releases and swaps them: its way back is the same call.
      async undo(target, before, { signal }) {
        const now = await probe(target);
        if (now.release === before.release) return { ok: true, detail: `already on ${now.release}` };
        if (now.previousRelease !== before.release)
          return { ok: false, detail: `the supervisor's previous release is ${now.previousRelease}` };
        const after = stateOf(await client.post(target, "rollback", signal), true, "");
        return { ok: after.release === before.release, detail: `on ${after.release} again` };
      },
      happened: (before, now, intentMs) => (now.startedAtMs ?? 0) > intentMs && now.release === before.previousRelease,
    }),
  };
}

const ABSENT: TargetState = {
  exists: false,
  healthy: false,
  fingerprint: "absent",
  startedAtMs: null,
  release: null,
  previousRelease: null,
  detail: "unknown to the supervisor",
};

function stateOf(service: SupervisedService, healthy: boolean, health: string): TargetState {
  return {
    exists: true,
    healthy,
    fingerprint: JSON.stringify([service.pid, service.startedAtMs, service.release]),
    startedAtMs: service.startedAtMs,
    release: service.release,
    previousRelease: service.previousRelease,
    detail: `${service.state} as pid ${service.pid}, release ${service.release}${health === "" ? "" : `, ${health}`}`,
  };
}
