/** Real guests with a counter: each reset, revert and new start makes it fall once. */
import { expect } from "vitest";
import type { ActionFamily } from "../../../pipelines/recover/actions/action.ts";
import { withQmp } from "../../../pipelines/recover/actions/common/qmp.ts";
import { libvirt, takeLibvirtCheckpoint } from "../../../pipelines/recover/actions/libvirt.ts";
import { qemu, takeCheckpoint } from "../../../pipelines/recover/actions/qemu.ts";
import { testContext } from "../fixtures.ts";
import { hasLibvirt, startLibvirt } from "../libvirt.ts";
import { hasQemu, startMachine } from "../machine.ts";
import { type Due, type KillSite, type Placed, until } from "./site.ts";

interface Guest {
  readonly dir: string;
  readonly use: Due["use"];
  readonly family: ActionFamily;
  beats(): number[];
  send(key: string): Promise<void>;
  checkpoint(): Promise<unknown>;
  pause(): Promise<unknown>;
  /** As a crash of what runs it. */
  die(): Promise<unknown>;
  stop(): Promise<void> | void;
}

function placed({ dir, use, family, beats, send, checkpoint, pause, die, stop }: Guest): Placed {
  const probe = () => family["vm-reset"]!.probe("vm");
  const statusIs = (status: string) => until(async () => (await probe()).release === status);
  let from = 0;
  /** Whatever it was left in. */
  const well = async () => {
    const { healthy, release } = await probe();
    if (healthy) return;
    const kind = release === "absent" || release === "off" ? "vm-start" : "vm-reset";
    await family[kind]!.execute("vm", await probe(), testContext());
    await until(async () => (await probe()).healthy, 60_000);
  };
  return {
    ...{ dir, family },
    async due(kind) {
      await well();
      if (kind === "vm-revert") await checkpoint();
      const saved = beats().length;
      await until(() => beats().length > saved + 6);
      if (kind === "vm-reset") {
        await send("p");
        await statusIs("guest-panicked");
      } else if (kind === "vm-revert") {
        await send("h");
        await until(async () => !(await probe()).healthy);
      } else if (kind === "vm-resume") {
        await pause();
        await statusIs("paused");
      } else await die();
      from = beats().length - 1;
      return { use, target: "vm", kind, onsetMs: kind === "vm-revert" ? Date.now() : null };
    },
    async effects(kind): Promise<Record<string, number>> {
      const { release } = await probe();
      if (kind === "vm-resume") return { cont: release === "running" ? 1 : 0 };
      // A guest that runs shows it with its next beats; one that hangs or stands still never does.
      if (release === "running") await until(() => beats().length > from + 3, 2500);
      const seen = beats().slice(from);
      return { falls: seen.filter((n, i) => i > 0 && n < (seen[i - 1] as number)).length };
    },
    async settled(kind, done) {
      // Whatever was killed, what runs the guest answers.
      const { release } = await probe();
      expect(["running", "guest-panicked", "paused", "absent", "off"]).toContain(release);
      if (done && kind !== "vm-resume") expect(release).toBe("running");
    },
    stop: async () => stop(),
  };
}

export const qemuSite: KillSite = {
  present: hasQemu,
  async start() {
    const vm = await startMachine();
    return placed({
      ...vm,
      use: vm.target,
      family: qemu({ targets: { vm: vm.target } }),
      checkpoint: () => takeCheckpoint(vm.target, Date.now()),
      pause: () => withQmp(vm.target.socket, (qmp) => qmp.execute("stop")),
    });
  },
};

export const libvirtSite: KillSite = {
  present: hasLibvirt,
  async start() {
    const vm = await startLibvirt();
    return placed({
      ...vm,
      use: vm.target,
      family: libvirt({ targets: { vm: vm.target } }),
      checkpoint: () => takeLibvirtCheckpoint(vm.target, Date.now()),
      pause: async () => vm.virsh("suspend", vm.target.domain),
      die: async () => vm.virsh("destroy", vm.target.domain),
    });
  },
};
