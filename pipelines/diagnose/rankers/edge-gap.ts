/**
 * What a call takes beyond the callee's own span is spent on the way to it: the trace of a slow network. Credited to the
 * callee, averaged over its callers. Works even when nothing was recorded before the onset.
 */
import { formatDuration } from "../../core/format.ts";
import type { Evidence } from "../../core/records.ts";
import { medianOf, spanStats } from "../span-stats.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "edge-gap";
/** Added to gaps before the logarithm, us: differences below it are scheduling. */
const SOFT_US = 2000;
/** Spans' worth of the usual gap that every edge starts with. */
const PRIOR = 4;
/** Below this log ratio it is noise. */
const WEAK = 0.5;

interface Edge {
  readonly caller: number;
  readonly callee: number;
  n0: number;
  n1: number;
  sum0: number;
  sum1: number;
}

export const edgeGap: Ranker = {
  name: NAME,
  clock: "events",
  rank({ spans }, { timeMs }) {
    if (!spans) return [];
    const { calls } = spanStats(spans);
    const gapOf = (i: number) =>
      Math.max(0, (spans.durationUs[spans.parent[i] as number] as number) - (spans.durationUs[i] as number));
    const usual = Math.log(medianOf(Float64Array.from(calls, gapOf)) + SOFT_US);
    const edges = new Map<number, Edge>();
    for (const i of calls) {
      const caller = spans.owner[spans.parent[i] as number] as number;
      const callee = spans.owner[i] as number;
      const key = caller * spans.owners.length + callee;
      const e = edges.get(key) ?? { caller, callee, n0: 0, n1: 0, sum0: 0, sum1: 0 };
      edges.set(key, e);
      const log = Math.log(gapOf(i) + SOFT_US);
      if ((spans.startMs[i] as number) < timeMs) {
        e.n0 += 1;
        e.sum0 += log;
      } else {
        e.n1 += 1;
        e.sum1 += log;
      }
    }
    const board = new Map<number, { sum: number; weight: number; best: number; text: string }>();
    const nameOf = (owner: number) => spans.owners[owner] as string;
    for (const e of edges.values()) {
      if (e.n1 < 2) continue;
      const before = (e.sum0 + PRIOR * usual) / (e.n0 + PRIOR);
      const after = e.sum1 / e.n1;
      const excess = Math.max(0, after - before) * Math.min(1, Math.sqrt(e.n1 / 4));
      const weight = Math.sqrt(e.n1);
      const row = board.get(e.callee) ?? { sum: 0, weight: 0, best: 0, text: "" };
      row.sum += excess * weight;
      row.weight += weight;
      if (excess * weight > row.best) {
        const [was, is] = [before, after].map((v) => formatDuration(Math.max(0, Math.exp(v) - SOFT_US) / 1000));
        row.best = excess * weight;
        row.text = `calls of ${nameOf(e.caller)} spend ${is} on the way to it instead of ${was}`;
      }
      board.set(e.callee, row);
    }
    const results: RankerResult[] = [...board].map(([owner, r]) => {
      const score = Math.max(0, r.sum / r.weight - WEAK);
      const evidence: Evidence[] = score > 0 ? [{ ranker: NAME, score, text: r.text }] : [];
      return { entity: nameOf(owner), score, for: evidence, against: [] };
    });
    return spoken(results);
  },
};
