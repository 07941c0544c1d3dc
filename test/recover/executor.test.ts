import { describe, expect, it } from "vitest";
import { manualClock } from "../../pipelines/core/clock.ts";
import type { Action, Control } from "../../pipelines/core/records.ts";
import type { ActionAdapter } from "../../pipelines/recover/actions/action.ts";
import { executor } from "../../pipelines/recover/executor.ts";
import { actionLifecycle } from "../../pipelines/recover/lifecycle.ts";
import { approve, fakeAdapter, ill, incident, memoryAudit } from "./fixtures.ts";

const T = 1_000_000;
function setup(
  options: { dryRun?: boolean; kill?: () => boolean; onAudit?: (e: string) => void; onExecute?: () => void } = {},
) {
  const life = actionLifecycle({ targets: [{ name: "shop" }, { name: "cart" }] });
  life.advance(T);
  const proposed = life.onIncident(incident())[0] as Action;
  const clock = manualClock(T);
  const store = memoryAudit(options.onAudit);
  const world = { now: ill };
  const controls: Control[] = [];
  const { adapter, calls } = fakeAdapter(world, options.onExecute);
  const make = (dryRun = options.dryRun ?? false) =>
    executor({
      adapterFor: () => adapter,
      store,
      clock,
      dryRun,
      killSwitch: options.kill ?? (() => false),
      appendControl: (c) => {
        controls.push(c);
        life.onControl(c);
      },
    });
  const approved = () => {
    life.onControl(approve(life.get(proposed.plan.id)!, T));
    const action = life.get(proposed.plan.id)!;
    expect(action.state).toBe("approved");
    return action;
  };
  const state = () => life.get(proposed.plan.id)!;
  return { adapter, life, proposed, approved, clock, store, world, controls, calls, make, state };
}
/** Through the dry run to an approved action. */
async function ready(options: Parameters<typeof setup>[0] = {}) {
  const s = setup(options);
  const run = s.make();
  await run.onCommitted(s.proposed);
  return { ...s, run, action: s.approved() };
}
const refusedWith = (s: { controls: Control[]; calls: { execute: number } }, text: string) => {
  expect(s.calls.execute).toBe(0);
  expect(s.controls.at(-1)).toMatchObject({ kind: "result", ok: false });
  expect(s.controls.at(-1)).toHaveProperty("detail", expect.stringContaining(text));
};

describe("carrying out", () => {
  it("probes and dry-runs a proposal, then executes an approved one once", async () => {
    const s = await ready();
    await s.run.onCommitted(s.action);
    await s.run.onCommitted(s.action);
    expect(s.calls.execute).toBe(1);
    expect(s.controls.map((c) => c.kind)).toEqual(["dryRun", "executing", "result"]);
    expect(s.store.trail.map((e) => e.event)).toEqual(["probed", "intent", "step", "result"]);
    expect(s.state().state).toBe("executed");
  });
  it("never executes by default", async () => {
    const s = setup();
    const { dryRun: _, ...rest } = { dryRun: true, adapterFor: () => s.adapter, store: s.store, clock: s.clock };
    const run = executor({ ...rest, killSwitch: () => false, appendControl: (c) => void s.life.onControl(c) });
    await run.onCommitted(s.proposed);
    await run.onCommitted(s.approved());
    expect(s.calls).toMatchObject({ probe: 1, execute: 0 });
  });
  it("has its intent in the trail when the adapter acts", async () => {
    const seen: string[] = [];
    const s = await ready({ onExecute: () => seen.push(...s.store.trail.map((e) => e.event)) });
    await s.run.onCommitted(s.action);
    expect(seen).toEqual(["probed", "intent", "step"]);
  });
  it("does not act when the audit cannot be written", async () => {
    const s = await ready({
      onAudit: (e) => {
        if (e === "intent") throw new Error("disk full");
      },
    });
    await s.run.onCommitted(s.action);
    refusedWith(s, "disk full");
  });
  it("reports a result whose audit failed, and lets nothing more touch the target", async () => {
    const s = await ready({
      onAudit: (e) => {
        if (e === "result") throw new Error("disk full");
      },
    });
    await s.run.onCommitted(s.action);
    expect(s.state().state).toBe("executed");
    const other = { ...s.action, plan: { ...s.action.plan, id: "PLAN-2" } };
    await s.run.onCommitted(other);
    expect(s.calls.execute).toBe(1);
  });
});

