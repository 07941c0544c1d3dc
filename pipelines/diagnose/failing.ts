/**
 * Of the requests that fail since the onset, how many fail at each entity. A ratio alone misleads: eight of a hundred
 * calls to a rarely used address are a louder ratio than thirty of a thousand at the service behind it, where all of the
 * failures pass.
 */
import { benignDirection } from "../core/metric-family.ts";
import type { CaseSeries, CaseView } from "./case-view.ts";
import { kept } from "./timed-sums.ts";

/** Share of an entity's error score that does not depend on how many requests failed. */
const LEAST = 0.3;
const RATIO = /ratio|percent|pct|share|error_?rate|fail\w*_?rate/;
const LOAD = /request|workload|throughput|rate$|[qrt]ps$|(^|[._-])loa?d$/;

interface Served {
  readonly entity: string;
  readonly ratio: CaseSeries;
  readonly load: CaseSeries;
  /** The ratio is of good requests. */
  readonly good: boolean;
  /** 1, or 100 where it is in percent. */
  readonly whole: number;
}

/** Entities of which both a ratio of failing or good requests and their number or rate are recorded. */
const servedOf = kept((view: CaseView): Served[] => {
  const loads = new Map<string, CaseSeries>();
  for (const s of view.series)
    if (s.family === "traffic" && s.peer === null && LOAD.test(s.metric.toLowerCase()) && !loads.has(s.entity))
      loads.set(s.entity, s);
  return view.series.flatMap((ratio) => {
    const load = loads.get(ratio.entity);
    if (ratio.family !== "errors" || ratio.peer !== null || !load) return [];
    const good = benignDirection(ratio.metric) === 1;
    if (!good && !RATIO.test(ratio.metric.toLowerCase())) return [];
    const most = ratio.values.reduce((p, v) => (v > p ? v : p), 0);
    return [{ entity: ratio.entity, ratio, load, good, whole: most > 1.5 ? 100 : 1 }];
  });
});

/**
 * Factor in [0.3, 1] for what an entity's error series say, by its share of the requests that fail beyond what failed
 * before; 1 for the one with most of them. Entities of which it is not known are left out. O(entities x windows).
 */
export function failingFactors(view: CaseView, onset: number): ReadonlyMap<string, number> {
  const extra = new Map<string, number>();
  for (const served of servedOf(view))
    extra.set(served.entity, Math.max(extra.get(served.entity) ?? 0, extraFailures(served, onset, view.length)));
  const most = Math.max(0, ...extra.values());
  return new Map([...extra].map(([e, n]) => [e, most > 0 ? LEAST + (1 - LEAST) * (n / most) : 1]));
}

function extraFailures({ ratio, load, good, whole }: Served, onset: number, length: number): number {
  const sums = (from: number, to: number) => {
    let [requests, failed] = [0, 0];
    for (let i = from; i < to; i++) {
      const share = (ratio.values[i] as number) / whole;
      const n = load.values[i] as number;
      if (!Number.isFinite(share) || !(n > 0)) continue;
      requests += n;
      failed += n * (good ? 1 - share : share);
    }
    return { requests, failed };
  };
  const [before, after] = [sums(0, onset), sums(onset, length)];
  const usual = before.requests > 0 ? before.failed / before.requests : 0;
  return Math.max(0, after.failed - usual * after.requests);
}
