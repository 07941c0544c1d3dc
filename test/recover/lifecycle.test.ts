import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action, Control } from "../../pipelines/core/records.ts";
import { actionLifecycle, type LifecycleOptions } from "../../pipelines/recover/lifecycle.ts";
import { planHash } from "../../pipelines/recover/plan.ts";
import { DEFAULT_LADDER } from "../../pipelines/recover/policy.ts";
import { TRANSITIONS } from "../../pipelines/recover/safety.ts";
import { approve, executing, incident, lastDetail, result } from "./fixtures.ts";

const T = 1_000_000;
const base: LifecycleOptions = {
  targets: [{ name: "shop" }, { name: "cart" }, { name: "pay" }],
  limits: { cooldownMs: 0 },
};
function started(options: Partial<LifecycleOptions> = {}, atMs = T) {
  const life = actionLifecycle({ ...base, ...options });
  life.advance(atMs);
  return life;
}
const anything = (_: string, t: string) => ({
  ...{ preconditions: [], effect: "", blastRadius: [t], reversible: true, expectedLoss: "" },
  risk: "low" as const,
});
/** Approves, begins and ends an action. */
function carryOut(life: ReturnType<typeof actionLifecycle>, action: Action, atMs: number, ok = true) {
  life.onControl(approve(action, atMs));
  life.onControl(executing(action, atMs));
  return life.onControl(result(action, atMs, ok));
}

describe("proposing", () => {
  it("plans a restart for a settled diagnosis, with a hash over all of the plan", () => {
    const [action] = started().onIncident(incident());
    expect(action?.plan).toMatchObject({ action: "restart", target: "shop", createdMs: T, expiresMs: T + 900_000 });
    expect(planHash(action!.plan)).toBe(action?.plan.hash);
    expect(planHash({ ...action!.plan, target: "cart" })).not.toBe(action?.plan.hash);
  });
  it("plans a rollback when a deploy came shortly before the onset", () => {
    expect(started().onIncident(incident({ deployMs: T - 5000 }))[0]?.plan.action).toBe("rollback");
    // The new release is first seen when its telemetry comes, up to 5 s after the fault.
    expect(started().onIncident(incident({ deployMs: T + 4000 }))[0]?.plan.action).toBe("rollback");
    expect(started().onIncident(incident({ deployMs: T + 6000 }))[0]?.plan.action).toBe("restart");
  });
  it("waits for a second version that agrees when confidence is low", () => {
    const life = started();
    expect(life.onIncident(incident({ confidence: 0.3 }))).toEqual([]);
    expect(life.onIncident(incident({ confidence: 0.3 }))).toEqual([]);
    expect(life.onIncident(incident({ confidence: 0.3, version: 2, suspect: "cart" }))).toEqual([]);
    expect(life.onIncident(incident({ confidence: 0.3, version: 3, suspect: "cart" }))).toHaveLength(1);
  });
  it("plans nothing on an inconclusive diagnosis", () => {
    expect(started().onIncident(incident({ inconclusive: true }))).toEqual([]);
  });
  it.each(["other", "../x; rm -rf /", "shop; reboot", "$(reboot)", "__proto__", "evil:shop"])(
    "plans nothing for %s, which is not in the allow-list",
    (suspect) => {
      const life = started();
      expect(life.onIncident(incident({ suspect }))).toEqual([]);
      expect(life.why("INC-1")).toBe("the suspect is not in the allow-list");
    },
  );
  it("plans nothing while data is stale", () => {
    const life = started();
    life.onControl({ kind: "tick", timeMs: T + 121_000 });
    expect(life.onIncident(incident())).toEqual([]);
    expect(life.why("INC-1")).toContain("stale");
  });
  it("keeps to one action per target", () => {
    const life = started();
    life.onIncident(incident());
    expect(life.onIncident(incident({ id: "INC-2" }))).toEqual([]);
    expect(life.why("INC-2")).toContain("one action per target");
  });
  it("keeps the blast radius to half of the known services", () => {
    const plan = { preconditions: [], effect: "", reversible: true, expectedLoss: "", risk: "low" as const };
    const life = started({ describe: () => ({ ...plan, blastRadius: ["shop", "cart"] }) });
    expect(life.onIncident(incident())).toEqual([]);
    expect(life.why("INC-1")).toContain("blast radius");
  });
  it("leaves the last healthy copy alone", () => {
    const targets = [{ name: "shop", replicasOf: "web" }, { name: "cart", replicasOf: "web" }, { name: "pay" }];
    const life = started({ targets });
    expect(life.onIncident(incident({ entities: ["service:cart", "shop"] }))).toEqual([]);
    expect(life.why("INC-1")).toContain("no healthy copy");
    expect(started({ targets }).onIncident(incident())).toHaveLength(1);
  });
});

