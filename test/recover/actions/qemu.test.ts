import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { withQmp } from "../../../pipelines/recover/actions/common/qmp.ts";
import { checkpointsOf, qemu, takeCheckpoint } from "../../../pipelines/recover/actions/qemu.ts";
import { type Act, afterwards, carryOut, dieAt } from "../crash.ts";
import { hasQemu, startMachine } from "../machine.ts";
import { describeReal } from "../real.ts";

const until = async (holds: () => Promise<boolean>) => {
  for (let i = 0; i < 100 && !(await holds()); i++) await new Promise((go) => setTimeout(go, 50));
};

describeReal("a real virtual machine", hasQemu, () => {
  let vm: Awaited<ReturnType<typeof startMachine>>;
  const adapter = (kind: string) => qemu({ targets: { vm: vm.target } })[kind]!;
  const probe = () => adapter("vm-reset").probe("vm");
  let acts = 0;
  const act = (kind: string, onsetMs: number | null = null): Act => ({
    ...{ use: vm.target, target: "vm", kind, onsetMs, createdMs: Date.now() },
    trail: join(vm.dir, `audit-${acts++}.jsonl`),
  });
  beforeAll(async () => {
    vm = await startMachine();
  });
  afterAll(() => vm?.stop());

  it("keeps the newest checkpoints and takes none of a sick machine", async () => {
    expect(await probe()).toMatchObject({ healthy: true });
    for (let i = 0; i < 3; i++) {
      await until(async () => (await probe()).healthy);
      await takeCheckpoint(vm.target, Date.now());
    }
    expect(await checkpointsOf(vm.target)).toHaveLength(2);
    const saved = vm.beats().length;
    await until(async () => vm.beats().length > saved + 6);
    await vm.send("h");
    await until(async () => !(await probe()).healthy);
    await expect(takeCheckpoint(vm.target, Date.now())).rejects.toThrow("not healthy");
  });
  it("that hangs runs on for QEMU; its heartbeat tells, and a revert brings it back, work lost by its own counter", async () => {
    expect(await probe()).toMatchObject({ healthy: false, release: "running" });
    const last = vm.beats().at(-1)!;
    const before = vm.beats().length;
    const { result } = await carryOut(act("vm-revert", Date.now()));
    expect(result).toMatchObject({ ok: true });
    const first = vm.beats()[before]!;
    process.stderr.write(`vm-revert: ${result?.detail}; lost ${last - first + 1} ticks of work\n`);
    expect(first).toBeLessThan(last);
    expect(first).toBeGreaterThan(0);
  });
  it("that panics is reset: it counts from nothing", async () => {
    await vm.send("p");
    await until(async () => (await probe()).release !== "running");
    expect(await probe()).toMatchObject({ healthy: false, release: "guest-panicked" });
    const before = vm.beats().length;
    const { result } = await carryOut(act("vm-reset"));
    expect(result).toMatchObject({ ok: true });
    expect(vm.beats()[before]).toBe(0);
  });
  it("that is paused runs on", async () => {
    await withQmp(vm.target.socket, (qmp) => qmp.execute("stop"));
    await until(async () => !(await probe()).healthy);
    const { result } = await carryOut(act("vm-resume"));
    expect(result).toMatchObject({ ok: true });
  });
  it("whose process is dead is made anew from its definition, also by the actor after a killed one", async () => {
    await vm.die();
    expect(await probe()).toMatchObject({ healthy: false, release: "absent" });
    const reset = await adapter("vm-reset").dryRun("vm", await probe(), { onsetMs: null });
    expect(reset).toMatchObject({ ok: false });
    const { result } = await carryOut(act("vm-start"));
    expect(result).toMatchObject({ ok: true });
    const there = await adapter("vm-start").dryRun("vm", await probe(), { onsetMs: null });
    expect(there).toMatchObject({ ok: false, detail: expect.stringContaining("it is there") });
    await vm.die();
    const plan = act("vm-start");
    expect(await dieAt({ ...plan, dieAt: "start" })).toBe("SIGKILL");
    expect((await afterwards(plan)).result).toMatchObject({ ok: true });
    expect(await probe()).toMatchObject({ healthy: true });
  });
  it("refuses to revert without a checkpoint of before, and says what QEMU says", async () => {
    expect(await adapter("vm-revert").dryRun("vm", await probe(), { onsetMs: 1 })).toMatchObject({ ok: false });
    await expect(withQmp(vm.target.socket, (qmp) => qmp.execute("nonsense; reboot"))).rejects.toThrow("not been found");
    await expect(withQmp(join(vm.dir, "none"), async () => {})).rejects.toThrow("ENOENT");
  });
});
