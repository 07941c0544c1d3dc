/** What chance explains: whether a group may open an incident, and what an incident teaches once it is over. */
import type { Anomaly, Incident } from "../core/records.ts";
import type { Stateful } from "../core/stage.ts";
import { alertBudget } from "./alert-budget.ts";
import { alarmEvidence, benign, confirmed, distinctByFamily, evident, type OpenRule, opens } from "./evidence.ts";
import type { Habits } from "./habits.ts";
import type { Rarity } from "./rarity.ts";

/** Anomalies of one incident that are learned as chance; before the rate of chance is known, more. */
const MOST_LEARNED = 3;
const MOST_LEARNED_COLD = 30;

export interface ChanceOptions {
  /** Without one the rule alone decides. */
  readonly falseIncidentsPerWeek: number | undefined;
  readonly joinMs: number;
  readonly windowMs: number;
  readonly rare: Rarity;
  readonly habit: Habits;
  readonly rule: Omit<OpenRule, "patience">;
  readonly nowMs: () => number;
}

/** An incident under way, as far as learning from its anomalies goes. */
export interface Learned {
  incident: Incident;
  openers: string[];
  /** Of its anomalies, those that ended and were counted as chance. */
  learned?: number;
}

const taken = ({ times }: Incident): boolean =>
  times.acknowledgedMs !== null || times.mitigatedMs !== null || times.verifiedMs !== null;

/** Somebody took it up, or said so. */
const isTaken = (i: Incident): boolean => (i.verdict ? i.verdict.label === "real" : taken(i));
/** As far as is known; then it does not count against the budget. */
const isReal = (i: Incident): boolean => i.muted !== undefined || isTaken(i) || (!i.verdict && evident(i.anomalies));

export function chance({ falseIncidentsPerWeek, joinMs, windowMs, rare, habit, rule, nowMs }: ChanceOptions) {
  const budget = falseIncidentsPerWeek === undefined ? undefined : alertBudget({ falseIncidentsPerWeek, joinMs });
  /** What a series does again and again for nothing says less of it than of others. */
  const evidenceOf = (a: Anomaly) => Math.max(0, alarmEvidence(a) - rare.orders(a, nowMs()));
  const perWeek = (list: readonly Anomaly[]) => budget?.chancePerWeek(distinctByFamily(list, evidenceOf));
  const known = (): boolean => perWeek([]) !== undefined;
  /** Chance has so much going on at any time. */
  const explains = (list: readonly Anomaly[]): boolean => {
    const times = perWeek(list.filter((a) => !benign(a)));
    return budget !== undefined && times !== undefined && times > budget.budget;
  };
  return {
    budget,
    known,
    explains,
    /** By how often chance brings such a group, once that is known; by the rule until then. */
    admits(group: readonly Anomaly[], patience: OpenRule["patience"]): boolean {
      const signs = group.filter((a) => !benign(a) && confirmed(a, nowMs(), { ...rule, patience }));
      if (evident(signs)) return true;
      return known() ? !explains(signs) : opens(group, nowMs(), { ...rule, patience });
    },
    /** Those that hold it open: once the rate of chance is known, those that chance does not explain. */
    telling(signs: readonly Anomaly[]): readonly Anomaly[] {
      const all = distinctByFamily(signs, evidenceOf);
      const least = budget && known() ? (all[budget.tellingOf(all) - 1] ?? 0) : 0;
      return signs.filter((a) => evidenceOf(a) >= least);
    },
    /**
     * What ended at `endMs` without an incident, or with one that nobody took up, was chance; `told`: as it was known
     * before, for more could not have opened anything. Of one incident few count: if it was a fault, it says little of
     * chance.
     */
    learn(told: Anomaly, endMs: number, h?: Learned): void {
      if (told.endMs === null && !(h && isTaken(h.incident))) habit.cameToNothing(told, endMs);
      if (!budget || told.endMs !== null || benign(told) || !confirmed(told, endMs - windowMs, rule)) return;
      if (h) {
        if (isReal(h.incident) || h.openers.includes(told.id)) return;
        h.learned = (h.learned ?? 0) + 1;
        if (h.learned > (known() ? MOST_LEARNED : MOST_LEARNED_COLD)) return;
      }
      budget.learn(evidenceOf(told));
      if (h && known()) rare.cameToNothing(told, nowMs());
    },
    /** It is resolved: what opened it was chance, unless somebody took it up. */
    over({ incident, openers }: Learned): void {
      if (isTaken(incident)) for (const a of incident.anomalies) habit.wasReal(a);
      if (!budget || isReal(incident)) return;
      budget.spent();
      const signs = incident.anomalies.filter((a) => openers.includes(a.id));
      if (signs.length > 0) budget.learn(Math.max(...signs.map(evidenceOf)));
      if (known()) for (const a of signs) rare.cameToNothing(a, nowMs());
    },
    /** Somebody has said what a resolved incident was. */
    judged(before: Incident, after: Incident): void {
      if (isTaken(after) && !isTaken(before)) for (const a of after.anomalies) habit.wasReal(a);
      const [was, is] = [isReal(before), isReal(after)];
      if (is && !was) budget?.refund();
      else if (was && !is) budget?.spent();
    },
    pass: (toMs: number, rows: number): void => budget?.pass(toMs, rows),
    snapshot: (put) => budget?.snapshot(put),
    restore: (chunks) => budget?.restore(chunks),
  } satisfies Stateful & Record<string, unknown>;
}
