/** How often each kind of fault happens and how long it lasts: what incidents teach a fault tree's basic events. */
import { type Duration, kaplanMeier, restrictedMean } from "../../../models/survival/kaplan-meier.ts";
import type { OutageRecord } from "../../core/reliability.ts";
import type { BasicEvent, Expression, FaultTreeModel } from "./model.ts";

const HOUR = 3_600_000;

export interface SignatureRate {
  /** `service|mode`. */
  readonly signature: string;
  readonly failures: number;
  readonly exposureHours: number;
  /** Mean time until it is over, those that are not over counted as lasting at least until now; null without a failure. */
  readonly downHours: number | null;
}

/** Outages that began within [fromMs, toMs). */
export function signatureRates(
  outages: readonly OutageRecord[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Map<string, SignatureRate> {
  const perSignature = new Map<string, Duration[]>();
  for (const o of outages) {
    if (o.startMs < fromMs || o.startMs >= toMs) continue;
    const key = `${o.service}|${o.mode}`;
    const isOver = o.resolvedMs !== null && o.resolvedMs <= toMs;
    const time = ((isOver ? o.resolvedMs! : toMs) - o.startMs) / HOUR;
    const known = perSignature.get(key);
    if (known) known.push({ time, ended: isOver });
    else perSignature.set(key, [{ time, ended: isOver }]);
  }
  const exposureHours = (toMs - fromMs) / HOUR;
  return new Map(
    [...perSignature]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([signature, durations]) => {
        const longest = durations.reduce((m, d) => Math.max(m, d.time), 0);
        const downHours = restrictedMean(kaplanMeier(durations), longest);
        return [signature, { signature, failures: durations.length, exposureHours, downHours }];
      }),
  );
}

/** Mean time until it is over, of all kinds of fault together; null without any. */
export function pooledDownHours(rates: Iterable<SignatureRate>): number | null {
  let [failures, hours] = [0, 0];
  for (const r of rates) {
    if (r.downHours === null) continue;
    failures += r.failures;
    hours += r.failures * r.downHours;
  }
  return failures === 0 ? null : hours / failures;
}

const number = (value: number): Expression => ({ kind: "number", value });
const call = (name: string, args: readonly Expression[], where: string): Expression => ({
  kind: "call",
  name,
  args,
  where,
});

/**
 * Chance of being down at the mission time: rate λ with what the count leaves open (gamma, Jeffreys' half added), repaired
 * at the rate seen. Without a repair ever seen, the chance of a failure until then.
 * @see Atwood et al. 2003, NUREG/CR-6823, 6.2.2.5
 */
export function eventExpression(rate: SignatureRate, where: string): Expression {
  const { failures, exposureHours, downHours } = rate;
  const lambda = call("gamma-deviate", [number(failures + 0.5), number(1 / Math.max(exposureHours, 1e-9))], where);
  const time: Expression = { kind: "mission-time" };
  return downHours !== null && downHours > 0
    ? call("GLM", [number(0), lambda, number(1 / downHours), time], where)
    : call("exponential", [lambda, time], where);
}

/**
 * The model with the probability of every event that has a signature taken from incidents; one that did not happen in the
 * window has no failure in its exposure. Gives the ids of the events too.
 */
export function withIncidents(
  model: FaultTreeModel,
  outages: readonly OutageRecord[],
  window: { fromMs: number; toMs: number },
): { model: FaultTreeModel; updated: string[] } {
  const rates = signatureRates(outages, window);
  const exposureHours = (window.toMs - window.fromMs) / HOUR;
  const pooled = pooledDownHours(rates.values());
  const updated: string[] = [];
  const basicEvents = new Map<string, BasicEvent>();
  for (const [id, event] of model.basicEvents) {
    if (event.signature === undefined) {
      basicEvents.set(id, event);
      continue;
    }
    const { signature } = event;
    const rate = rates.get(signature) ?? { signature, failures: 0, exposureHours, downHours: null };
    const downHours = rate.downHours ?? repairOf(event.expression) ?? pooled;
    basicEvents.set(id, { ...event, expression: eventExpression({ ...rate, downHours }, event.where) });
    updated.push(id);
  }
  return { model: { ...model, basicEvents }, updated };
}

/** Mean repair time that the event was written with: kept where no failure says another. */
function repairOf(expression: Expression | undefined): number | null {
  if (expression?.kind !== "call" || expression.name !== "GLM") return null;
  const mu = expression.args[2];
  return mu?.kind === "number" && mu.value > 0 ? 1 / mu.value : null;
}
