/**
 * kill -9 of the actor at every step of every adapter. Each act is first carried out undisturbed: that tells its steps. Then,
 * for each of them, an actor dies when the step is in the audit and its effect not made yet, or (`before-result`) when all is
 * done and nothing of it told; the next one settles what it finds. No effect is ever made twice, none is made that the audit
 * does not hold, and the result told is the target's own.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { actionAdapters } from "../../pipelines/recover/actions/index.ts";
import type { AuditEntry } from "../../pipelines/recover/audit.ts";
import { type Act, afterwards, carryOut, dieAt } from "./crash.ts";
import { killSites } from "./kill-points/index.ts";
import type { KillSite, Placed } from "./kill-points/site.ts";
import { describeReal } from "./real.ts";

const stepsIn = (trail: readonly AuditEntry[]) =>
  trail.filter((e) => e.event === "step").map((e) => JSON.parse(e.detail).name as string);
const howMany = (trail: readonly AuditEntry[], event: string) => trail.filter((e) => e.event === event).length;
/** In the executor, so the same for all adapters: one of them has its turn with each. */
const EVERYWHERE: Readonly<Record<string, readonly string[]>> = { command: ["intent", "before-step", "result"] };

it("has a site for each adapter there is", () => {
  expect(Object.keys(killSites).sort()).toEqual(Object.keys(actionAdapters).sort());
});

for (const [name, site] of Object.entries<KillSite>(killSites))
  describeReal(`an actor of ${name} that is killed at each step`, site.present, () => {
    let placed: Placed;
    let acts = 0;
    beforeAll(async () => {
      placed = await site.start();
    }, 120_000);
    afterAll(async () => {
      await placed?.stop();
    }, 60_000);
    const dueAct = async (kind: string): Promise<Act> => {
      const trail = join(placed.dir, `audit-${acts++}.jsonl`);
      rmSync(trail, { force: true });
      return { ...(await placed.due(kind)), trail, createdMs: Date.now() };
    };

    it("repeats nothing, forgets nothing, and tells what is", async () => {
      for (const kind of Object.keys(placed.family)) {
        const calm = await carryOut(await dueAct(kind));
        expect(calm.result, `${kind} undisturbed`).toMatchObject({ ok: true });
        const whole = await placed.effects(kind);
        await placed.settled?.(kind, true);
        const steps = stepsIn(calm.trail);
        expect(steps, kind).not.toEqual([]);
        for (const point of [...steps, "before-result", ...(EVERYWHERE[name] ?? [])]) {
          const where = `${kind} at ${point}`;
          const act = await dueAct(kind);
          expect(await dieAt({ ...act, dieAt: point }), where).toBe("SIGKILL");
          // The effect of the step at which it died is not made yet, for the audit comes first.
          const left = await placed.effects(kind);
          if (point in whole) expect(left[point], where).toBe(0);
          if (point === "intent" || point === steps[0])
            expect(Math.max(...Object.values(left)), `${where}: nothing before its audit`).toBe(0);

          const { result, trail } = await afterwards(act);
          const effects = await placed.effects(kind);
          for (const [effect, times] of Object.entries(effects))
            expect(times, `${where}: ${effect}`).toBeLessThanOrEqual(Math.max(1, whole[effect] ?? 0));
          expect([howMany(trail, "intent"), howMany(trail, "result")], where).toEqual([1, 1]);
          expect(result, where).toBeDefined();
          // Told as done only where all of it is; what nobody can tell is not repeated.
          if (result?.ok) expect(effects, where).toEqual(whole);
          else expect(result?.detail, where).toMatch(/^unknown, not repeated/);
          await placed.settled?.(kind, result?.ok === true);
        }
      }
    }, 600_000);
  });