describe("approving", () => {
  it("refuses the hash of another plan", () => {
    const life = started();
    const [action] = life.onIncident(incident());
    const [after] = life.onControl(approve(action!, T, "0".repeat(64)));
    expect(after).toMatchObject({ state: "proposed", approvedBy: null });
    expect(lastDetail(after)).toContain("another plan");
  });
  it("refuses after the plan has expired", () => {
    const life = started({ limits: { cooldownMs: 0, staleMs: 1e9 } });
    const [action] = life.onIncident(incident());
    const after = life.onControl(approve(action!, T + 900_001)).find((a) => a.plan.id === action!.plan.id);
    expect(after).toMatchObject({ state: "expired", approvedBy: null });
    expect(after?.history.some((h) => h.detail.includes("too late"))).toBe(true);
  });
  it("refuses while another target is being acted on", () => {
    const life = started();
    const [a] = life.onIncident(incident());
    const [b] = life.onIncident(incident({ id: "INC-2", suspect: "cart" }));
    life.onControl(approve(a!, T));
    const [after] = life.onControl(approve(b!, T));
    expect(after?.state).toBe("proposed");
    expect(lastDetail(after)).toContain("never two targets");
  });
  it("refuses when the dry run failed", () => {
    const life = started();
    const [a] = life.onIncident(incident());
    life.onControl({ kind: "dryRun", timeMs: T, planId: a!.plan.id, ok: false, detail: "no" });
    expect(life.onControl(approve(a!, T))[0]).toMatchObject({ state: "rejected", approvedBy: null });
  });
  it("approves by itself only the kinds that are named, after a good dry run", () => {
    for (const [kinds, state] of [
      [["restart"], "approved"],
      [["rollback"], "proposed"],
      [[], "proposed"],
    ] as const) {
      const life = started({ autoApprove: kinds });
      const [a] = life.onIncident(incident());
      expect(a?.state).toBe("proposed");
      life.onControl({ kind: "dryRun", timeMs: T, planId: a!.plan.id, ok: true, detail: "" });
      expect(life.get(a!.plan.id)?.state).toBe(state);
    }
  });
});

describe("cooldown and rate", () => {
  it("leaves a target alone for the cooldown, then plans", () => {
    const life = started({ limits: { cooldownMs: 60_000 } });
    carryOut(life, life.onIncident(incident())[0]!, T);
    life.onIncident(incident({ version: 2, resolvedMs: T }));
    expect(life.onIncident(incident({ id: "INC-2" }))).toEqual([]);
    expect(life.why("INC-2")).toContain("cooldown");
    expect(life.advance(T + 60_000)).toHaveLength(1);
  });
  it("begins no more than the limit in an hour", () => {
    const life = started({ limits: { cooldownMs: 0, maxPerHour: 1 } });
    carryOut(life, life.onIncident(incident())[0]!, T);
    life.onIncident(incident({ version: 2, resolvedMs: T }));
    expect(life.onIncident(incident({ id: "INC-2", suspect: "cart" }))).toEqual([]);
    expect(life.why("INC-2")).toContain("rate limit");
    expect(life.advance(T + 3_600_000)).toHaveLength(1);
  });
});

describe("limits of a kind of action", () => {
  it.each([
    ["cooldown", { cooldownMs: 120_000 }, "cooldown of restart", 120_000],
    ["rate", { maxPerHour: 1 }, "rate limit of restart", 3_600_000],
  ])("%s holds for that kind alone", (_, own, text, freeMs) => {
    const life = started({ limits: { cooldownMs: 0, perAction: { restart: own } } });
    carryOut(life, life.onIncident(incident())[0]!, T);
    life.onIncident(incident({ version: 2, resolvedMs: T }));
    expect(life.onIncident(incident({ id: "INC-2" }))).toEqual([]);
    expect(life.why("INC-2")).toContain(text);
    expect(life.onIncident(incident({ id: "INC-3", suspect: "cart", deployMs: T - 1000 }))[0]?.plan.action).toBe(
      "rollback",
    );
    expect(life.advance(T + freeMs).map((a) => a.plan.action)).toContain("restart");
  });
});

