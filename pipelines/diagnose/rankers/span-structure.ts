/** Steps that appear in or vanish from an operation: an exception, a skipped branch, a retry. Credited to the one that takes them. */
import type { SpanTable } from "../../core/case-events.ts";
import type { Evidence } from "../../core/records.ts";
import { rateContrast } from "../rates.ts";
import { spanStats } from "../span-stats.ts";
import { kept, timedSums } from "../timed-sums.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "span-structure";
const WEAK = 1.75;

/** Runs of each operation, and the steps that were taken in them. */
const stepsOf = kept((spans: SpanTable) => {
  const { order } = spanStats(spans);
  const { operation, parent, startMs: timesMs } = spans;
  const size = spans.operations.length;
  const places = new Map<number, number>();
  const steps: { parent: number; step: number }[] = [];
  const keys = new Int32Array(spans.length).fill(-1);
  for (let i = 0; i < spans.length; i++) {
    const p = parent[i] as number;
    if (p < 0) continue;
    const pair = (operation[p] as number) * size + (operation[i] as number);
    let at = places.get(pair);
    if (at === undefined) {
      at = steps.push({ parent: operation[p] as number, step: operation[i] as number }) - 1;
      places.set(pair, at);
    }
    keys[i] = at;
  }
  return {
    steps,
    runs: timedSums({ keys: size, order, timesMs, keyOf: (i) => operation[i] as number }),
    taken: timedSums({ keys: steps.length, order, timesMs, keyOf: (i) => keys[i] as number }),
  };
});

export const spanStructure: Ranker = {
  name: NAME,
  clock: "events",
  rank({ spans }, { timeMs }) {
    if (!spans) return [];
    const { steps, runs, taken } = stepsOf(spans);
    const runsBefore = spans.operations.map((_, o) => runs.before(o, timeMs));
    const best = new Map<number, { score: number; text: string }>();
    for (const [k, s] of steps.entries()) {
      const parent = spans.operations[s.parent]!;
      const a = runsBefore[s.parent] as number;
      const b = runs.total(s.parent) - a;
      const before = taken.before(k, timeMs);
      const after = taken.total(k) - before;
      const score = rateContrast(before, a, after, b);
      if (score <= (best.get(parent.owner)?.score ?? WEAK)) continue;
      const step = spans.operations[s.step]!.name;
      const times = (n: number, of: number) => `${Number((n / of).toPrecision(2))} times`;
      const text = `${parent.name} takes the step ${step} ${times(after, b)} instead of ${times(before, a)}`;
      best.set(parent.owner, { score, text });
    }
    const results: RankerResult[] = [...best].map(([owner, { score, text }]) => {
      const evidence: Evidence[] = [{ ranker: NAME, score: score - WEAK, text }];
      return { entity: spans.owners[owner] as string, score: score - WEAK, for: evidence, against: [] };
    });
    return spoken(results);
  },
};
