/** Many opinions to one ranking: the only place that weighs rankers against each other. */
import type { Evidence } from "../core/records.ts";
import type { CaseView } from "./case-view.ts";
import type { Onset } from "./onset.ts";
import type { Ranker } from "./rankers/ranker.ts";

/**
 * Found on recorded incidents, each system left out in turn (docs/diagnosis.md): the first and the last four. The others
 * read what only a stream has and give scores on the same scale, on which a difference of 1 should decide: own work or
 * own errors 2, silence 3 to 4, a log burst or a deploy 1.5; judgement, checked on the demo's faults.
 */
export const RANKER_WEIGHT: Readonly<Record<string, number>> = {
  "metric-shift": 1,
  "call-graph": 1.2,
  silence: 1,
  logs: 0.8,
  change: 1,
  "edge-gap": 1,
  "self-time": 0.7,
  "span-structure": 0.3,
  "log-rate": 1,
};
/** Metrics beside traces or logs. */
const METRICS_AMONG_OTHERS = 0.75;
/** Hosts and agents carry everybody's load. */
const HOST_FACTOR = 0.35;
/** Sharpness with which events choose their onset. */
const EVENT_SHARPNESS = 2;

export interface Opinion {
  readonly name: string;
  readonly kind: string;
  readonly score: number;
  /** Parts of the score, by ranker. */
  readonly parts: Readonly<Record<string, number>>;
  readonly for: readonly Evidence[];
  readonly against: readonly Evidence[];
}

interface Board {
  readonly rows: Map<string, { parts: Record<string, number>; for: Evidence[]; against: Evidence[] }>;
}

/**
 * Every entity that may be to blame, in the view's order, its score the mean over onsets. `windows` carry their weights;
 * `events` are weighed by how loud the events speak at each. Evidence is what is seen at the likeliest onset of each.
 */
export function fuse(
  view: CaseView,
  rankers: readonly Ranker[],
  { windows, events }: { windows: readonly Onset[]; events: readonly Onset[] },
): Opinion[] {
  const kinds = new Map(view.entities.map((e) => [e.name, e.kind]));
  const weights = weightsFor(view);
  const boardAt = (clock: Ranker["clock"], onset: Onset): Board => {
    const board: Board = { rows: new Map() };
    for (const ranker of rankers) {
      if (ranker.clock !== clock) continue;
      const factor = weights(ranker.name);
      for (const r of ranker.rank(view, onset)) {
        const row = board.rows.get(r.entity) ?? { parts: {}, for: [], against: [] };
        board.rows.set(r.entity, row);
        const trust = kinds.get(r.entity) === "host" && r.score > 0 ? HOST_FACTOR : 1;
        row.parts[ranker.name] = factor * trust * r.score;
        const scaled = (e: Evidence) => ({ ...e, score: round(e.score * factor) });
        row.for.push(...r.for.map(scaled));
        row.against.push(...r.against.map(scaled));
      }
    }
    return board;
  };
  const onGrid = windows.map((o) => ({ board: boardAt("windows", o), weight: o.weight }));
  const onEvents = loudest(events.map((o) => boardAt("events", o)));
  const both = [onGrid, onEvents].map((list) => [...list].sort((a, b) => b.weight - a.weight));
  return view.entities
    .filter((e) => e.kind !== "objective")
    .map(({ name, kind }) => {
      const parts: Record<string, number> = {};
      for (const { board, weight } of both.flat())
        for (const [ranker, score] of Object.entries(board.rows.get(name)?.parts ?? {}))
          parts[ranker] = (parts[ranker] ?? 0) + weight * score;
      const seen = both.flatMap((list) => list[0]?.board.rows.get(name) ?? []);
      const score = Object.values(parts).reduce((p, v) => p + v, 0);
      return { name, kind, score, parts, for: seen.flatMap((r) => r.for), against: seen.flatMap((r) => r.against) };
    });
}

/** Boards weighed by their loudest row. */
function loudest(boards: readonly Board[]): { board: Board; weight: number }[] {
  const tops = boards.map(({ rows }) =>
    Math.max(0, ...[...rows.values()].map((r) => Object.values(r.parts).reduce((p, v) => p + v, 0))),
  );
  const best = Math.max(0, ...tops);
  const beliefs = tops.map((t) => Math.exp(EVENT_SHARPNESS * (t - best)));
  const sum = beliefs.reduce((p, v) => p + v, 0);
  return boards.map((board, i) => ({ board, weight: (beliefs[i] as number) / sum }));
}

function weightsFor(view: CaseView): (ranker: string) => number {
  const others =
    Boolean(view.spans || view.lines) ||
    view.logs.length > 0 ||
    view.series.some((s) => s.metric.startsWith("spans.") || s.metric.startsWith("logs."));
  return (name) => (RANKER_WEIGHT[name] ?? 1) * (name === "metric-shift" && others ? METRICS_AMONG_OTHERS : 1);
}

export const round = (v: number): number => Math.round(v * 1000) / 1000;
