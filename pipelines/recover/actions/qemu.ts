import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import { type ActionAdapter, type ActionFamily, cannotUndo, type TargetState } from "./action.ts";
import { waitHealthy } from "./common/health-check.ts";
import { type Qmp, withQmp } from "./common/qmp.ts";
import { targetOf } from "./common/target-of.ts";
import { describeAction } from "./descriptions.ts";

type Target = UseOf<"qemu">;
const OURS = /^faultwright-(\d{13,})$/;
const BEFORE = "faultwright-before-";
const TAIL_BYTES = 65_536;

export interface Checkpoint {
  readonly tag: string;
  readonly takenMs: number;
}

/**
 * A virtual machine over QMP: reset, revert to the newest checkpoint from before the fault, or let it run on when it is
 * paused. A revert first saves what is there under another name, and `undo` loads that.
 */
export function qemu({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  const of = (name: string) => targetOf(targets, name);
  const probe = (name: string) => probeMachine(of(name));
  const common = (kind: string): Pick<ActionAdapter, "kind" | "probe" | "plan" | "verify" | "executeTimeoutMs"> => ({
    kind,
    probe,
    executeTimeoutMs: 120_000,
    plan: (name) => describeAction(kind, name, of(name).kind)!,
    async verify(name) {
      const t = of(name);
      const sinceMs = Date.now();
      // A beat from before the act says nothing.
      const seen = await waitHealthy(
        async () => {
          const state = await probeMachine(t, sinceMs);
          return { healthy: state.healthy, detail: state.detail };
        },
        Math.min(t.silent, 8000),
      );
      return { ok: seen.healthy, detail: seen.detail };
    },
  });
  return {
    "vm-reset": {
      ...common("vm-reset"),
      dryRun: async (_name, state) => ({ ok: true, detail: `would reset it, now ${state.detail}` }),
      async execute(name, state, { guard, step }) {
        await guard();
        await step("reset", state.detail);
        await withQmp(of(name).socket, async (qmp) => {
          await qmp.execute("system_reset");
          // A panicked machine stays stopped over a reset.
          await qmp.execute("cont");
        });
        return { ok: true, detail: "reset" };
      },
      undo: cannotUndo,
      happened: () => false,
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
        await withQmp(of(name).socket, (qmp) => qmp.execute("cont"));
        return { ok: true, detail: "runs on" };
      },
      async undo(name) {
        await withQmp(of(name).socket, (qmp) => qmp.execute("stop"));
        return { ok: true, detail: "paused again" };
      },
      happened: (before, now) => before.release === "paused" && now.release === "running",
    },
    "vm-revert": {
      ...common("vm-revert"),
      undoOnFailure: false,
      async dryRun(name, _state, { onsetMs }) {
        const found = await chooseCheckpoint(of(name), onsetMs);
        return found
          ? { ok: true, detail: `would revert to ${found.tag}, taken ${new Date(found.takenMs).toISOString()}` }
          : { ok: false, detail: "no checkpoint from before the fault" };
      },
      async execute(name, _state, { guard, step, onsetMs, token }) {
        const t = of(name);
        const beginMs = performance.now();
        const found = await chooseCheckpoint(t, onsetMs);
        if (found === undefined) return { ok: false, detail: "no checkpoint from before the fault" };
        await guard();
        await step("snapshot", BEFORE + token);
        await withQmp(t.socket, (qmp) => save(qmp, t, BEFORE + token));
        await step("revert", found.tag);
        await withQmp(t.socket, (qmp) => load(qmp, t, found.tag));
        const recoveryMs = Math.round(performance.now() - beginMs);
        return { ok: true, detail: `reverted to ${found.tag} in ${recoveryMs} ms`, figures: { recoveryMs } };
      },
      async undo(name, _before, { token }) {
        const t = of(name);
        await withQmp(t.socket, (qmp) => load(qmp, t, BEFORE + token));
        return { ok: true, detail: "as it was before the revert" };
      },
      happened: () => false,
    },
  };
}

