/** Several actors over one audit, or over none in common: at most one acts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { manualClock } from "../../pipelines/core/clock.ts";
import type { Action, Control } from "../../pipelines/core/records.ts";
import type { ActionAdapter, TargetState } from "../../pipelines/recover/actions/action.ts";
import { executor } from "../../pipelines/recover/executor.ts";
import type { Claims } from "../../pipelines/recover/lease.ts";
import { makePlan } from "../../pipelines/recover/plan.ts";
import { lockDirectory } from "../../pipelines/runtime/directory-lock.ts";
import { fakeAdapter, ill, memoryAudit } from "./fixtures.ts";

const T = 1_000_000;
const words = {
  preconditions: [],
  effect: "",
  blastRadius: ["shop"],
  reversible: false,
  expectedLoss: "",
  risk: "low" as const,
};
const plan = makePlan({
  incidentId: "I",
  action: "restart",
  target: "shop",
  reason: "",
  onsetMs: null,
  ...words,
  createdMs: T,
  expiresMs: T + 1e6,
});
const proposed: Action = { plan, state: "proposed", version: 1, approvedBy: null, attempts: 0, history: [] };
const approved: Action = { ...proposed, state: "approved", approvedBy: "ana", version: 2 };
const dir = mkdtempSync(join(tmpdir(), "fw-race-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** A world of one target, with actors that share it. */
function world() {
  const target = { now: ill as TargetState };
  const calls = { execute: 0 };
  const controls: Control[] = [];
  const actor = (
    store: ReturnType<typeof memoryAudit>,
    more: {
      claims?: Claims;
      adapter?: Partial<ActionAdapter>;
      lockTarget?: (t: string) => ReturnType<typeof lockDirectory>;
    } = {},
  ) => {
    const { adapter } = fakeAdapter(target, () => void calls.execute++);
    return executor({
      adapterFor: () => ({ ...adapter, ...more.adapter }),
      ...{ store, clock: manualClock(T), dryRun: false, killSwitch: () => false },
      appendControl: (c) => void controls.push(c),
      claims: more.claims,
      lockTarget: more.lockTarget,
    });
  };
  const results = () => controls.filter((c) => c.kind === "result");
  return { target, calls, controls, actor, results };
}
/** Leases by a table of when each holder was heard last. */
function leases(leaseMs: number) {
  const heard = new Map<string, number>();
  const claims: Claims = {
    leaseMs,
    renew: async (holder) => void heard.set(holder, performance.now()),
    silentMs: (holder) => performance.now() - (heard.get(holder) ?? -1e9),
  };
  return claims;
}

