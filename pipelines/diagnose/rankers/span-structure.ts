/** Steps that appear in or vanish from an operation: an exception, a skipped branch, a retry. Credited to the one that takes them. */
import type { Evidence } from "../../core/records.ts";
import { rateContrast } from "../rates.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "span-structure";
const WEAK = 1.75;

export const spanStructure: Ranker = {
  name: NAME,
  clock: "events",
  rank({ spans }, { timeMs }) {
    if (!spans) return [];
    const size = spans.operations.length;
    const runs0 = new Float64Array(size);
    const runs1 = new Float64Array(size);
    const steps = new Map<number, [before: number, after: number]>();
    for (let i = 0; i < spans.length; i++) {
      const early = (spans.startMs[i] as number) < timeMs;
      const o = spans.operation[i] as number;
      const runs = early ? runs0 : runs1;
      runs[o] = (runs[o] as number) + 1;
      const p = spans.parent[i] as number;
      if (p < 0) continue;
      const key = (spans.operation[p] as number) * size + o;
      const step = steps.get(key) ?? [0, 0];
      steps.set(key, step);
      step[early ? 0 : 1] += 1;
    }
    const best = new Map<number, { score: number; text: string }>();
    for (const [key, [before, after]] of steps) {
      const parent = spans.operations[Math.floor(key / size)]!;
      const [a, b] = [runs0[Math.floor(key / size)] as number, runs1[Math.floor(key / size)] as number];
      const score = rateContrast(before, a, after, b);
      if (score <= (best.get(parent.owner)?.score ?? WEAK)) continue;
      const step = spans.operations[key % size]!.name;
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
