/** How much an anomaly says that something is wrong, and when a group of them is an incident. */
import { isBenign } from "../core/metric-family.ts";
import type { Anomaly, Family } from "../core/records.ts";
import { isSelf } from "../core/self.ts";

/** Silence and failing requests hardly ever have innocent causes, load and caches often do. Judgement, tuned on noise runs. */
const FAMILY_WEIGHT: Readonly<Record<Family, number>> = {
  silence: 1.5,
  errors: 1.2,
  latency: 1,
  traffic: 0.6,
  memory: 0.5,
  cpu: 0.5,
  disk: 0.6,
  network: 0.3,
  other: 0.2,
};
/** A host carries everybody's load, our own too. */
const HOST_FACTOR = 0.3;
const BENIGN_FACTOR = 0.1;
/** Decimal orders of improbability from which an anomaly counts in full. */
const FULL_STRENGTH = 6;
/** Of an anomaly whose evidence is not told. */
const MOST_EVIDENCE = 15;
/** Late data and slow commits are ours to bear; an incident of our own takes several signs. */
const SELF_FACTOR = 0.7;
/** Series of one family on one entity tell the same story: the k-th strongest counts half of the one before. */
const REPEAT_FACTOR = 0.5;

/** A value that never left the expected band is rare at most: nobody who looks at the chart would call it wrong. */
const WITHIN_FACTOR = 0.5;

const metricOf = (series: string): string => series.split("{", 1)[0] as string;

/** Both ends of a call measure one thing: what the caller sees of its peer is about the peer. */
function aboutOf(a: Anomaly): { entity: string; series: string } {
  const peer = /^spans\.client\.\w+\{(?:[^}]*,)?peer=([^,}]+)/.exec(a.series)?.[1];
  if (peer === undefined) return a;
  return { entity: peer, series: metricOf(a.series).replace("spans.client.", "spans.server.") };
}

export const benign = (a: Anomaly): boolean => isBenign(metricOf(a.series), a.direction);

export const isSymptom = (a: Anomaly): boolean =>
  (a.family === "silence" || a.family === "errors" || a.family === "latency") && a.entityKind !== "host" && !benign(a);

const within = ({ value, band }: Anomaly): boolean => value >= band.low && value <= band.high;

/** Drift within the band, as load has it every day, is no incident by itself however long it lasts. */
const isResource = (a: Anomaly): boolean =>
  (a.family === "memory" || a.family === "disk" || a.family === "cpu") &&
  a.entityKind !== "host" &&
  !benign(a) &&
  !within(a);

/** Share of failing requests at which nobody waits to see whether it was chance. */
const GRAVE = 0.3;
export const isGrave = (a: Anomaly): boolean =>
  a.family === "silence" || (a.family === "errors" && a.series.includes("error_ratio") && a.value >= GRAVE);

/** In [0, 1.5]. */
export function weightOf(a: Anomaly): number {
  const strength = Math.min(1, -Math.log10(Math.max(a.p, 1e-300)) / FULL_STRENGTH);
  return importanceOf(a) * strength;
}

/** What an anomaly says however strong it is, in [0.002, 1.5]. */
function importanceOf(a: Anomaly): number {
  const host = a.entityKind === "host" ? HOST_FACTOR : 1;
  const own = isSelf(a.entity) ? SELF_FACTOR : 1;
  const telling = (benign(a) ? BENIGN_FACTOR : 1) * (within(a) ? WITHIN_FACTOR : 1);
  return FAMILY_WEIGHT[a.family] * host * own * telling;
}

/** Evidence that something is wrong, in decimal orders: of the anomaly being no chance, and of one like it meaning a fault. */
export function alarmEvidence(a: Anomaly): number {
  const own = a.evidence ?? Math.min(MOST_EVIDENCE, -Math.log10(Math.max(a.p, 1e-300)));
  return Math.max(0, own + 2 * Math.log10(importanceOf(a)));
}

/** Strongest first, the stronger alone of those that tell of one family on one entity. */
export function distinctByFamily(anomalies: readonly Anomaly[], evidenceOf: Weigh): number[] {
  const best = new Map<string, number>();
  for (const a of anomalies) {
    const key = `${aboutOf(a).entity}\u0000${a.family}`;
    best.set(key, Math.max(best.get(key) ?? 0, evidenceOf(a)));
  }
  return [...best.values()].sort((x, y) => y - x);
}

