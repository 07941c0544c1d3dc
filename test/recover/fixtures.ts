import { randomUUID } from "node:crypto";
import type { Action, Control, Incident } from "../../pipelines/core/records.ts";
import {
  type ActionAdapter,
  type ActionContext,
  cannotUndo,
  type TargetState,
} from "../../pipelines/recover/actions/action.ts";
import { describeAction } from "../../pipelines/recover/actions/descriptions.ts";
import type { AuditEntry } from "../../pipelines/recover/audit.ts";

export interface IncidentParts {
  readonly id?: string;
  readonly version?: number;
  readonly suspect?: string;
  readonly confidence?: number;
  readonly inconclusive?: boolean;
  readonly resolvedMs?: number | null;
  readonly deployMs?: number;
  readonly entities?: readonly string[];
}

export function incident(parts: IncidentParts = {}): Incident {
  const {
    id = "INC-1",
    version = 1,
    suspect = "shop",
    confidence = 0.9,
    inconclusive = false,
    resolvedMs = null,
  } = parts;
  const ranked = { name: suspect, kind: "service", score: 1, confidence, against: [], path: [] };
  const evidence = [{ ranker: parts.deployMs === undefined ? "metric" : "change", score: 1, text: "" }];
  const changes =
    parts.deployMs === undefined
      ? []
      : [{ entity: suspect, timeMs: parts.deployMs, kind: "deploy" as const, detail: "v2" }];
  return {
    id,
    version,
    system: "s",
    state: resolvedMs === null ? "open" : "resolved",
    severity: "major",
    times: {
      faultStartMs: 1e6,
      detectedMs: 1e6,
      acknowledgedMs: null,
      mitigatedMs: null,
      verifiedMs: null,
      resolvedMs,
    },
    reopened: 0,
    entities: parts.entities ?? [suspect],
    anomalies: [],
    diagnosis: {
      onsetMs: 1e6,
      onsetRangeMs: [1e6, 1e6],
      confidence,
      inconclusive,
      headline: `${suspect} is ill`,
      suspects: [{ ...ranked, for: evidence }],
      charts: [],
      edges: [],
      logs: [],
      changes,
      missing: [],
    },
    timeline: [],
    labels: [],
  };
}

export const approve = (a: Action, timeMs: number, hash = a.plan.hash): Control => ({
  kind: "approve",
  timeMs,
  planId: a.plan.id,
  hash,
  by: "ana",
});
export const executing = (a: Action, timeMs: number): Control => ({
  kind: "executing",
  timeMs,
  planId: a.plan.id,
  incidentId: a.plan.incidentId,
  detail: "",
});
export const result = (a: Action, timeMs: number, ok = true): Control => ({
  kind: "result",
  timeMs,
  planId: a.plan.id,
  incidentId: a.plan.incidentId,
  ok,
  detail: "",
});
export const lastDetail = (a: Action | undefined): string => a?.history.at(-1)?.detail ?? "";

/** The audit half of a store, in memory. */
export function memoryAudit(onAudit: (event: string) => void = () => {}) {
  const trail: AuditEntry[] = [];
  return {
    trail,
    async audit(entry: { planId: string; timeMs: number; event: string; detail: string }) {
      onAudit(entry.event);
      trail.push({ ...entry, seq: trail.length + 1, hash: "" });
    },
    async auditTrail({ planIds }: { planIds?: readonly string[] } = {}) {
      return trail.filter((e) => planIds?.includes(e.planId) ?? true);
    },
  };
}

export const ill: TargetState = {
  exists: true,
  healthy: false,
  fingerprint: "1",
  startedAtMs: 500,
  release: "v2",
  previousRelease: "v1",
  detail: "running",
};

/** A context outside an executor: steps are counted in `steps`, nothing forbids them. */
export function testContext(parts: Partial<ActionContext> = {}): ActionContext & { readonly steps: string[] } {
  const steps: string[] = [];
  return {
    steps,
    onsetMs: null,
    token: randomUUID(),
    fence: 1,
    signal: new AbortController().signal,
    step: async (name) => void steps.push(name),
    guard: async () => {},
    ...parts,
  };
}

/** An adapter whose target is `state.now`; counts what it is asked to execute. */
export function fakeAdapter(state: { now: TargetState }, onExecute: () => void = () => {}) {
  const calls = { probe: 0, execute: 0 };
  const adapter: ActionAdapter = {
    kind: "restart",
    async probe() {
      calls.probe++;
      return state.now;
    },
    plan: (target) => describeAction("restart", target)!,
    dryRun: async () => ({ ok: true, detail: "would restart" }),
    undo: cannotUndo,
    async execute(_target, _state, { step }) {
      await step("restart");
      calls.execute++;
      onExecute();
      state.now = { ...state.now, healthy: true, fingerprint: "2", startedAtMs: 2e6 };
      return { ok: true, detail: "restarted" };
    },
    verify: async () => ({ ok: state.now.healthy, detail: "" }),
  };
  return { adapter, calls };
}