describe("undo", () => {
  const undoBy = (a: Action, timeMs: number): Control => ({ kind: "undo", timeMs, planId: a.plan.id, by: "ana" });
  /** A rollback that was carried out and helped. */
  function done(reversible = true) {
    const life = started({ describe: (k, t) => ({ ...anything(k, t), reversible }) });
    const [a] = life.onIncident(incident());
    carryOut(life, a!, T);
    life.onIncident(incident({ version: 2, resolvedMs: T + 1 }));
    expect(life.get(a!.plan.id)?.state).toBe("verified");
    return { life, action: life.get(a!.plan.id)! };
  }
  it("is a plan of its own, with a hash of its own to approve, long after the incident has resolved", () => {
    const { life, action } = done();
    life.advance(T + 3_600_000);
    const [asked] = life.onControl(undoBy(action, T + 3_600_000));
    expect(asked).toMatchObject({ state: "proposed", plan: { undoOf: action.plan.id, reversible: false } });
    expect(asked!.plan.hash).not.toBe(action.plan.hash);
    expect(life.onControl(approve(asked!, T + 3_600_001, action.plan.hash))[0]?.state).toBe("proposed");
    const changed = carryOut(life, asked!, T + 3_600_002);
    expect(changed.map((a) => [a.plan.id, a.state])).toEqual([
      [asked!.plan.id, "verified"],
      [action.plan.id, "verified"],
    ]);
    expect(lastDetail(changed[1])).toBe(`undone by ${asked!.plan.id}`);
  });
  it("is never approved by itself, even where its kind is", () => {
    const life = started({ autoApprove: ["restart"], describe: anything });
    const [a] = life.onIncident(incident());
    carryOut(life, a!, T);
    const [, asked] = life.onControl(undoBy(life.get(a!.plan.id)!, T + 1));
    life.onControl({ kind: "dryRun", timeMs: T + 1, planId: asked!.plan.id, ok: true, detail: "" });
    expect(life.get(asked!.plan.id)?.state).toBe("proposed");
  });
  it("of a repair that waits for its verification ends that, and leaves the incident to people", () => {
    const life = started({ describe: anything });
    const [a] = life.onIncident(incident());
    carryOut(life, a!, T);
    const [before, asked] = life.onControl(undoBy(a!, T + 1));
    expect(before?.state).toBe("unverified");
    carryOut(life, asked!, T + 2);
    expect(life.onIncident(incident({ version: 3 }))).toEqual([]);
    expect(life.why("INC-1")).toContain("page a human");
  });
  it.each([
    ["has no way back", () => done(false)],
    [
      "was never carried out",
      () => {
        const life = started();
        return { life, action: life.onIncident(incident())[0]! };
      },
    ],
    [
      "came after it",
      () => {
        const { life, action } = done();
        life.advance(T + 10);
        carryOut(life, life.onIncident(incident({ id: "INC-2", version: 1 }))[0]!, T + 10);
        return { life, action };
      },
    ],
  ])("is refused where it %s", (text, prepare) => {
    const { life, action } = prepare();
    const [after] = life.onControl(undoBy(action, T + 20));
    expect(lastDetail(after)).toContain("refused: undo by ana");
    expect(lastDetail(after)).toContain(text);
  });
  it("waits for another action on the target, and for the plan of the one before", () => {
    const { life, action } = done();
    const [asked] = life.onControl(undoBy(action, T + 5));
    expect(lastDetail(life.onControl(undoBy(action, T + 6))[0])).toContain("one action per target");
    expect(life.onIncident(incident({ id: "INC-9", version: 1 }))).toEqual([]);
    life.onControl({ kind: "dryRun", timeMs: T + 7, planId: asked!.plan.id, ok: false, detail: "changed" });
    expect(life.get(asked!.plan.id)?.state).toBe("rejected");
  });
});

