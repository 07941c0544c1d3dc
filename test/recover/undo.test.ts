/** `recover undo` from proposal to result, on real folders and links, over the real executor. */
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../pipelines/core/clock.ts";
import type { Action } from "../../pipelines/core/records.ts";
import { recoveryTarget, type TargetUse } from "../../pipelines/core/recover-config.ts";
import { writeManifest } from "../../pipelines/recover/actions/common/manifest.ts";
import { adaptersFor } from "../../pipelines/recover/actions/index.ts";
import { executor } from "../../pipelines/recover/executor.ts";
import { makePlan } from "../../pipelines/recover/plan.ts";
import { type Act, carryOut, dieAt, fileAudit } from "./crash.ts";

let dir: string;
let use: TargetUse;
const at = (name: string) => join(dir, name);
const link = () => readlinkSync(at("current"));
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "fw-undo-"));
  for (const [i, name] of ["v1", "v2"].entries()) {
    mkdirSync(at(`releases/${name}`), { recursive: true });
    writeFileSync(at(`releases/${name}/app`), name);
    if (i === 0) await writeManifest(at("releases/v1"), 1000);
  }
  symlinkSync(at("releases/v2"), at("current"));
  use = recoveryTarget.parse({
    name: "t",
    use: { kind: "release", link: at("current"), releases: at("releases") },
  }).use;
});
afterEach(() => rmSync(dir, { recursive: true }));
const act = (): Act => ({ use, target: "t", kind: "rollback", trail: at("audit.jsonl"), createdMs: 1000 + Date.now() });

/** The plan of the act and of its undo, and an executor over the same audit. */
function undoing(made: Act, planId: string) {
  const store = fileAudit(made.trail);
  const controls: unknown[] = [];
  const run = executor({
    adapterFor: adaptersFor([{ name: "t", use }]),
    ...{ store, clock: systemClock, dryRun: false, killSwitch: () => false },
    appendControl: (c) => void controls.push(c),
  });
  const words = {
    preconditions: [],
    effect: "",
    blastRadius: ["t"],
    reversible: false,
    expectedLoss: "",
    risk: "low" as const,
  };
  const plan = makePlan({
    ...{ incidentId: "INC-1", action: "rollback", target: "t", reason: "", onsetMs: null, ...words, undoOf: planId },
    ...{ createdMs: Date.now(), expiresMs: Date.now() + 1e6 },
  });
  const proposed: Action = { plan, state: "proposed", version: 1, approvedBy: null, attempts: 0, history: [] };
  const approved: Action = { ...proposed, state: "approved", approvedBy: "ana", version: 2 };
  return { run, controls, proposed, approved, store };
}
const planIdOf = (trail: readonly { event: string; planId: string }[]) =>
  trail.find((e) => e.event === "intent")!.planId;

describe("undo", () => {
  it("goes back by the adapter's own way, audited as intent, step and result", async () => {
    const made = act();
    const { trail, result } = await carryOut(made);
    expect(result).toMatchObject({ ok: true });
    expect(link()).toBe(at("releases/v1"));
    const { run, controls, proposed, approved, store } = undoing(made, planIdOf(trail));
    await run.onCommitted(proposed);
    expect(controls.at(-1)).toMatchObject({ kind: "dryRun", ok: true });
    await run.onCommitted(approved);
    expect(controls.at(-1)).toMatchObject({ kind: "result", ok: true });
    expect(link()).toBe(at("releases/v2"));
    const own = store.read().filter((e) => e.planId === approved.plan.id);
    expect(own.map((e) => e.event)).toEqual(["probed", "intent", "step", "result"]);
    await run.onCommitted(approved);
    expect(store.read().filter((e) => e.event === "intent")).toHaveLength(2);
  });
  it("refuses once somebody else has switched the link since", async () => {
    const made = act();
    const { trail } = await carryOut(made);
    mkdirSync(at("releases/v3"));
    rmSync(at("current"));
    symlinkSync(at("releases/v3"), at("current"));
    const { run, controls, proposed } = undoing(made, planIdOf(trail));
    await run.onCommitted(proposed);
    expect(controls.at(-1)).toMatchObject({ ok: false, detail: expect.stringContaining("changed since that action") });
    expect(link()).toBe(at("releases/v3"));
  });
  it("refuses where the audit does not say how the act ended", async () => {
    const made = act();
    expect(await dieAt({ ...made, dieAt: "switch" })).toBe("SIGKILL");
    const { run, controls, proposed } = undoing(made, planIdOf(fileAudit(made.trail).read()));
    await run.onCommitted(proposed);
    expect(controls.at(-1)).toMatchObject({ ok: false, detail: expect.stringContaining("no result") });
  });
});
