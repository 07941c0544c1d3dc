import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { libvirt, libvirtCheckpoints, takeLibvirtCheckpoint } from "../../../pipelines/recover/actions/libvirt.ts";
import { type Act, carryOut } from "../crash.ts";
import { hasLibvirt, startLibvirt } from "../libvirt.ts";
import { describeReal } from "../real.ts";

const until = async (holds: () => Promise<boolean>) => {
  for (let i = 0; i < 200 && !(await holds()); i++) await new Promise((go) => setTimeout(go, 100));
};

describeReal("a real libvirt domain", hasLibvirt, () => {
  let vm: Awaited<ReturnType<typeof startLibvirt>>;
  const adapter = (kind: string) => libvirt({ targets: { vm: vm.target } })[kind]!;
  const probe = () => adapter("vm-reset").probe("vm");
  const healthy = () => until(async () => (await probe()).healthy);
  let acts = 0;
  const act = (kind: string, onsetMs: number | null = null): Act => ({
    ...{ use: vm.target, target: "vm", kind, onsetMs, createdMs: Date.now() },
    trail: join(vm.dir, `audit-${acts++}.jsonl`),
  });
  beforeAll(async () => {
    vm = await startLibvirt();
  }, 60_000);
  afterAll(() => vm?.stop());

  it("is made from its definition, and never a second time", async () => {
    expect(await probe()).toMatchObject({ healthy: false, release: "absent" });
    const { result } = await carryOut(act("vm-start"));
    expect(result).toMatchObject({ ok: true });
    const again = await adapter("vm-start").dryRun("vm", await probe(), { onsetMs: null });
    expect(again).toMatchObject({ ok: false, detail: expect.stringContaining("it is there") });
  });
  it("keeps the newest checkpoints, hangs, and is reverted: work lost by its own counter", async () => {
    for (let i = 0; i < 3; i++) {
      await healthy();
      await takeLibvirtCheckpoint(vm.target, Date.now());
    }
    expect(await libvirtCheckpoints(vm.target)).toHaveLength(2);
    const saved = vm.beats().length;
    await until(async () => vm.beats().length > saved + 6);
    await vm.send("h");
    await until(async () => !(await probe()).healthy);
    // Its manager sees nothing.
    expect(await probe()).toMatchObject({ release: "running" });
    await expect(takeLibvirtCheckpoint(vm.target, Date.now())).rejects.toThrow("not healthy");
    const [last, before] = [vm.beats().at(-1)!, vm.beats().length];
    const { result } = await carryOut(act("vm-revert", Date.now()));
    expect(result).toMatchObject({ ok: true });
    await until(async () => vm.beats().length > before);
    const first = vm.beats()[before]!;
    process.stderr.write(`libvirt vm-revert: ${result?.detail}; lost ${last - first + 1} ticks of work\n`);
    expect(first).toBeLessThan(last);
  });
  it("panics, is seen to, and is reset; paused, it runs on", async () => {
    await healthy();
    await vm.send("p");
    await until(async () => (await probe()).release === "guest-panicked");
    expect(await probe()).toMatchObject({ healthy: false, release: "guest-panicked" });
    expect((await carryOut(act("vm-reset"))).result).toMatchObject({ ok: true });
    vm.virsh("suspend", vm.target.domain);
    await until(async () => (await probe()).release === "paused");
    expect((await carryOut(act("vm-resume"))).result).toMatchObject({ ok: true });
  });
  it("refuses what is not its own, and names no domain that could be an option", async () => {
    await expect(adapter("vm-reset").probe("other")).rejects.toThrow("ACTION_REFUSED");
    const strange = libvirt({ targets: { vm: { ...vm.target, domain: "--all; reboot" } } })["vm-reset"]!;
    expect(await strange.probe("vm")).toMatchObject({ release: "absent" });
  });
});
