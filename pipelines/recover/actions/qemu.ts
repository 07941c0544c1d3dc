import { stat } from "node:fs/promises";
import { PipelineError } from "../../core/errors.ts";
import type { UseOf } from "../../core/recover-config.ts";
import type { ActionFamily } from "./action.ts";
import {
  type Checkpoint,
  checkpointOf,
  checkpointsIn,
  type MachineDriver,
  machineFamily,
} from "./common/machine-adapter.ts";
import { type Qmp, withQmp } from "./common/qmp.ts";
import { runChecked } from "./common/run-command.ts";
import { targetOf } from "./common/target-of.ts";

type Target = UseOf<"qemu">;

/** A virtual machine over QMP. */
export function qemu({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  return machineFamily((name) => targetOf(targets, name), driver);
}

export const checkpointsOf = (t: Target): Promise<Checkpoint[]> => checkpointsIn(t, driver);
export const takeCheckpoint = (t: Target, nowMs: number): Promise<Checkpoint> => checkpointOf(t, driver, nowMs);

const driver: MachineDriver<Target> = {
  defined: (t) => t.create !== undefined,
  async view(t) {
    // The socket is made anew with each QEMU process.
    const socket = await stat(t.socket).catch(() => undefined);
    if (socket === undefined) return { status: "absent", identity: "absent" };
    const seen = await withQmp(
      t.socket,
      async (qmp) => {
        const { status } = (await qmp.execute("query-status")) as { status: string };
        const { UUID } = (await qmp.execute("query-uuid")) as { UUID: string };
        return { status, id: JSON.stringify([UUID, await qmp.execute("query-version")]) };
      },
      5000,
    ).catch((error: Error) => {
      // A socket without anybody behind it: the process is dead.
      if (/ECONNREFUSED|ENOENT/.test(error.message)) return undefined;
      throw error;
    });
    if (seen === undefined) return { status: "absent", identity: "absent" };
    const status = seen.status === "shutdown" ? "off" : seen.status;
    return { status, identity: JSON.stringify([seen.id, socket.ino, socket.ctimeMs]) };
  },
  reset: (t) =>
    withQmp(t.socket, async (qmp) => {
      await qmp.execute("system_reset");
      // A panicked machine stays stopped over a reset.
      await qmp.execute("cont");
    }),
  resume: (t) => withQmp(t.socket, async (qmp) => void (await qmp.execute("cont"))),
  pause: (t) => withQmp(t.socket, async (qmp) => void (await qmp.execute("stop"))),
  save: (t, tag) =>
    withQmp(t.socket, (qmp) => qmp.job("snapshot-save", `save-${tag}`, { tag, vmstate: t.disk, devices: [t.disk] })),
  load: (t, tag) =>
    withQmp(t.socket, async (qmp) => {
      await qmp.execute("stop");
      await qmp.job("snapshot-load", `load-${tag}`, { tag, vmstate: t.disk, devices: [t.disk] });
      await qmp.execute("cont");
    }),
  tags: (t) => withQmp(t.socket, (qmp) => tagsOf(qmp, t)),
  remove: (t, tag) =>
    withQmp(t.socket, (qmp) => qmp.job("snapshot-delete", `delete-${tag}`, { tag, devices: [t.disk] })),
  async create(t, signal) {
    await runChecked(t.create as readonly string[], { timeoutMs: t.start, signal });
  },
};

async function tagsOf(qmp: Qmp, t: Target): Promise<string[]> {
  const nodes = (await qmp.execute("query-named-block-nodes")) as {
    "node-name": string;
    image: { snapshots?: { name: string }[] };
  }[];
  const node = nodes.find((n) => n["node-name"] === t.disk);
  if (node === undefined) throw new PipelineError("ACTION_FAILED", t.socket, { detail: `no disk of name ${t.disk}` });
  return (node.image.snapshots ?? []).map((s) => s.name);
}
