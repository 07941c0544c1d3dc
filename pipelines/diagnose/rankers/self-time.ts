/** Operations whose own work, children taken off, takes another time than before. Client spans are left to `edge-gap`: their time is the way to the callee. */
import { formatDuration } from "../../core/format.ts";
import type { Evidence } from "../../core/records.ts";
import { medianOf, spanStats } from "../span-stats.ts";
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

export const selfTime: Ranker = {
  name: NAME,
  clock: "events",
  rank({ spans }, { timeMs }) {
    if (!spans) return [];
    const { selfUs, calling } = spanStats(spans);
    const size = spans.operations.length;
    const [n0, n1, sum0, sum1] = [0, 0, 0, 0].map(() => new Float64Array(size)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    let before = 0;
    for (let i = 0; i < spans.length; i++) {
      const o = spans.operation[i] as number;
      const log = Math.log((selfUs[i] as number) + SOFT_US);
      const [n, sum] = (spans.startMs[i] as number) < timeMs ? [n0, sum0] : [n1, sum1];
      if (n === n0) before += 1;
      n[o] = (n[o] as number) + 1;
      sum[o] = (sum[o] as number) + log;
    }
    const usual = Math.log(UNUSUAL * medianOf(selfUs) + SOFT_US);
    const best = new Map<number, { score: number; text: string }>();
    const told = (log: number) => formatDuration(Math.max(0, Math.exp(log) - SOFT_US) / 1000);
    for (const [o, { owner, name }] of spans.operations.entries()) {
      if (calling[o]) continue;
      const [a, b] = [n0[o] as number, n1[o] as number];
      const after = (sum1[o] as number) / b;
      let score: number;
      let text: string;
      if (a >= LEAST && b >= LEAST) {
        const was = (sum0[o] as number) / a;
        const change = (after - was) * Math.min(1, Math.sqrt(Math.min(a, b) / FULL));
        // Faster than before may be a shorter way through wrong code.
        score = change > 0 ? change : -0.5 * change;
        text = `${name} takes ${told(after)} of own work instead of ${told(was)}`;
      } else if (before < FEW && b >= LEAST_ALONE) {
        score = 0.5 * Math.max(0, after - usual) * Math.min(1, Math.sqrt(b / FULL));
        text = `${name} takes ${told(after)} of own work`;
      } else continue;
      if (score > (best.get(owner)?.score ?? WEAK)) best.set(owner, { score, text });
    }
    const results: RankerResult[] = [...best].map(([owner, { score, text }]) => {
      const evidence: Evidence[] = [{ ranker: NAME, score: score - WEAK, text }];
      return { entity: spans.owners[owner] as string, score: score - WEAK, for: evidence, against: [] };
    });
    return spoken(results);
  },
};
