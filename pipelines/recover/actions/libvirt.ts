import type { UseOf } from "../../core/recover-config.ts";
import type { ActionFamily } from "./action.ts";
import {
  type Checkpoint,
  checkpointOf,
  checkpointsIn,
  type MachineDriver,
  machineFamily,
} from "./common/machine-adapter.ts";
import { type CommandResult, runChecked } from "./common/run-command.ts";
import { targetOf } from "./common/target-of.ts";

type Target = UseOf<"libvirt">;
const READ_MS = 8000;
const ACT_MS = 110_000;

/** A domain of libvirt, through `virsh`: there is no living binding for Node. Internal snapshots, on a qcow2 disk. */
export function libvirt({ targets }: { readonly targets: Readonly<Record<string, Target>> }): ActionFamily {
  return machineFamily((name) => targetOf(targets, name), driver);
}

export const libvirtCheckpoints = (t: Target): Promise<Checkpoint[]> => checkpointsIn(t, driver);
export const takeLibvirtCheckpoint = (t: Target, nowMs: number): Promise<Checkpoint> => checkpointOf(t, driver, nowMs);

/** Every value follows the name of its option with `=`: none can be taken for another one. */
const virsh = (t: Target, command: string, options: readonly string[], timeoutMs = ACT_MS, signal?: AbortSignal) =>
  runChecked([t.virsh, "--quiet", `--connect=${t.uri}`, command, ...options], {
    timeoutMs,
    // What it says is read: in one language.
    env: { LC_ALL: "C" },
    ...(signal ? { signal } : {}),
  });
const domain = (t: Target) => `--domain=${t.domain}`;
const lines = ({ stdout }: CommandResult) =>
  stdout
    .split("\n")
    .map((l) => l.trim())
    .filter(Boolean);
const isUnknown = (error: Error) =>
  /no domain with matching|Domain not found|failed to get domain/i.test(error.message);

const driver: MachineDriver<Target> = {
  defined: (t) => t.definition !== undefined,
  async view(t) {
    const state = await virsh(t, "domstate", [domain(t), "--reason"], READ_MS).catch((error: Error) => {
      if (isUnknown(error)) return undefined;
      throw error;
    });
    if (state === undefined) return { status: "absent", identity: "absent" };
    const [said = ""] = lines(state);
    const [uuid = ""] = lines(await virsh(t, "domuuid", [domain(t)], READ_MS));
    // The id is given out anew at each start; a domain that is off has none.
    const [id = ""] = lines(await virsh(t, "domid", [domain(t)], READ_MS));
    return { status: statusOf(said), identity: JSON.stringify([uuid, id]) };
  },
  async reset(t) {
    const [said = ""] = lines(await virsh(t, "domstate", [domain(t), "--reason"], READ_MS));
    if (statusOf(said) === "running") {
      await virsh(t, "reset", [domain(t)]);
      return;
    }
    // A panicked domain that is preserved takes no reset.
    await virsh(t, "destroy", [domain(t)]).catch(() => undefined);
    await virsh(t, "start", [domain(t)]);
  },
  resume: async (t) => void (await virsh(t, "resume", [domain(t)])),
  pause: async (t) => void (await virsh(t, "suspend", [domain(t)])),
  save: async (t, tag) => void (await virsh(t, "snapshot-create-as", [domain(t), `--name=${tag}`])),
  load: async (t, tag) => void (await virsh(t, "snapshot-revert", [domain(t), `--snapshotname=${tag}`, "--running"])),
  tags: async (t) => lines(await virsh(t, "snapshot-list", [domain(t), "--name"], READ_MS)),
  remove: async (t, tag) => void (await virsh(t, "snapshot-delete", [domain(t), `--snapshotname=${tag}`])),
  async create(t, signal) {
    const known = await virsh(t, "domstate", [domain(t)], READ_MS).then(
      () => true,
      (error: Error) => {
        if (isUnknown(error)) return false;
        throw error;
      },
    );
    if (!known) await virsh(t, "define", [`--file=${t.definition}`], ACT_MS, signal);
    await virsh(t, "start", [domain(t)], ACT_MS, signal);
  },
};

/** From `running (booted)` or `crashed (panicked)` to our words. */
function statusOf(said: string): string {
  if (/\(panicked\)|^crashed/.test(said)) return "guest-panicked";
  if (/^(shut off|no state)/.test(said)) return "off";
  return /^(running|paused|in shutdown|pmsuspended|idle)/.exec(said)?.[0] ?? said.slice(0, 40);
}