describe("verifying", () => {
  it("is verified by the incident's own resolution", () => {
    const life = started();
    const [a] = life.onIncident(incident());
    expect(carryOut(life, a!, T + 1000)[0]?.state).toBe("executed");
    expect(life.onIncident(incident({ version: 2, resolvedMs: T + 30_000 }))[0]?.state).toBe("verified");
  });
  it("takes no credit for an incident that resolved before", () => {
    const life = started();
    const [a] = life.onIncident(incident());
    life.onControl(approve(a!, T + 1000));
    life.onControl(executing(a!, T + 1000));
    life.onIncident(incident({ version: 2, resolvedMs: T + 500 }));
    expect(life.onControl(result(a!, T + 2000))[0]?.state).toBe("unverified");
  });
  it("expires what waits once the incident resolves", () => {
    const life = started();
    life.onIncident(incident());
    expect(life.onIncident(incident({ version: 2, resolvedMs: T }))[0]?.state).toBe("expired");
  });
  it("climbs one rung after a repair that did not help, and stops after two", () => {
    const life = started({
      ladder: ["restart", "rollback", "restart-again"],
      describe: (_, t) => ({
        preconditions: [],
        effect: "",
        blastRadius: [t],
        reversible: true,
        expectedLoss: "",
        risk: "low",
      }),
    });
    carryOut(life, life.onIncident(incident())[0]!, T);
    expect(life.advance(T + 299_999)).toEqual([]);
    const [first, second] = life.advance(T + 300_000);
    expect(first?.state).toBe("unverified");
    expect(second?.plan.action).toBe("rollback");
    const after = carryOut(life, second!, T + 300_000, false);
    expect(after).toHaveLength(1);
    expect(after[0]?.state).toBe("failed");
    expect(lastDetail(after[0])).toBe("stopped: two repairs did not help; page a human");
    expect(life.onIncident(incident({ version: 2 }))).toEqual([]);
    expect(life.advance(T + 400_000)).toEqual([]);
  });
  it("pages a human when the ladder ends", () => {
    const life = started({ ladder: ["restart"] });
    const after = carryOut(life, life.onIncident(incident())[0]!, T, false);
    expect(lastDetail(after[0])).toContain("the ladder has no further rung; page a human");
  });
  it("passes over what its dry run says is not possible: no rollback where no earlier release is known", () => {
    const told = (life: ReturnType<typeof started>, a: Action | undefined, ok: boolean) =>
      life.onControl({ kind: "dryRun", timeMs: T, planId: a!.plan.id, ok, detail: "no other verified release" });
    const life = started({ ladder: ["restart", "rollback", "restore-files"], describe: anything });
    // The policy wants a rollback for the deploy; that is not possible, so the gentlest rung is next.
    const [rollback] = life.onIncident(incident({ deployMs: T - 5000 }));
    expect(rollback?.plan.action).toBe("rollback");
    const [gone, restart] = told(life, rollback, false);
    expect(gone?.state).toBe("rejected");
    expect(restart?.plan).toMatchObject({
      action: "restart",
      reason: expect.stringContaining("rollback is not possible"),
    });
    const [, restore] = carryOut(life, restart!, T, false);
    expect(restore?.plan.action).toBe("restore-files");
    const [last] = told(life, restore, false);
    expect(last).toMatchObject({ state: "rejected", needsHuman: "the ladder has no further rung" });
    expect(lastDetail(last)).toContain("page a human");
  });
  it("by default goes from restart over rollback and restore to a replica, as far as the target has them", () => {
    const kinds = ["restart", "rollback", "restore-files", "promote-replica"];
    expect(kinds.map((k) => DEFAULT_LADDER.indexOf(k))).toEqual(
      kinds.map((k) => DEFAULT_LADDER.indexOf(k)).sort((a, b) => a - b),
    );
    expect(DEFAULT_LADDER).toEqual(expect.arrayContaining(kinds));
  });
  it("plans anew after a refusal by the executor, but not after a human's", () => {
    const life = started();
    const [a] = life.onIncident(incident());
    life.onControl(approve(a!, T));
    const after = life.onControl(result(a!, T + 1, false));
    expect(after.map((x) => x.state)).toEqual(["rejected", "proposed"]);
    life.onControl({ kind: "reject", timeMs: T + 2, planId: after[1]!.plan.id, by: "ana" });
    expect(life.onIncident(incident({ version: 2 }))).toEqual([]);
  });
});