describe("refusing", () => {
  it("when the kill switch is on", async () => {
    const s = await ready({ kill: () => true });
    await s.run.onCommitted(s.action);
    refusedWith(s, "kill switch");
    expect(s.store.trail.map((e) => e.event)).not.toContain("intent");
    expect(s.state().state).toBe("rejected");
  });
  it("when the kill switch is thrown between intent and act", async () => {
    const s = await ready({ kill: () => s.store.trail.some((e) => e.event === "intent") });
    await s.run.onCommitted(s.action);
    refusedWith(s, "kill switch");
    // Before its first step, and the target is free again.
    expect(s.store.trail.map((e) => e.event)).toEqual(["probed", "intent", "released"]);
  });
  it("when the target is another process than the plan saw", async () => {
    const s = await ready();
    s.world.now = { ...ill, fingerprint: "other" };
    await s.run.onCommitted(s.action);
    refusedWith(s, "the target changed since the plan");
  });
  it("when the target is already healthy again", async () => {
    const s = await ready();
    s.world.now = { ...ill, healthy: true };
    await s.run.onCommitted(s.action);
    refusedWith(s, "already healthy");
  });
  it("when the plan was changed after approval", async () => {
    const s = await ready();
    await s.run.onCommitted({ ...s.action, plan: { ...s.action.plan, target: "cart" } });
    refusedWith(s, "not for this plan");
  });
  it("when the approval has expired", async () => {
    const s = await ready();
    s.clock.set(s.action.plan.expiresMs + 1);
    await s.run.onCommitted(s.action);
    refusedWith(s, "expired");
  });
  it("when no dry run saw the target", async () => {
    const s = setup();
    await s.make().onCommitted(s.approved());
    refusedWith(s, "never probed");
  });
  it("when the target has an action under way, here or in another process", async () => {
    const s = await ready();
    await s.store.audit({ planId: "PLAN-x", timeMs: T, event: "intent", detail: '{"token":"t","target":"shop"}' });
    await s.run.onCommitted(s.action);
    refusedWith(s, "one action per target");
  });
  it("two actors at once: one acts", async () => {
    const s = await ready();
    await Promise.all([s.run.onCommitted(s.action), s.make().onCommitted(s.action), s.make().onCommitted(s.action)]);
    expect(s.calls.execute).toBe(1);
    expect(s.controls.filter((c) => c.kind === "result")).toMatchObject([{ ok: true }]);
  });
});