describe("several actors", () => {
  it("one that slept while another did the same plan, from begin to end, does not do it again", async () => {
    const w = world();
    const store = memoryAudit();
    const other = w.actor(store);
    await other.onCommitted(proposed);
    let slept = false;
    const sleepy = w.actor(store, {
      adapter: {
        // The last thing before its intent: here it sleeps, and what it saw then is all that it knows.
        async dryRun() {
          if (!slept) {
            slept = true;
            await other.onCommitted(approved);
          }
          return { ok: true, detail: "" };
        },
      },
    });
    await sleepy.onCommitted(approved);
    expect(slept).toBe(true);
    expect(w.calls.execute).toBe(1);
    expect(w.results()).toHaveLength(1);
  });
  it("one that sleeps for longer than its lease, after all that it could ask, does not act", async () => {
    const w = world();
    const store = memoryAudit();
    await w.actor(store).onCommitted(proposed);
    const trail = store.auditTrail;
    store.auditTrail = async (asked) => {
      const seen = await trail(asked);
      if (asked?.planIds) await sleep(120);
      return seen;
    };
    // Asleep it renews nothing either.
    const claims = { ...leases(60), renew: () => Promise.reject(new Error("asleep")) };
    await w.actor(store, { claims }).onCommitted(approved);
    expect(w.calls.execute).toBe(0);
    expect(store.trail.map((e) => e.event)).toEqual(["probed", "intent", "step", "late"]);
  });
  it("a clock that is set does not lengthen a lease, and one that runs ahead ends it", async () => {
    const w = world();
    const store = memoryAudit();
    await w.actor(store).onCommitted(proposed);
    const clock = manualClock(T);
    const { adapter } = fakeAdapter(w.target, () => void w.calls.execute++);
    const run = executor({
      adapterFor: () => ({
        ...adapter,
        async probe() {
          clock.advance(10_000);
          return ill;
        },
      }),
      ...{ store, clock, dryRun: false, killSwitch: () => false, appendControl: () => {} },
      claims: leases(5000),
    });
    await run.onCommitted(approved);
    // The jump came before the intent: nothing of the lease was used up.
    expect(w.calls.execute).toBe(1);
    const back = {
      ...adapter,
      async execute(...[t, s, context]: Parameters<ActionAdapter["execute"]>) {
        clock.set(0);
        await context.step("one");
        clock.advance(1e6);
        await context.step("two");
        w.calls.execute += 100;
        return adapter.execute(t, s, context);
      },
    };
    const { id: _, hash: __, ...parts } = plan;
    const second = { ...approved, plan: makePlan({ ...parts, reason: "2" }) };
    const run2 = executor({
      adapterFor: () => back,
      ...{ store, clock, dryRun: false, killSwitch: () => false, appendControl: () => {} },
      claims: leases(5000),
    });
    w.target.now = ill;
    clock.set(T);
    await run2.onCommitted({ ...second, state: "proposed", version: 1 });
    await run2.onCommitted(second);
    expect(store.trail.filter((e) => e.event === "late")).toHaveLength(1);
    expect(w.calls.execute).toBe(1);
  });
  it("nobody takes over what its holder still renews, and its own result is the one that counts", async () => {
    const w = world();
    const store = memoryAudit();
    await w.actor(store).onCommitted(proposed);
    const claims = leases(300);
    let go = () => {};
    const waiting = new Promise<void>((r) => {
      go = r;
    });
    const first = w.actor(store, {
      claims,
      adapter: {
        async execute(_t, _s, { step }) {
          await step("long");
          await waiting;
          await step("end");
          w.calls.execute++;
          return { ok: true, detail: "done" };
        },
        verify: async () => ({ ok: true, detail: "" }),
      },
    });
    const acting = first.onCommitted(approved);
    await sleep(150);
    const taking = w
      .actor(store, { claims })
      .recoverUnfinished(await store.auditTrail(), [{ ...approved, state: "executing" }]);
    // Told twice that the partition is its own, it leaves its own act alone.
    await first.recoverUnfinished(await store.auditTrail(), [{ ...approved, state: "executing" }]);
    await sleep(800);
    expect(store.trail.map((e) => e.event)).not.toContain("taken");
    go();
    await Promise.all([acting, taking]);
    expect(w.calls.execute).toBe(1);
    expect(w.results()).toMatchObject([{ ok: true }]);
  });
  it("one that falls silent is taken over by one of two; when it wakes it stops at its next step", async () => {
    const w = world();
    const store = memoryAudit();
    await w.actor(store).onCommitted(proposed);
    let wake = () => {};
    const asleep = new Promise<void>((r) => {
      wake = r;
    });
    // Its renewals reach nobody, as those of a stopped process.
    const deaf: Claims = { ...leases(60_000) };
    const first = w.actor(store, {
      claims: deaf,
      adapter: {
        async execute(_t, _s, { step }) {
          await step("one");
          await asleep;
          await step("two");
          w.calls.execute++;
          return { ok: true, detail: "done" };
        },
      },
    });
    const acting = first.onCommitted(approved);
    await sleep(20);
    let tidied = 0;
    const tidy = async () => ({ ok: true, done: false, detail: `tidied ${++tidied}` });
    const claims = leases(10);
    const two = [w.actor(store, { claims, adapter: { tidy } }), w.actor(store, { claims, adapter: { tidy } })];
    const trail = await store.auditTrail();
    await Promise.all(two.map((a) => a.recoverUnfinished(trail, [{ ...approved, state: "executing" }])));
    wake();
    await acting;
    expect(tidied).toBe(1);
    expect(w.calls.execute).toBe(0);
    expect(w.results()).toMatchObject([{ ok: false }]);
    expect(store.trail.filter((e) => e.event === "late")).toHaveLength(1);
  });
  it("two pipelines with stores of their own: the lock of the target lets one act", async () => {
    const w = world();
    const stores = [memoryAudit(), memoryAudit()];
    const lockTarget = (name: string) => lockDirectory(dir, `${name}.lock`);
    const actors = stores.map((s) =>
      w.actor(s, {
        lockTarget,
        adapter: {
          probe: async () => {
            await sleep(20);
            return ill;
          },
        },
      }),
    );
    await Promise.all(actors.map((a) => a.onCommitted(proposed)));
    await Promise.all(actors.map((a) => a.onCommitted(approved)));
    expect(w.calls.execute).toBe(1);
    expect(w.results().filter((c) => "detail" in c && c.detail.includes("another process holds it"))).toHaveLength(1);
  });
});