type Step = readonly [number, number, number, boolean];
const kinds = fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 6, 6, 7, 8);
const step = fc.tuple(kinds, fc.nat(5), fc.nat(90_000), fc.boolean());
const steps = fc.array(step, { minLength: 20, maxLength: 60 });

/** Feeds arbitrary steps; gives every version of every action that came out. */
function run(
  life: ReturnType<typeof actionLifecycle>,
  list: readonly Step[],
  from = { ms: T, ids: [] as string[], n: 1 },
) {
  const out: Action[] = [];
  const names = ["shop", "cart", "pay", "../x"];
  for (const [what, which, dt, flag] of list) {
    const a = life.get(from.ids[which % Math.max(1, from.ids.length)] ?? "");
    const ms = from.ms + dt;
    const made = (): Action[] => {
      if (what <= 1) {
        const id = `INC-${which % 3}`;
        const resolvedMs = what === 1 && flag ? ms : null;
        return life.onIncident(incident({ id, version: ++from.n, suspect: names[which % 4]!, resolvedMs }));
      }
      if (what === 2) {
        from.ms = ms;
        return life.advance(ms);
      }
      if (what === 3) return life.onControl({ kind: "tick", timeMs: ms });
      if (a === undefined) return [];
      const planId = a.plan.id;
      const controls: Control[] = [
        approve(a, from.ms, flag || dt % 2 ? a.plan.hash : "x"),
        executing(a, from.ms),
        result(a, from.ms, flag),
        { kind: "dryRun", timeMs: from.ms, planId, ok: flag || dt % 3 > 0, detail: "" },
        flag
          ? { kind: "reject", timeMs: from.ms, planId, by: "bo" }
          : { kind: "undo", timeMs: from.ms, planId, by: "bo" },
      ];
      return life.onControl(controls[what - 4]!);
    };
    const changed = made();
    for (const c of changed) if (!from.ids.includes(c.plan.id)) from.ids.push(c.plan.id);
    out.push(...changed);
  }
  return out;
}

describe("laws", () => {
  it("never executes without an approval, only moves along the machine, holds its limits", () => {
    let executions = 0;
    fc.assert(
      fc.property(steps, (list) => {
        const out = run(started(), list);
        for (const a of new Map(out.map((x) => [x.plan.id, x])).values()) {
          const states = a.history.map((h) => h.state);
          states.forEach((s, i) => {
            const before = states[i - 1];
            if (before !== undefined && before !== s) expect(TRANSITIONS[before]).toContain(s);
          });
          if (states.includes("executing")) {
            executions++;
            expect(states.slice(0, states.indexOf("executing"))).toContain("approved");
            expect(a.approvedBy).toBe("ana");
          }
          expect(["shop", "cart", "pay"]).toContain(a.plan.target);
          expect(a.attempts).toBeLessThanOrEqual(1);
          expect(a.version).toBe(a.history.length);
        }
        const bad = new Map<string, Set<string>>();
        for (const a of out)
          if (a.plan.undoOf === undefined && (a.state === "failed" || a.state === "unverified"))
            bad.set(a.plan.incidentId, (bad.get(a.plan.incidentId) ?? new Set()).add(a.plan.id));
        for (const ids of bad.values()) expect(ids.size).toBeLessThanOrEqual(2);
      }),
      { numRuns: 500, seed: 7 },
    );
    expect(executions).toBeGreaterThan(200);
  });
  it("goes on from a snapshot, taken in parts, as if nothing had happened", () => {
    fc.assert(
      fc.property(steps, steps, steps, (first, second, third) => {
        const [one, chunks, from] = [started(), new Map<string, Uint8Array>(), { ms: T, ids: [], n: 1 }];
        const put = (k: string, v: Uint8Array | undefined) => (v === undefined ? chunks.delete(k) : chunks.set(k, v));
        run(one, first, from);
        one.snapshot(put);
        run(one, second, from);
        one.snapshot(put);
        const full = new Map<string, Uint8Array | undefined>();
        one.snapshot((k, v) => full.set(k, v), true);
        expect(new Map([...chunks].sort())).toEqual(new Map([...full].sort()));
        const two = actionLifecycle(base);
        two.restore(new Map([...chunks].reverse()));
        const copy = structuredClone(from);
        expect(run(two, third, copy)).toEqual(run(one, third, from));
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});