async function probeMachine(t: Target, sinceMs = 0): Promise<TargetState> {
  const seen = await withQmp(
    t.socket,
    async (qmp) => {
      const { status } = (await qmp.execute("query-status")) as { status: string };
      const { UUID } = (await qmp.execute("query-uuid")) as { UUID: string };
      const clients = await qmp.execute("query-version");
      return { status, id: JSON.stringify([UUID, clients]) };
    },
    5000,
  );
  const socket = await stat(t.socket);
  const beat = t.console === undefined ? undefined : await lastBeat(t.console, t.heartbeat);
  const ageMs = beat === undefined ? 0 : Date.now() - beat.atMs;
  const fresh = t.console === undefined || (beat !== undefined && ageMs < t.silent && beat.atMs > sinceMs);
  const pulse = t.console === undefined ? "" : beat === undefined ? ", no heartbeat" : `, heartbeat ${ageMs} ms ago`;
  return {
    exists: true,
    healthy: seen.status === "running" && fresh,
    // The socket is made anew with each QEMU process; the status tells a panic from a pause.
    fingerprint: createHash("sha256")
      .update(JSON.stringify([seen.id, socket.ino, socket.ctimeMs]))
      .digest("hex"),
    ...{ startedAtMs: null, release: seen.status, previousRelease: null },
    detail: `${seen.status}${pulse}`,
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

const save = async (qmp: Qmp, t: Target, tag: string) =>
  qmp.job("snapshot-save", `save-${tag}`, { tag, vmstate: t.disk, devices: [t.disk] });

async function load(qmp: Qmp, t: Target, tag: string): Promise<void> {
  await qmp.execute("stop");
  await qmp.job("snapshot-load", `load-${tag}`, { tag, vmstate: t.disk, devices: [t.disk] });
  await qmp.execute("cont");
}

async function tagsOf(qmp: Qmp, t: Target): Promise<string[]> {
  const nodes = (await qmp.execute("query-named-block-nodes")) as {
    "node-name": string;
    image: { snapshots?: { name: string }[] };
  }[];
  const node = nodes.find((n) => n["node-name"] === t.disk);
  if (node === undefined) throw new PipelineError("ACTION_FAILED", t.socket, { detail: `no disk of name ${t.disk}` });
  return (node.image.snapshots ?? []).map((s) => s.name);
}

/** Checkpoints that we took, newest first. The time is in the name: the guest's and the disk's clocks may differ. */
export async function checkpointsOf(t: Target): Promise<Checkpoint[]> {
  const tags = await withQmp(t.socket, (qmp) => tagsOf(qmp, t));
  return tags
    .flatMap((tag) => {
      const takenMs = Number(OURS.exec(tag)?.[1] ?? Number.NaN);
      return Number.isFinite(takenMs) ? [{ tag, takenMs }] : [];
    })
    .sort((a, b) => b.takenMs - a.takenMs);
}

const chooseCheckpoint = async (t: Target, onsetMs: number | null) =>
  (await checkpointsOf(t)).find((c) => onsetMs === null || c.takenMs < onsetMs);

/**
 * Takes a checkpoint of a healthy machine and deletes those beyond `keep`, oldest first. The guest stands still meanwhile.
 * @throws PipelineError ACTION_REFUSED for a machine that is not healthy: a checkpoint of a fault would be reverted to
 */
export async function takeCheckpoint(t: Target, nowMs: number): Promise<Checkpoint> {
  const state = await probeMachine(t);
  if (!state.healthy) throw new PipelineError("ACTION_REFUSED", t.socket, { detail: `not healthy: ${state.detail}` });
  const tag = `faultwright-${nowMs}`;
  await withQmp(t.socket, (qmp) => save(qmp, t, tag));
  for (const old of (await checkpointsOf(t)).slice(t.keep))
    await withQmp(t.socket, (qmp) =>
      qmp.job("snapshot-delete", `delete-${old.tag}`, { tag: old.tag, devices: [t.disk] }),
    );
  return { tag, takenMs: nowMs };
}