/** Near the most that a detector ever says: it adds so much a window at most, and forgets in between. */
const SATURATED = 0.9 * MOST_EVIDENCE;

/**
 * Whether signs are beyond what anybody would call chance, whatever has been learned of chance: out of their bands for
 * long, in two ways on one entity, one of them a symptom; or gravely failing. Frequent faults that nobody labels would
 * otherwise pass for chance, and no longer open.
 */
export function evident(signs: readonly Anomaly[]): boolean {
  const strong = signs.filter(
    (a) => !benign(a) && !within(a) && a.entityKind !== "host" && alarmEvidence(a) >= SATURATED,
  );
  if (strong.some(isGrave)) return true;
  return strong.some(
    (a) => isSymptom(a) && strong.some((b) => b.family !== a.family && aboutOf(b).entity === aboutOf(a).entity),
  );
}

/** Whether an anomaly that was there at `atMs` had stayed long enough by then to be more than a stall of the machine. */
export function confirmed(
  a: Anomaly,
  atMs: number,
  { confirmMs, confirmErrorsMs, patience }: Pick<OpenRule, "confirmMs" | "confirmErrorsMs" | "patience">,
): boolean {
  const factor = patience?.ids.has(a.id) ? patience.factor : 1;
  const leastMs = (a.family === "errors" ? confirmErrorsMs : confirmMs) * factor;
  return isGrave(a) || atMs - a.detectedMs >= leastMs;
}

export type Weigh = (a: Anomaly) => number;

/** Sum of weights, repeats of one family on one entity discounted; independent of order. */
export function totalWeight(anomalies: readonly Anomaly[], weigh: Weigh = weightOf): number {
  const groups = new Map<string, number[]>();
  for (const a of anomalies) {
    const key = `${aboutOf(a).entity}\u0000${a.family}`;
    const group = groups.get(key);
    if (group) group.push(weigh(a));
    else groups.set(key, [weigh(a)]);
  }
  let total = 0;
  for (const key of [...groups.keys()].sort()) {
    let factor = 1;
    for (const w of (groups.get(key) as number[]).sort((x, y) => y - x)) {
      total += w * factor;
      factor *= REPEAT_FACTOR;
    }
  }
  return total;
}

export interface OpenRule {
  readonly minEvidence: number;
  /** A resource anomaly that has stayed this long is an incident of its own, ms. */
  readonly sustainMs: number;
  /** What is neither silence nor gravely failing counts once it has lasted this long: a stall of the machine looks the same at first, ms. */
  readonly confirmMs: number;
  /** Failing requests, where fewer than `GRAVE` of them: two that failed by chance leave no trace after this, ms. */
  readonly confirmErrorsMs: number;
  /** Anomalies that have to last so many times as long. */
  readonly patience?: { readonly ids: ReadonlySet<string>; readonly factor: number };
  /** Weight of one anomaly, default `weightOf`. */
  readonly weigh?: Weigh;
}

/** Whether active, connected anomalies make an incident at `nowMs`. */
export function opens(active: readonly Anomaly[], nowMs: number, rule: OpenRule): boolean {
  const { weigh = weightOf } = rule;
  const telling = active.filter((a) => !benign(a));
  const lasted = (a: Anomaly, ms: number) =>
    nowMs - a.detectedMs >= ms * (rule.patience?.ids.has(a.id) ? rule.patience.factor : 1);
  if (telling.some((a) => isResource(a) && weigh(a) >= 0.25 && lasted(a, rule.sustainMs))) return true;
  const symptoms = telling.filter(isSymptom);
  if (symptoms.length === 0) return false;
  const distinct = new Set(
    telling.filter((a) => a.entityKind !== "host").map((a) => `${aboutOf(a).entity}/${aboutOf(a).series}`),
  );
  if (distinct.size < 2) return false;
  const settled = active.filter((a) => confirmed(a, nowMs, rule));
  return settled.some(isSymptom) && totalWeight(settled, weigh) >= rule.minEvidence - 1e-9;
}

/** Order of importance: active before closed, strongest first, then by time and id. */
export function byStrength(a: Anomaly, b: Anomaly): number {
  const open = Number(a.endMs !== null) - Number(b.endMs !== null);
  return open || weightOf(b) - weightOf(a) || a.p - b.p || a.startMs - b.startMs || (a.id < b.id ? -1 : 1);
}

/** Order of time. */
export const byStart = (a: Anomaly, b: Anomaly): number =>
  a.startMs - b.startMs || a.detectedMs - b.detectedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
