import { expect, it } from "vitest";
import { hasQemu } from "./machine.ts";
import { describeReal } from "./real.ts";
import { repairFaults } from "./vm-incident.ts";

describeReal("a real guest under a pipeline that looks at it", hasQemu, () => {
  it("panics and hangs: an incident that names it, one repair each by its policy, verified by the signal that raised it", async () => {
    const done = await repairFaults(["panic", "hang"]);
    expect(done).toMatchObject([
      { fault: "panic", action: "vm-reset", suspect: "vm:guest", attempts: 1 },
      { fault: "hang", action: "vm-revert", suspect: "vm:guest", attempts: 1 },
    ]);
    const [panic, hang] = done;
    for (const { counted } of done) {
      expect(counted.verified).toBe(1);
      expect(counted.sent).toBeGreaterThan(0);
    }
    // A reset begins from nothing; a revert loses what came after the checkpoint.
    expect(panic!.lostTicks).toBeGreaterThan(hang!.lostTicks);
    expect(hang!.lostTicks).toBeGreaterThan(0);
  }, 300_000);
});
