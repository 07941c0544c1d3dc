/** Many opinions to one ranking: the only place that weighs rankers against each other. */
import type { Evidence } from "../core/records.ts";
import type { CaseView } from "./case-view.ts";
import type { Onset } from "./onset.ts";
import type { Ranker } from "./rankers/ranker.ts";

/**
 * Metric evidence is worth .75 beside traces and logs (research, section 5). The others give scores on the scale on
 * which a difference of 1 should decide: own work or own errors 2, silence 3 to 4, a log burst or a deploy 1.5.
 * Judgement, checked on synthetic faults and the demo, not learned.
 */
export const RANKER_WEIGHT: Readonly<Record<string, number>> = {
  "metric-shift": 0.75,
  "call-graph": 1.2,
  silence: 1,
  logs: 0.8,
  change: 1,
};
/** Hosts and agents carry everybody's load. */
const HOST_FACTOR = 0.35;
/** Sharpness of the softmax and the most that may be claimed while the onset is only estimated (research, section 6). */
const KAPPA = 1.75;
export const MOST_CONFIDENCE = 0.95;
/** Below this share of belief, or this score, the answer is "inconclusive". */
export const LEAST_CONFIDENCE = 0.4;
export const LEAST_SCORE = 1;
const EVIDENCE_EACH = 8;

export interface Ranked {
  readonly name: string;
  readonly kind: string;
  readonly score: number;
  readonly confidence: number;
  readonly for: readonly Evidence[];
  readonly against: readonly Evidence[];
}

/** Scores averaged over onsets; evidence as seen at the likeliest one. Sorted best first. */
export function fuse(view: CaseView, onsets: readonly Onset[], rankers: readonly Ranker[]): Ranked[] {
  const kinds = new Map(view.entities.map((e) => [e.name, e.kind]));
  const board = new Map<string, { score: number; for: Evidence[]; against: Evidence[] }>();
  for (const [k, { index, weight }] of onsets.entries()) {
    for (const ranker of rankers) {
      const factor = RANKER_WEIGHT[ranker.name] ?? 1;
      for (const r of ranker.rank(view, index)) {
        const entry = board.get(r.entity) ?? { score: 0, for: [], against: [] };
        board.set(r.entity, entry);
        const trust = kinds.get(r.entity) === "host" ? HOST_FACTOR : 1;
        const part = factor * (r.score > 0 ? trust : 1);
        entry.score += weight * part * r.score;
        if (k > 0) continue;
        const scaled = (e: Evidence) => ({ ...e, score: round(e.score * factor) });
        entry.for.push(...r.for.map(scaled));
        entry.against.push(...r.against.map(scaled));
      }
    }
  }
  const rows = [...board]
    .map(([name, r]) => ({
      name,
      kind: kinds.get(name) ?? "service",
      score: r.score,
      for: r.for.sort((a, b) => b.score - a.score || (a.text < b.text ? -1 : 1)).slice(0, EVIDENCE_EACH),
      against: r.against.sort((a, b) => a.score - b.score || (a.text < b.text ? -1 : 1)).slice(0, EVIDENCE_EACH),
    }))
    .filter((r) => r.score > 0)
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
  const best = rows[0]?.score ?? 0;
  const sum = rows.reduce((total, r) => total + Math.exp(KAPPA * (r.score - best)), 0);
  return rows.map((r) => ({
    ...r,
    score: round(r.score),
    confidence: round(Math.min(MOST_CONFIDENCE, Math.exp(KAPPA * (r.score - best)) / sum)),
  }));
}

export const round = (v: number): number => Math.round(v * 1000) / 1000;
