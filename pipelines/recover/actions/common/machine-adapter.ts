import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { PipelineError } from "../../../core/errors.ts";
import type { TargetUse } from "../../../core/recover-config.ts";
import { type ActionAdapter, type ActionFamily, cannotUndo, type TargetState } from "../action.ts";
import { describeAction } from "../descriptions.ts";
import { waitHealthy } from "./health-check.ts";

const OURS = /^faultwright-(\d{13,})$/;
const BEFORE = "faultwright-before-";
const TAIL_BYTES = 65_536;

export interface Checkpoint {
  readonly tag: string;
  readonly takenMs: number;
}

export interface MachineTarget {
  readonly kind: TargetUse["kind"];
  /** File of the serial console, where the guest's heartbeat shows. */
  readonly console?: string | undefined;
  readonly heartbeat: string;
  readonly silent: number;
  readonly keep: number;
  readonly start: number;
}

/** `guest-panicked`: it told so itself. `absent`: no such machine, or no process that runs it. */
export type MachineStatus = "running" | "paused" | "guest-panicked" | "off" | "absent" | (string & {});

/** A machine as its hypervisor has it. Names of snapshots are ours: letters, digits and dashes. */
export interface MachineDriver<T> {
  /** `identity` changes with each process that runs it. */
  view(target: T): Promise<{ status: MachineStatus; identity: string }>;
  reset(target: T): Promise<void>;
  resume(target: T): Promise<void>;
  pause(target: T): Promise<void>;
  save(target: T, tag: string): Promise<void>;
  /** Loads it and lets it run. */
  load(target: T, tag: string): Promise<void>;
  tags(target: T): Promise<string[]>;
  remove(target: T, tag: string): Promise<void>;
  /** Makes it from its definition where that is needed, and starts it; undefined where the config has no definition. */
  create?(target: T, signal: AbortSignal): Promise<void>;
  defined(target: T): boolean;
}

/** What a machine that runs is, by its own status and by its heartbeat: a hung guest "runs" for its hypervisor. */
export async function probeMachine<T extends MachineTarget>(
  t: T,
  driver: MachineDriver<T>,
  sinceMs = 0,
): Promise<TargetState> {
  const { status, identity } = await driver.view(t);
  const beat = t.console === undefined ? undefined : await lastBeat(t.console, t.heartbeat).catch(() => undefined);
  const ageMs = beat === undefined ? 0 : Date.now() - beat.atMs;
  const fresh = t.console === undefined || (beat !== undefined && ageMs < t.silent && beat.atMs > sinceMs);
  const pulse = t.console === undefined ? "" : beat === undefined ? ", no heartbeat" : `, heartbeat ${ageMs} ms ago`;
  return {
    exists: status !== "absent" || driver.defined(t),
    healthy: status === "running" && fresh,
    fingerprint: createHash("sha256").update(identity).digest("hex"),
    ...{ startedAtMs: null, release: status, previousRelease: null },
    detail: `${status}${pulse}`,
    ...(beat === undefined ? {} : { overdueMs: Math.max(0, ageMs - t.silent) }),
  };
}

/** Checkpoints that we took, newest first. The time is in the name: the guest's and the disk's clocks may differ. */
export async function checkpointsIn<T>(t: T, driver: MachineDriver<T>): Promise<Checkpoint[]> {
  return (await driver.tags(t))
    .flatMap((tag) => {
      const takenMs = Number(OURS.exec(tag)?.[1] ?? Number.NaN);
      return Number.isFinite(takenMs) ? [{ tag, takenMs }] : [];
    })
    .sort((a, b) => b.takenMs - a.takenMs);
}

/**
 * Takes a checkpoint of a healthy machine and deletes those beyond `keep`, oldest first. The guest stands still meanwhile.
 * @throws PipelineError ACTION_REFUSED for a machine that is not healthy: a checkpoint of a fault would be reverted to
 */
export async function checkpointOf<T extends MachineTarget>(
  t: T,
  driver: MachineDriver<T>,
  nowMs: number,
): Promise<Checkpoint> {
  const state = await probeMachine(t, driver);
  if (!state.healthy) throw new PipelineError("ACTION_REFUSED", t.kind, { detail: `not healthy: ${state.detail}` });
  const tag = `faultwright-${nowMs}`;
  await driver.save(t, tag);
  for (const old of (await checkpointsIn(t, driver)).slice(t.keep)) await driver.remove(t, old.tag);
  return { tag, takenMs: nowMs };
}

/**
 * A virtual machine: reset, revert to the newest checkpoint from before the fault, let it run on when it is paused, start it
 * from its definition when it is gone. A revert first saves what is there under another name, and `undo` loads that.
 */
