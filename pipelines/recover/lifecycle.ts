import type { Action, ActionState, Control, Plan } from "../core/records.ts";
import { fromChunk, type PutChunk, toChunk } from "../core/stage.ts";
import { describeAction } from "./actions/descriptions.ts";
import type { ActionLifecycle, Case, Clockwork, Entry, LifecycleOptions } from "./lifecycle-types.ts";
import { makePlan } from "./plan.ts";
import { chooseAction, DEFAULT_LADDER, DEFAULT_POLICY } from "./policy.ts";
import { ACTIVE, DEFAULT_LIMITS, refusal, TRANSITIONS } from "./safety.ts";

export type { ActionLifecycle, LifecycleOptions } from "./lifecycle-types.ts";

const HISTORY_LIMIT = 100;
const RETENTION_MS = 86_400_000;
const UNHURRIED = {
  cooldownMs: 0,
  maxPerHour: Number.POSITIVE_INFINITY,
  staleMs: Number.POSITIVE_INFINITY,
  perAction: {},
};

/**
 * From diagnosed incidents to plans, and from plans to verified repairs: pure and deterministic, does nothing itself.
 * Time is the watermark and the controls' own. Memory: what is unresolved, and a day of what is not.
 */
export function actionLifecycle(options: LifecycleOptions): ActionLifecycle {
  const { targets, policy = DEFAULT_POLICY, ladder = DEFAULT_LADDER, describe = describeAction } = options;
  const { approvalMs = 900_000, verifyMs = 300_000, sureConfidence = 0.6, maxPlans = 4 } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const auto = new Set(options.autoApprove ?? []);
  const entries = new Map<string, Entry>();
  const cases = new Map<string, Case>();
  const time: Clockwork = { nowMs: 0, watermarkMs: 0, seq: 0, starts: [] };
  const dirty = new Set<string>();
  let changed = new Set<string>();

  const ordered = () => [...entries.values()].sort((a, b) => a.seq - b.seq);
  const putCase = (id: string, value: Case) => {
    cases.set(id, value);
    dirty.add(`case/${id}`);
  };
  const putEntry = (entry: Entry) => {
    entries.set(entry.action.plan.id, entry);
    dirty.add(`action/${entry.action.plan.id}`);
  };
  /** Writes history; moves to `state` where the machine has such an edge. */
  function record(planId: string, state: ActionState, detail: string, timeMs: number, more: Partial<Action> = {}) {
    const entry = entries.get(planId)!;
    const { action } = entry;
    const moves = state !== action.state;
    if (moves && !TRANSITIONS[action.state].includes(state)) throw new RangeError(`${action.state} to ${state}`);
    if (!moves && action.history.length >= HISTORY_LIMIT) return;
    const history = [...action.history, { timeMs, state, detail: detail.slice(0, 500) }];
    putEntry({ ...entry, action: { ...action, ...more, state, version: action.version + 1, history } });
    changed.add(planId);
  }
  const against = (plan: Pick<Plan, "action" | "target" | "blastRadius" | "undoOf">, self: string | null) => {
    const others = ordered().map((e) => e.action);
    const troubled = [...cases.values()].filter((c) => c.resolvedMs === null).flatMap((c) => c.entities);
    // A person asks for an undo, knows what they saw, and does not want to wait.
    const bounds = plan.undoOf === undefined ? limits : { ...limits, ...UNHURRIED };
    const view = { ...time, targets, limits: bounds, troubled, others: others.filter((a) => a.plan.id !== self) };
    return refusal(view, plan.action, plan.target, plan.blastRadius, self !== null);
  };
  function stop(id: string, known: Case, last: Action | undefined, text: string) {
    const why = `stopped: ${text}; page a human`;
    putCase(id, { ...known, stopped: true, why });
    if (last !== undefined) record(last.plan.id, last.state, why, time.nowMs, { needsHuman: text });
  }

  function propose(id: string, known: Case) {
    if (known.stopped || known.resolvedMs !== null) return;
    const mine = ordered().filter((e) => e.action.plan.incidentId === id && e.action.plan.undoOf === undefined);
    const plans = mine.map((e) => e.action);
    if (ordered().some(({ action: a }) => a.plan.incidentId === id && a.plan.undoOf && ACTIVE.has(a.state))) return;
    if (plans.some((a) => ACTIVE.has(a.state))) return;
    const say = (why: string) => known.why !== why && putCase(id, { ...known, why });
    const tried = plans.filter((a) => a.attempts > 0);
    const last = tried.at(-1);
    if (tried.filter((a) => a.state === "failed" || a.state === "unverified").length >= 2)
      return stop(id, known, last, "two repairs did not help");
    if (plans.length >= maxPlans) return stop(id, known, plans.at(-1), `${maxPlans} plans were made`);
    if (!known.sure || known.suspect === null) return say("the diagnosis is not settled");
    const target = targets.find((t) => (t.entity ?? t.name) === known.suspect)?.name;
    if (target === undefined) return say("the suspect is not in the allow-list");
    // A database has other rungs than a process: those that the target lacks are left out.
    const rungs = ladder.filter((kind) => describe(kind, target) !== undefined);
    const considered = mine.filter(
      (e) => e.action.plan.target === target && (e.action.attempts > 0 || e.dryRunOk === false),
    );
    const heights = considered.filter((e) => e.action.attempts > 0).map((e) => rungs.indexOf(e.action.plan.action));
    const kinds = new Set(considered.map((e) => e.action.plan.action));
    const next = heights.includes(-1)
      ? undefined
      : rungs.find((kind, i) => i > Math.max(-1, ...heights) && !kinds.has(kind));
    if (considered.length > 0 && next === undefined)
      return stop(id, known, plans.at(-1), "the ladder has no further rung");
    const kind = considered.length === 0 ? known.action : next!;
    if (kind === null) return say("the policy names no action");
    const description = describe(kind, target);
    if (description === undefined) return say(`no action of kind ${kind} for ${target}`);
    const refused = against({ action: kind, target, blastRadius: description.blastRadius }, null);
    if (refused !== null) return say(refused);
    const before = considered.at(-1);
    const how = before?.dryRunOk === false ? "is not possible" : "did not help";
    const reason = before === undefined ? known.reason : `${before.action.plan.action} ${how}: ${known.reason}`;
    const [createdMs, expiresMs] = [time.nowMs, time.nowMs + approvalMs];
    const { onsetMs = null } = known;
    const parts = { incidentId: id, action: kind, target, reason, onsetMs, ...description, createdMs, expiresMs };
    const plan = makePlan(parts);
    if (entries.has(plan.id)) return;
    const history = [{ timeMs: createdMs, state: "proposed" as const, detail: reason }];
    const action: Action = { plan, state: "proposed", version: 1, approvedBy: null, attempts: 0, history };
    putEntry({ action, seq: time.seq++, dryRunOk: null, startedMs: null, endedMs: null });
    changed.add(plan.id);
    say("");
  }

  function approve(entry: Entry, by: string, timeMs: number) {
    const { plan } = entry.action;
    const refused = entry.dryRunOk === false ? "its dry run failed" : against(plan, plan.id);
    if (refused === null) record(plan.id, "approved", `approved by ${by}`, timeMs, { approvedBy: by });
    return refused;
  }
  /** Proposes to take an action's effect back; it needs an approval of its own. From here on people have the incident. */
  function undo({ action, startedMs }: Entry, { by, timeMs }: { by: string; timeMs: number }): string | null {
    const { plan } = action;
    if (plan.undoOf !== undefined) return "it is itself an undo";
    if (action.attempts === 0 || startedMs === null) return "it was never carried out";
    if (action.state === "executing") return "it is still under way";
    if (!plan.reversible) return "it has no way back";
    const later = ordered().find(
      (e) => e.action.plan.target === plan.target && e.seq > entries.get(plan.id)!.seq && e.startedMs !== null,
    );
    if (later !== undefined) return `${later.action.plan.id} came after it`;
    const refused = against({ ...plan, undoOf: plan.id }, null);
    // Its own action may still wait for its verification: that is what is taken back.
    if (refused !== null && !refused.includes(plan.id)) return refused;
    if (action.state === "executed") record(plan.id, "unverified", `undo asked for by ${by}`, timeMs);
    const { id: undoOf, hash: _, ...same } = plan;
    const back = makePlan({
      ...same,
      undoOf,
      reason: `undo of ${undoOf}, asked for by ${by}`,
      effect: `takes back: ${plan.effect}`,
      preconditions: ["the target is as that action left it"],
      reversible: false,
      expectedLoss: "what the target did since that action",
      createdMs: timeMs,
      expiresMs: timeMs + approvalMs,
    });
    const history = [{ timeMs, state: "proposed" as const, detail: back.reason }];
    if (entries.has(back.id)) return `${back.id} was asked for already`;
    const asked: Action = { plan: back, state: "proposed", version: 1, approvedBy: null, attempts: 0, history };
    putEntry({ action: asked, seq: time.seq++, dryRunOk: null, startedMs: null, endedMs: null });
    changed.add(back.id);
    const known = cases.get(plan.incidentId);
    if (known !== undefined)
      putCase(plan.incidentId, { ...known, stopped: true, why: `undone by ${by}; page a human` });
    return null;
  }
  /** Lets time pass: expiry, verification, automatic approval, new plans, and forgetting. */
  function settle() {
    for (const entry of ordered()) {
      const { plan, state } = entry.action;
      const known = cases.get(plan.incidentId);
      const resolvedMs = known?.resolvedMs ?? null;
      if (state === "proposed" || state === "approved") {
        if (resolvedMs !== null && plan.undoOf === undefined)
          record(plan.id, "expired", "the incident resolved before anything was done", time.nowMs);
        else if (time.nowMs > plan.expiresMs) record(plan.id, "expired", "not carried out in time", time.nowMs);
        else if (state === "proposed" && entry.dryRunOk === true && plan.undoOf === undefined && auto.has(plan.action))
          approve(entry, "policy", time.nowMs);
      } else if (state === "executed" && plan.undoOf !== undefined) {
        record(plan.id, "verified", "the target is as it was before", time.nowMs);
        const undone = entries.get(plan.undoOf)?.action;
        if (undone !== undefined) record(undone.plan.id, undone.state, `undone by ${plan.id}`, time.nowMs);
      } else if (state === "executed") {
        const late = time.watermarkMs >= entry.endedMs! + verifyMs;
        if (resolvedMs !== null && resolvedMs >= entry.startedMs!)
          record(plan.id, "verified", "the incident resolved after the action", time.nowMs);
        else if (resolvedMs !== null)
          record(plan.id, "unverified", "the incident had resolved before the action began", time.nowMs);
        else if (late) record(plan.id, "unverified", `not resolved within ${verifyMs} ms`, time.nowMs);
      }
    }
    for (const id of [...cases.keys()].sort()) propose(id, cases.get(id)!);
    const cooldowns = Object.values(limits.perAction ?? {}).map((l) => l.cooldownMs ?? 0);
    const keepMs = Math.max(3_600_000, limits.cooldownMs, ...cooldowns);
    time.starts = time.starts.filter((s) => time.nowMs - s.timeMs < keepMs);
    for (const { action } of ordered()) {
      if (ACTIVE.has(action.state) || time.nowMs - action.history.at(-1)!.timeMs < RETENTION_MS) continue;
      if (cases.get(action.plan.incidentId)?.resolvedMs === null) continue;
      entries.delete(action.plan.id);
      dirty.add(`action/${action.plan.id}`);
    }
    const busy = new Set([...entries.values()].map((e) => e.action.plan.incidentId));
    for (const [id, known] of cases)
      if (known.resolvedMs !== null && !busy.has(id)) {
        cases.delete(id);
        dirty.add(`case/${id}`);
      }
  }
  function drain(): Action[] {
    const out = [...changed].flatMap((id) => entries.get(id)?.action ?? []);
    changed = new Set();
    return out;
  }
  const passed = (ms: number) => {
    time.nowMs = Math.max(time.nowMs, ms);
  };

  return {
    onIncident(incident) {
      const before = cases.get(incident.id);
      if (before !== undefined && incident.version <= before.version) return [];
      const { diagnosis } = incident;
      const settled = diagnosis === null || diagnosis.inconclusive ? undefined : diagnosis.suspects[0];
      const prefix = `${settled?.kind}:`;
      const suspect = (settled?.name.startsWith(prefix) ? settled.name.slice(prefix.length) : settled?.name) ?? null;
      const resolved = incident.state === "resolved";
      putCase(incident.id, {
        version: incident.version,
        resolvedMs: resolved ? (incident.times.resolvedMs ?? time.watermarkMs) : null,
        entities: incident.entities,
        suspect,
        sure: suspect !== null && (before?.suspect === suspect || diagnosis!.confidence >= sureConfidence),
        action: suspect === null ? null : chooseAction(policy, incident),
        reason: diagnosis?.headline ?? "",
        onsetMs: diagnosis === null ? null : Math.min(diagnosis.onsetMs, diagnosis.onsetRangeMs[0]),
        stopped: before?.stopped ?? false,
        why: before?.why ?? "",
      });
      settle();
      return drain();
    },
    onControl(control) {
      passed(control.timeMs);
      const entry = "planId" in control ? entries.get(control.planId) : undefined;
      if (entry !== undefined && "planId" in control) react(entry, control);
      settle();
      return drain();
    },
    advance(watermarkMs) {
      time.watermarkMs = Math.max(time.watermarkMs, watermarkMs);
      passed(watermarkMs);
      settle();
      return drain();
    },
    get: (planId) => entries.get(planId)?.action,
    why: (incidentId) => cases.get(incidentId)?.why ?? "",
    snapshot(put: PutChunk, full = false) {
      if (full) {
        for (const id of cases.keys()) dirty.add(`case/${id}`);
        for (const id of entries.keys()) dirty.add(`action/${id}`);
      }
      for (const key of [...dirty].sort()) {
        const value = key.startsWith("case/") ? cases.get(key.slice(5)) : entries.get(key.slice(7));
        put(key, value === undefined ? undefined : toChunk(value));
      }
      dirty.clear();
      put("clock", toChunk(time));
    },
    restore(chunks) {
      for (const [key, bytes] of chunks) {
        if (key === "clock") Object.assign(time, fromChunk<Clockwork>(bytes));
        else if (key.startsWith("case/")) cases.set(key.slice(5), fromChunk(bytes));
        else if (key.startsWith("action/")) entries.set(key.slice(7), fromChunk(bytes));
      }
    },
  };

  function react(entry: Entry, control: Extract<Control, { planId: string }>) {
    const { plan, state, approvedBy, attempts } = entry.action;
    const note = (detail: string) => record(plan.id, state, detail, control.timeMs);
    const to = (next: ActionState, detail: string, more?: Partial<Action>) =>
      record(plan.id, next, detail, control.timeMs, more);
    if (control.kind === "approve") {
      if (state !== "proposed") return note(`refused: approval by ${control.by}, the plan is ${state}`);
      if (control.hash !== plan.hash) return note(`refused: approval by ${control.by} is for another plan`);
      if (time.nowMs > plan.expiresMs) return note(`refused: approval by ${control.by} came too late`);
      const refused = approve(entry, control.by, control.timeMs);
      if (refused !== null) note(`refused: approval by ${control.by}, ${refused}`);
    } else if (control.kind === "reject") {
      if (state !== "proposed" && state !== "approved") return note(`refused: rejection, the plan is ${state}`);
      to("rejected", `rejected by ${control.by}`);
      const known = cases.get(plan.incidentId);
      if (known !== undefined) putCase(plan.incidentId, { ...known, stopped: true, why: `rejected by ${control.by}` });
    } else if (control.kind === "dryRun") {
      putEntry({ ...entry, dryRunOk: control.ok });
      const told = `dry run ${control.ok ? "ok" : "failed"}: ${control.detail}`;
      // What can't be done is no longer offered; the ladder goes on.
      if (!control.ok && state === "proposed") to("rejected", told);
      else note(told);
    } else if (control.kind === "undo") {
      const refused = undo(entry, control);
      if (refused !== null) note(`refused: undo by ${control.by}, ${refused}`);
    } else if (control.kind === "executing") {
      if (approvedBy === null || (state !== "approved" && state !== "expired"))
        return note(`refused: execution reported, the plan is ${state}`);
      putEntry({ ...entry, startedMs: control.timeMs });
      time.starts.push({ target: plan.target, timeMs: control.timeMs, action: plan.action });
      to("executing", control.detail, { attempts: attempts + 1 });
    } else if (state === "executing") {
      putEntry({ ...entry, endedMs: control.timeMs });
      to(control.ok ? "executed" : "failed", control.detail);
    } else if (state === "approved" && !control.ok) to("rejected", control.detail);
    else note(`refused: result reported, the plan is ${state}`);
  }
}
