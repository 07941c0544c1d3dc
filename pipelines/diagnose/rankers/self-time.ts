/** Operations whose own work, children taken off, takes another time than before. Client spans are left to `edge-gap`: their time is the way to the callee. */
import type { SpanTable } from "../../core/case-events.ts";
import { formatDuration } from "../../core/format.ts";
import type { Evidence } from "../../core/records.ts";
import { medianOf, spanStats } from "../span-stats.ts";
import { kept, timedSums } from "../timed-sums.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "self-time";
const SOFT_US = 500;
/** Spans on each side from which a difference counts in full. */
const FULL = 20;
const LEAST = 3;
/** With fewer spans than this before the onset, own times are measured against everybody's instead. */
const FEW = 200;
const LEAST_ALONE = 5;
const UNUSUAL = 20;
const WEAK = 0.2;

/** Log own times by operation. */
const ownTimes = kept((spans: SpanTable) => {
  const { selfUs, order } = spanStats(spans);
  const sums = timedSums({
    keys: spans.operations.length,
    order,
    timesMs: spans.startMs,
    keyOf: (i) => spans.operation[i] as number,
    amountOf: (i) => Math.log((selfUs[i] as number) + SOFT_US),
  });
  return { sums, usual: Math.log(UNUSUAL * medianOf(selfUs) + SOFT_US) };
});

export const selfTime: Ranker = {
  name: NAME,
  clock: "events",
  rank({ spans }, { timeMs }) {
    if (!spans) return [];
    const { calling } = spanStats(spans);
    const { sums, usual } = ownTimes(spans);
    const counts = spans.operations.map((_, o) => sums.before(o, timeMs));
    const before = counts.reduce((p, n) => p + n, 0);
    const best = new Map<number, { score: number; text: string }>();
    const told = (log: number) => formatDuration(Math.max(0, Math.exp(log) - SOFT_US) / 1000);
    for (const [o, { owner, name }] of spans.operations.entries()) {
      if (calling[o]) continue;
      const a = counts[o] as number;
      const b = sums.total(o) - a;
      const sum0 = sums.sumBefore(o, timeMs);
      const after = (sums.sum(o) - sum0) / b;
      let score: number;
      let text: () => string;
      if (a >= LEAST && b >= LEAST) {
        const was = sum0 / a;
        const change = (after - was) * Math.min(1, Math.sqrt(Math.min(a, b) / FULL));
        // Faster than before may be a shorter way through wrong code.
        score = change > 0 ? change : -0.5 * change;
        text = () => `${name} takes ${told(after)} of own work instead of ${told(was)}`;
      } else if (before < FEW && b >= LEAST_ALONE) {
        score = 0.5 * Math.max(0, after - usual) * Math.min(1, Math.sqrt(b / FULL));
        text = () => `${name} takes ${told(after)} of own work`;
      } else continue;
      if (score > (best.get(owner)?.score ?? WEAK)) best.set(owner, { score, text: text() });
    }
    const results: RankerResult[] = [...best].map(([owner, { score, text }]) => {
      const evidence: Evidence[] = [{ ranker: NAME, score: score - WEAK, text }];
      return { entity: spans.owners[owner] as string, score: score - WEAK, for: evidence, against: [] };
    });
    return spoken(results);
  },
};
