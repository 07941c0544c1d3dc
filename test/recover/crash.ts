/** kill -9 of an actor between the audit of a step and its effect, and what the next actor makes of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../pipelines/core/clock.ts";
import type { Action, Control } from "../../pipelines/core/records.ts";
import type { TargetUse } from "../../pipelines/core/recover-config.ts";
import { describeFor } from "../../pipelines/recover/actions/descriptions.ts";
import { adaptersFor } from "../../pipelines/recover/actions/index.ts";
import type { AuditEntry } from "../../pipelines/recover/audit.ts";
import { executor } from "../../pipelines/recover/executor.ts";
import { makePlan } from "../../pipelines/recover/plan.ts";

export interface Act {
  readonly use: TargetUse;
  readonly target: string;
  readonly kind: string;
  readonly onsetMs?: number | null;
  /** Through which targets without a `use` of their own are reached. */
  readonly supervisor?: { readonly url: string; readonly token: string };
  /** File of the audit. */
  readonly trail: string;
  readonly createdMs: number;
  /** The actor kills itself once this step is in the audit; `before-result`: when all is done and nothing of it is told. */
  readonly dieAt?: string;
}

/** An audit in a file: each entry is there when `audit` settles. */
export function fileAudit(path: string, onStep: (name: string) => void = () => {}) {
  const read = (): AuditEntry[] =>
    existsSync(path)
      ? readFileSync(path, "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line, i) => ({ ...JSON.parse(line), seq: i + 1, hash: "" }))
      : [];
  return {
    read,
    async audit(...entries: { planId: string; timeMs: number; event: string; detail: string }[]) {
      for (const entry of entries) {
        onStep(`before-${entry.event}`);
        appendFileSync(path, `${JSON.stringify(entry)}\n`);
        onStep(entry.event === "step" ? (JSON.parse(entry.detail).name as string) : entry.event);
      }
    },
    async auditTrail({ planIds }: { planIds?: readonly string[] } = {}) {
      return read().filter((e) => planIds?.includes(e.planId) ?? true);
    },
  };
}

/** Carries an act out from proposal to result through the real executor; gives the controls it told. */
export async function carryOut(act: Act) {
  const { action, run, controls, store } = prepare(act);
  await run.onCommitted(action);
  if (controls.some((c) => c.kind === "dryRun" && c.ok))
    await run.onCommitted({ ...action, state: "approved", approvedBy: "ana", version: 2 });
  return { controls, trail: store.read(), result: controls.find((c) => c.kind === "result") as Result | undefined };
}
type Result = Extract<Control, { kind: "result" }>;

/** What a new process does on finding what the old one left. */
export async function afterwards(act: Act) {
  const { action, run, controls, store } = prepare({ ...act, dieAt: undefined });
  const approved: Action = { ...action, state: "approved", approvedBy: "ana", version: 2 };
  await run.recoverUnfinished(store.read(), [approved]);
  // A second look must change nothing, and the plan is never begun again.
  const before = store.read().length;
  await run.recoverUnfinished(store.read(), [{ ...approved, state: "executed" }]);
  await run.onCommitted(approved);
  if (store.read().length !== before) throw new Error("it acted again");
  return { controls, trail: store.read(), result: controls.find((c) => c.kind === "result") as Result | undefined };
}

function prepare({ use, target, kind, onsetMs = null, supervisor, trail, createdMs, dieAt }: Act) {
  const description = describeFor(kind, target, use)!;
  const parts = { incidentId: "INC-1", action: kind, target, reason: "test", onsetMs, ...description };
  const plan = makePlan({ ...parts, createdMs, expiresMs: createdMs + 3_600_000 });
  const action: Action = { plan, state: "proposed", version: 1, approvedBy: null, attempts: 0, history: [] };
  const controls: Control[] = [];
  const store = fileAudit(trail, (name) => {
    if (name === dieAt) process.kill(process.pid, "SIGKILL");
  });
  const run = executor({
    adapterFor: adaptersFor([{ name: target, use }], supervisor),
    store,
    appendControl: (c) => void controls.push(c),
    clock: systemClock,
    dryRun: false,
    killSwitch: () => false,
  });
  return { action, run, controls, store };
}

/** Runs the act in a process of its own, which dies at `dieAt`. Gives the signal that ended it. */
export async function dieAt(act: Act): Promise<NodeJS.Signals | null> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", join(import.meta.dirname, "act-child.ts"), JSON.stringify(act)],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const [, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return signal;
}
