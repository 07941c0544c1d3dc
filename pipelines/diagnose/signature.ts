/** What a fault looks like, whoever has it: to recognise it when it comes again, in another service or system. */
import type { Family } from "../core/records.ts";
import type { Analysis } from "./analyse.ts";
import { FAMILY_WEIGHT } from "./family-weight.ts";
import { shiftsAt } from "./shift.ts";

/** Strength by feature, such as `cause cpu up` or `callers latency up`; all > 0. */
export type Signature = Readonly<Record<string, number>>;

/** An incident whose cause is known for certain. */
export interface PastIncident {
  readonly id: string;
  /** The kind of fault in somebody's words: `disk full`. */
  readonly label: string;
  readonly cause: string;
  /** What fixed it; null if nothing was noted. */
  readonly repair: string | null;
  readonly signature: Signature;
}

export interface SimilarIncident {
  readonly id: string;
  readonly label: string;
  readonly cause: string;
  readonly repair: string | null;
  /** Cosine of the two signatures, 0 to 1. */
  readonly similarity: number;
  /** Shared features, the most telling first. */
  readonly why: readonly string[];
}

/** Roles seen from the cause, and how much they tell of the kind of fault. */
const ROLE_WEIGHT = { cause: 1, callers: 0.5, callees: 0.3 } as const;
type Role = keyof typeof ROLE_WEIGHT;
const WEAK = 1;
const WHY_EACH = 4;
const METRIC_SHARE = 0.5;

/** Around one entity of an analysis: its own shifts by family and by metric, its neighbours' by family, and what each ranker said. */
export function signatureOf({ view, onsets, entities }: Analysis, cause: string): Signature {
  const out = new Map<string, number>();
  const raise = (feature: string, v: number) => {
    if (v > (out.get(feature) ?? 0)) out.set(feature, Math.round(v * 1000) / 1000);
  };
  for (const [ranker, v] of Object.entries(entities.find((e) => e.name === cause)?.parts ?? {}))
    if (v > 0 && ranker !== "metric-shift") raise(`found by ${ranker}`, v);
  const onset = onsets[0];
  if (!onset) return Object.fromEntries(out);
  const roles = new Map<string, Role>([[cause, "cause"]]);
  for (const e of view.edges) {
    if (e.callee === cause && !roles.has(e.caller)) roles.set(e.caller, "callers");
    if (e.caller === cause && !roles.has(e.callee)) roles.set(e.callee, "callees");
  }
  const shifts = shiftsAt(view, onset.index);
  for (const [k, s] of view.series.entries()) {
    const role = roles.get(s.entity);
    const score = (shifts.score[k] as number) * worth(s.family);
    if (role === undefined || s.peer !== null || score < WEAK) continue;
    const { before, after } = shifts.get(k);
    const direction = after >= before ? "up" : "down";
    const v = Math.log1p(score) * ROLE_WEIGHT[role];
    raise(`${role} ${s.family} ${direction}`, v);
    if (role === "cause") raise(`cause ${s.metric} ${direction}`, METRIC_SHARE * v);
  }
  return Object.fromEntries([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const worth = (family: Family): number => (family === "silence" ? 1 : FAMILY_WEIGHT[family]);

/** The most similar past incidents, best first; those that share nothing are left out. O(past x features). */
export function similarTo(
  signature: Signature,
  past: readonly PastIncident[],
  { limit = 3, least = 0.3 }: { limit?: number; least?: number } = {},
): SimilarIncident[] {
  const size = norm(signature);
  return past
    .map(({ id, label, cause, repair, signature: other }) => {
      const shared = Object.entries(signature)
        .map(([feature, v]) => ({ feature, v: v * (other[feature] ?? 0) }))
        .filter((f) => f.v > 0)
        .sort((a, b) => b.v - a.v || (a.feature < b.feature ? -1 : 1));
      const cosine = shared.reduce((p, f) => p + f.v, 0) / Math.max(1e-12, size * norm(other));
      const why = shared.slice(0, WHY_EACH).map((f) => f.feature);
      return { id, label, cause, repair, similarity: Math.round(cosine * 1000) / 1000, why };
    })
    .filter((s) => s.similarity >= least)
    .sort((a, b) => b.similarity - a.similarity || (a.id < b.id ? -1 : 1))
    .slice(0, limit);
}

const norm = (s: Signature): number => Math.sqrt(Object.values(s).reduce((p, v) => p + v * v, 0));