describe("steps", () => {
  /** An adapter of two steps, with something happening between them. */
  async function twoSteps(
    between: (s: Awaited<ReturnType<typeof ready>>) => unknown,
    more: Partial<ActionAdapter> = {},
  ) {
    const done: string[] = [];
    const s = await ready({ kill: () => done.includes("kill") });
    Object.assign(s.adapter, {
      async execute(_target, _state, { step, guard }) {
        await step("one");
        done.push("one");
        await between(s);
        await guard();
        await step("two");
        done.push("two");
        return { ok: true, detail: "both" };
      },
      ...more,
    } satisfies Partial<ActionAdapter>);
    return { ...s, done };
  }
  it.each([
    ["the kill switch is thrown", "kill switch", (done: string[]) => done.push("kill")],
    [
      "the target changes",
      "the target changed meanwhile",
      (_: string[], s: { world: { now: unknown } }) => {
        s.world.now = { ...ill, fingerprint: "other" };
      },
    ],
  ])("stop when %s between two of them", async (_, text, change) => {
    const s = await twoSteps((inner) => change(s.done, inner));
    await s.run.onCommitted(s.action);
    expect(s.done).not.toContain("two");
    expect(s.controls.at(-1)).toMatchObject({ kind: "result", ok: false, detail: expect.stringContaining(text) });
  });
  it("stop in an actor that slept while another one closed its intent", async () => {
    const s = await twoSteps((inner) => inner.make().recoverUnfinished(inner.store.trail.slice(), [inner.state()]));
    await s.run.onCommitted(s.action);
    expect(s.done).toEqual(["one"]);
    expect(s.store.trail.filter((e) => e.event === "result" && e.detail.includes("not repeated"))).toHaveLength(1);
  });
  it("stop when one of them cannot be audited", async () => {
    const s = await twoSteps(() => {
      s.store.audit = async () => {
        throw new Error("disk full");
      };
    });
    await s.run.onCommitted(s.action);
    expect(s.done).toEqual(["one"]);
  });
  it.each([
    ["is undone where the adapter says so", true, 1],
    ["stays where it does not", false, 0],
  ])("an act that does not verify %s", async (_, undoOnFailure, undone) => {
    let calls = 0;
    const undo = async () => ({ ok: ++calls > 0, detail: "as before" });
    const verify = async () => ({ ok: false, detail: "still ill" });
    const s = await twoSteps(() => {}, { undoOnFailure, undo, verify });
    await s.run.onCommitted(s.action);
    expect(calls).toBe(undone);
    expect(s.state().state).toBe("failed");
    expect(s.store.trail.some((e) => e.event === "step" && e.detail.includes("undo"))).toBe(undoOnFailure);
  });
});

describe("after a crash", () => {
  const intent = { timeMs: T, event: "intent", detail: '{"token":"t","target":"shop"}' };
  it.each([
    [T + 5, true, "found done after restart", "executed"],
    [T - 5, false, "unknown, not repeated", "failed"],
  ])("a target started at %d gives ok=%s: %s", async (startedAtMs, ok, detail, state) => {
    const s = await ready();
    await s.store.audit({ planId: s.action.plan.id, ...intent });
    s.world.now = { ...ill, startedAtMs };
    const again = s.make();
    await again.recoverUnfinished(s.store.trail.slice(), [s.action]);
    expect(s.controls.at(-1)).toMatchObject({ kind: "result", ok, detail });
    expect(s.state().state).toBe(state);
    await again.recoverUnfinished(s.store.trail.slice(), [s.state()]);
    await again.onCommitted(s.action);
    expect(s.calls.execute).toBe(0);
    expect(s.controls.filter((c) => c.kind === "result")).toHaveLength(1);
  });
  it.each([
    [true, T - 5, "found done after restart"],
    [false, T + 5, "unknown, not repeated"],
  ])(
    "an adapter that says %s to whether it happened is believed, whenever the target started",
    async (ok, startedAtMs, detail) => {
      const s = await ready();
      Object.assign(s.adapter, { happened: () => ok });
      await s.store.audit({ planId: s.action.plan.id, ...intent });
      s.world.now = { ...ill, startedAtMs };
      await s.make().recoverUnfinished(s.store.trail.slice(), [s.action]);
      expect(s.controls.at(-1)).toMatchObject({ kind: "result", ok, detail });
      expect(s.calls.execute).toBe(0);
    },
  );
  it("tells a result again that was audited and not told", async () => {
    const s = await ready();
    await s.store.audit({ planId: s.action.plan.id, ...intent });
    await s.store.audit({
      planId: s.action.plan.id,
      timeMs: T,
      event: "result",
      detail: '{"token":"t","ok":true,"detail":"d"}',
    });
    await s.make().recoverUnfinished(s.store.trail.slice(), [s.action]);
    expect(s.state().state).toBe("executed");
    expect(s.calls.execute).toBe(0);
  });
  it("takes up what was approved and never begun", async () => {
    const s = await ready();
    await s.make().recoverUnfinished(s.store.trail.slice(), [s.action]);
    expect(s.calls.execute).toBe(1);
  });
  it("takes up a proposal that was never tried out", async () => {
    const s = setup();
    await s.make().recoverUnfinished([], [s.proposed]);
    expect(s.controls).toMatchObject([{ kind: "dryRun", ok: true }]);
  });
});
