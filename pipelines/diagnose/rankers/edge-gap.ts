/**
 * What a call takes beyond the callee's own span is spent on the way to it: the trace of a slow network. Credited to the
 * callee, averaged over its callers; but what a caller loses in most of its calls is the caller's, whose CPU or network is
 * taken. Works even when nothing was recorded before the onset.
 */
import type { SpanTable } from "../../core/case-events.ts";
import { formatDuration } from "../../core/format.ts";
import type { Evidence } from "../../core/records.ts";
import { medianOf, spanStats } from "../span-stats.ts";
import { kept, timedSums } from "../timed-sums.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "edge-gap";
/** Added to gaps before the logarithm, us: differences below it are scheduling. */
const SOFT_US = 2000;
/** Spans' worth of the usual gap that every edge starts with. */
const PRIOR = 4;
/** Below this log ratio it is noise. */
const WEAK = 0.5;
/** Of fewer callees nobody can tell whether the caller is late or all of them are far away. */
const CALLEES = 3;

/** Edges, and the log gaps of their calls. */
const gapsOf = kept((spans: SpanTable) => {
  const { calls, order } = spanStats(spans);
  const { parent, owner, durationUs } = spans;
  const gapOf = (i: number) => Math.max(0, (durationUs[parent[i] as number] as number) - (durationUs[i] as number));
  const places = new Map<number, number>();
  const edges: { caller: number; callee: number }[] = [];
  const keys = new Int32Array(spans.length).fill(-1);
  for (const i of calls) {
    const [caller, callee] = [owner[parent[i] as number] as number, owner[i] as number];
    const pair = caller * spans.owners.length + callee;
    let at = places.get(pair);
    if (at === undefined) {
      at = edges.push({ caller, callee }) - 1;
      places.set(pair, at);
    }
    keys[i] = at;
  }
  const sums = timedSums({
    keys: edges.length,
    order,
    timesMs: spans.startMs,
    keyOf: (i) => keys[i] as number,
    amountOf: (i) => Math.log(gapOf(i) + SOFT_US),
  });
  return { edges, sums, usual: Math.log(medianOf(Float64Array.from(calls, gapOf)) + SOFT_US) };
});

interface Gap {
  readonly caller: number;
  readonly callee: number;
  readonly n: number;
  readonly before: number;
  readonly after: number;
  /** Log ratio of the gap to what it was, less where few calls tell. */
  readonly excess: number;
}

function gapsAt(spans: SpanTable, timeMs: number): Gap[] {
  const { edges, sums, usual } = gapsOf(spans);
  const out: Gap[] = [];
  for (const [k, { caller, callee }] of edges.entries()) {
    const n0 = sums.before(k, timeMs);
    const n = sums.total(k) - n0;
    if (n < 2) continue;
    const sum0 = sums.sumBefore(k, timeMs);
    const before = (sum0 + PRIOR * usual) / (n0 + PRIOR);
    const after = (sums.sum(k) - sum0) / n;
    out.push({ caller, callee, n, before, after, excess: Math.max(0, after - before) * Math.min(1, Math.sqrt(n / 4)) });
  }
  return out;
}

/** What each caller loses in half of its calls or more: the (lower) median over its callees. */
function lateCallers(gaps: readonly Gap[]): Map<number, number> {
  const all = new Map<number, number[]>();
  for (const { caller, excess } of gaps) all.set(caller, [...(all.get(caller) ?? []), excess]);
  const out = new Map<number, number>();
  for (const [caller, list] of all)
    if (list.length >= CALLEES) out.set(caller, list.sort((a, b) => a - b)[(list.length - 1) >> 1] as number);
  return out;
}

export const edgeGap: Ranker = {
  name: NAME,
  clock: "events",
  rank({ spans }, { timeMs }) {
    if (!spans) return [];
    const nameOf = (owner: number) => spans.owners[owner] as string;
    const told = (log: number) => formatDuration(Math.max(0, Math.exp(log) - SOFT_US) / 1000);
    const gaps = gapsAt(spans, timeMs);
    const late = lateCallers(gaps);
    const board = new Map<number, { sum: number; weight: number; best: number; text: string }>();
    for (const g of gaps) {
      const weight = Math.sqrt(g.n);
      const own = Math.max(0, g.excess - (late.get(g.caller) ?? 0));
      const row = board.get(g.callee) ?? { sum: 0, weight: 0, best: 0, text: "" };
      row.sum += own * weight;
      row.weight += weight;
      if (own * weight > row.best) {
        row.best = own * weight;
        row.text = `calls of ${nameOf(g.caller)} spend ${told(g.after)} on the way to it instead of ${told(g.before)}`;
      }
      board.set(g.callee, row);
    }
    const scores = new Map([...board].map(([owner, r]) => [owner, { score: r.sum / r.weight, text: r.text }]));
    for (const [owner, score] of late)
      if (score > (scores.get(owner)?.score ?? 0))
        scores.set(owner, {
          score,
          text: `its calls to most others spend ${Math.exp(score).toFixed(1)} times as long on the way`,
        });
    const results: RankerResult[] = [...scores].map(([owner, { score: raw, text }]) => {
      const score = Math.max(0, raw - WEAK);
      const evidence: Evidence[] = score > 0 ? [{ ranker: NAME, score, text }] : [];
      return { entity: nameOf(owner), score, for: evidence, against: [] };
    });
    return spoken(results);
  },
};
