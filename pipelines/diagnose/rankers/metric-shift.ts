/** An entity's own series moved: research section 2, with the part its callees explain taken off. */
import type { Evidence, Family } from "../../core/records.ts";
import { failingFactors } from "../failing.ts";
import { FAMILY_WEIGHT } from "../family-weight.ts";
import { shiftsAt } from "../shift.ts";
import { moved, type Ranker, type RankerResult, spoken } from "./ranker.ts";

/** Shares of the loudest three families. */
const TOP = [1, 0.6, 0.25];
const EXPLAINED = 0.4;
/** Families that a failing callee raises in its callers too. */
const SPREADS: readonly Family[] = ["latency", "errors", "traffic"];

interface Loudest {
  readonly score: number;
  readonly series: number;
}

export const metricShift: Ranker = {
  name: "metric-shift",
  clock: "windows",
  rank(view, { index: onset }) {
    const shifts = shiftsAt(view, onset);
    const factors = failingFactors(view, onset);
    const loudest = new Map<string, Map<Family, Loudest>>();
    for (const [i, s] of view.series.entries()) {
      if (s.peer !== null) continue;
      const failing = s.family === "errors" ? (factors.get(s.entity) ?? 1) : 1;
      const score = (shifts.score[i] as number) * FAMILY_WEIGHT[s.family] * failing;
      if (score <= 0) continue;
      const families = loudest.get(s.entity) ?? new Map<Family, Loudest>();
      loudest.set(s.entity, families);
      if (score > (families.get(s.family)?.score ?? 0)) families.set(s.family, { score, series: i });
    }
    const raw = new Map<string, number>();
    const spread = new Map<string, number>();
    for (const [entity, families] of loudest) {
      const sorted = [...families.values()].map((f) => f.score).sort((a, b) => b - a);
      raw.set(
        entity,
        TOP.reduce((sum, share, k) => sum + share * (sorted[k] ?? 0), 0),
      );
      spread.set(entity, Math.max(...SPREADS.map((f) => families.get(f)?.score ?? 0)));
    }
    const explained = new Map<string, { share: number; by: string }>();
    for (const { caller, callee } of view.edges) {
      const own = raw.get(caller) ?? 0;
      if (own <= 0 || caller === callee) continue;
      const share = Math.min(1, (raw.get(callee) ?? 0) / own) * Math.min(1, (spread.get(caller) ?? 0) / own);
      if (share > (explained.get(caller)?.share ?? 0)) explained.set(caller, { share, by: callee });
    }
    const results: RankerResult[] = [];
    for (const [entity, families] of loudest) {
      const x = explained.get(entity);
      const score = Math.log1p((raw.get(entity) as number) * (1 - EXPLAINED * (x?.share ?? 0)));
      const top = [...families.values()].sort((a, b) => b.score - a.score || a.series - b.series).slice(0, TOP.length);
      const evidence: Evidence[] = top
        .filter((f) => f.score >= 1)
        .map((f) => {
          const s = view.series[f.series]!;
          const shift = shifts.get(f.series);
          const text = moved(s, shift);
          return { ranker: "metric-shift", score: Math.log1p(f.score), text, series: `${entity}/${s.name}` };
        });
      const against: Evidence[] =
        x && x.share >= 0.3
          ? [{ ranker: "metric-shift", score: -x.share, text: `${x.by}, which it calls, changed at least as much` }]
          : [];
      results.push({ entity, score, for: evidence, against });
    }
    return spoken(results);
  },
};