export function machineFamily<T extends MachineTarget>(
  of: (name: string) => T,
  driver: MachineDriver<T>,
): ActionFamily {
  const probe = async (name: string) => probeMachine(of(name), driver);
  const choose = async (t: T, onsetMs: number | null) =>
    (await checkpointsIn(t, driver)).find((c) => onsetMs === null || c.takenMs < onsetMs);
  const common = (kind: string): Pick<ActionAdapter, "kind" | "probe" | "plan" | "verify" | "executeTimeoutMs"> => ({
    kind,
    probe,
    executeTimeoutMs: 120_000,
    plan: (name) => describeAction(kind, name, of(name).kind)!,
    async verify(name) {
      const t = of(name);
      const sinceMs = Date.now();
      // A beat from before the act says nothing.
      const look = async () => {
        const state = await probeMachine(t, driver, sinceMs);
        return { healthy: state.healthy, detail: state.detail };
      };
      const seen = await waitHealthy(look, kind === "vm-start" ? t.start : Math.min(t.silent, 8000));
      return { ok: seen.healthy, detail: seen.detail };
    },
  });
  const isDown = (state: TargetState) => state.release === "absent" || state.release === "off";
  return {
    "vm-reset": {
      ...common("vm-reset"),
      dryRun: async (_name, state) =>
        isDown(state)
          ? { ok: false, detail: `there is nothing to reset: ${state.detail}` }
          : { ok: true, detail: `would reset it, now ${state.detail}` },
      async execute(name, state, { guard, step }) {
        await guard();
        await step("reset", state.detail);
        await driver.reset(of(name));
        return { ok: true, detail: "reset" };
      },
      undo: cannotUndo,
      happened: () => false,
      ...startTidy(of, driver),
    },
    "vm-resume": {
      ...common("vm-resume"),
      dryRun: async (_name, state) =>
        state.release === "paused"
          ? { ok: true, detail: "would let it run on" }
          : { ok: false, detail: `not paused but ${state.release}` },
      async execute(name, _state, { guard, step }) {
        await guard();
        await step("cont");
        await driver.resume(of(name));
        return { ok: true, detail: "runs on" };
      },
      async undo(name) {
        await driver.pause(of(name));
        return { ok: true, detail: "paused again" };
      },
      happened: (before, now) => before.release === "paused" && now.release === "running",
    },
    "vm-start": {
      ...common("vm-start"),
      async dryRun(name, state) {
        if (!driver.defined(of(name))) return { ok: false, detail: "the config has no definition of it" };
        return isDown(state)
          ? { ok: true, detail: `would make it from its definition and start it, now ${state.detail}` }
          : { ok: false, detail: `it is there: ${state.detail}` };
      },
      async execute(name, state, { guard, step, signal }) {
        await guard();
        await step("start", state.detail);
        await driver.create?.(of(name), signal);
        return { ok: true, detail: "started from its definition" };
      },
      undo: cannotUndo,
      happened: (before, now) => isDown(before) && now.release === "running",
      // Before a crash of ours it was down, and one that runs is never started beside.
      ...startTidy(of, driver),
    },
    "vm-revert": {
      ...common("vm-revert"),
      undoOnFailure: false,
      async dryRun(name, state, { onsetMs }) {
        if (state.release === "absent") return { ok: false, detail: "there is no machine to revert" };
        const found = await choose(of(name), onsetMs);
        return found
          ? { ok: true, detail: `would revert to ${found.tag}, taken ${new Date(found.takenMs).toISOString()}` }
          : { ok: false, detail: "no checkpoint from before the fault" };
      },
      async execute(name, state, { guard, step, onsetMs, token }) {
        const t = of(name);
        const beginMs = performance.now();
        const found = await choose(t, onsetMs);
        if (found === undefined) return { ok: false, detail: "no checkpoint from before the fault" };
        await guard();
        await step("snapshot", BEFORE + token);
        if (!isDown(state)) await driver.save(t, BEFORE + token);
        await step("revert", found.tag);
        await driver.load(t, found.tag);
        const recoveryMs = Math.round(performance.now() - beginMs);
        return { ok: true, detail: `reverted to ${found.tag} in ${recoveryMs} ms`, figures: { recoveryMs } };
      },
      async undo(name, _before, { token }) {
        const t = of(name);
        const tag = BEFORE + token;
        if (!(await driver.tags(t)).includes(tag)) return { ok: false, detail: `no snapshot ${tag}` };
        await driver.load(t, tag);
        return { ok: true, detail: "as it was before the revert" };
      },
      happened: () => false,
    },
  };
}

/** After a crash of ours: what was stopped, and has a definition, is started; one that runs is left alone. */
function startTidy<T extends MachineTarget>(
  of: (name: string) => T,
  driver: MachineDriver<T>,
): Pick<ActionAdapter, "tidy"> {
  return {
    async tidy(name, _before, { signal }) {
      const t = of(name);
      const { status } = await driver.view(t);
      if (status !== "off" && status !== "absent") return { ok: true, done: false, detail: `it is ${status}` };
      if (!driver.defined(t) || driver.create === undefined)
        return { ok: false, done: false, detail: `it is ${status}, and the config has no definition of it` };
      await driver.create(t, signal);
      const seen = await waitHealthy(async () => {
        const state = await probeMachine(t, driver);
        return { healthy: state.healthy, detail: state.detail };
      }, t.start);
      return { ok: seen.healthy, done: seen.healthy, detail: `started: ${seen.detail}` };
    },
  };
}

/** When the console last grew, if its newest lines hold the heartbeat. */
async function lastBeat(path: string, text: string): Promise<{ atMs: number } | undefined> {
  const file = await open(path, "r");
  try {
    const { size, mtimeMs } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString("latin1").includes(text) ? { atMs: mtimeMs } : undefined;
  } finally {
    await file.close();
  }
}
