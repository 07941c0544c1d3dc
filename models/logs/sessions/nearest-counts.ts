import { randomOf, shuffle } from "../../neural/random.ts";
import {
  type CountGroup,
  type CountVector,
  deviationsOf,
  distance,
  groupsOf,
  keyOf,
  Vocabulary,
} from "./count-vectors.ts";
import { quantileThreshold } from "./quantile-threshold.ts";
import { checkSessions, checkState, type SessionModel, type SessionModelKind } from "./session-model.ts";
import { type Trim, trimmed } from "./trim.ts";

export interface NearestCountsOptions {
  /**
   * Whether the training sessions may hold anomalies: "auto" (the default) trims when isolated sessions are too many to
   * be rare normal ones.
   */
  trim?: Trim;
}

export interface NearestCounts extends SessionModel {
  /** Training sessions left out as isolated. */
  readonly trimmedSessions: number;
}

const name = "nearest-counts";
const FOLDS = 5;
const PER_UNKNOWN = 2;
/** What rareness of the nearest vector adds: 0.1 for each factor e. */
const RARENESS = 0.1;
/** Distinct vectors kept, the most frequent: bounds memory and the time of a score. */
const MOST_GROUPS = 4000;
const MEMO = 50_000;

interface Parameters {
  readonly events: readonly string[];
  readonly groups: readonly CountGroup[];
  readonly threshold: number;
  readonly trimmedSessions: number;
}

/**
 * Distance to the nearest count vector of a normal session, each event weighed by how much its count varies, plus 2 for
 * each event that was never seen, plus 0.1 ln(n/k) where k of n sessions have that vector. The threshold is the quantile
 * of scores that sessions have when their fifth of the training set is left out.
 * Fit O(distinct^2), score O(distinct vectors * events), once for each distinct session. Finds missing, extra and unknown
 * events; not a changed order.
 */
export const nearestCounts: SessionModelKind<NearestCountsOptions, NearestCounts> = {
  async fit(sessions, _labels, { falseAlarms = 0.003, seed = 1, trim = "auto" } = {}) {
    checkSessions(name, sessions, falseAlarms);
    const vocabulary = new Vocabulary().learn(sessions);
    const events = vocabulary.events;
    const all = sessions.map((s) => vocabulary.countsOf(s).counts);
    const kept = trimmed(groupsOf(all), events.length, trim);
    const keptKeys = new Set(kept.map((g) => keyOf(g.counts)));
    const vectors = all.filter((v) => keptKeys.has(keyOf(v)));
    const heldOut = heldOutScores(vectors, events, seed);
    const threshold = quantileThreshold(heldOut, falseAlarms);
    const trimmedSessions = sessions.length - vectors.length;
    return model({ events, groups: kept, threshold, trimmedSessions });
  },
  async load(state) {
    checkState(name, state);
    const saved = state.values as Omit<Parameters, "groups"> & { groups: [[number, number][], number][] };
    const groups = saved.groups.map(([counts, n]) => ({ counts: new Map(counts), sessions: n, anomalous: 0 }));
    return model({ ...saved, groups });
  },
};

function model({ events, groups: all, threshold, trimmedSessions }: Parameters): NearestCounts {
  const vocabulary = new Vocabulary(events);
  const score = scorer(all, events.length);
  const memo = new Map<string, number>();
  return {
    name,
    threshold,
    trimmedSessions,
    score(session) {
      const { counts, unknown } = vocabulary.countsOf(session);
      const key = keyOf(counts);
      let nearest = memo.get(key);
      if (nearest === undefined) {
        nearest = score(counts);
        if (memo.size >= MEMO) memo.clear();
        memo.set(key, nearest);
      }
      return nearest + PER_UNKNOWN * unknown;
    },
    save: () => ({
      kind: name,
      version: 1,
      values: { events, groups: all.map((g) => [[...g.counts], g.sessions]), threshold, trimmedSessions },
    }),
  };
}

/** Least of distance and rareness over the groups; events that no group has count as unknown. */
export function scorer(groups: readonly CountGroup[], events: number): (counts: CountVector) => number {
  const kept = groups.slice(0, MOST_GROUPS);
  const deviations = deviationsOf(groups, events);
  const total = groups.reduce((sum, g) => sum + g.sessions, 0);
  const seen = new Set(groups.flatMap((g) => [...g.counts.keys()]));
  return (counts) => {
    let least = Number.POSITIVE_INFINITY;
    for (const g of kept) {
      const rareness = RARENESS * Math.log(total / g.sessions);
      if (rareness < least) least = Math.min(least, distance(counts, g.counts, deviations) + rareness);
    }
    let unknown = 0;
    for (const event of counts.keys()) if (!seen.has(event)) unknown++;
    return least + PER_UNKNOWN * unknown;
  };
}

/** The score of each session under the sessions of the other folds. */
export function heldOutScores(vectors: readonly CountVector[], events: readonly string[], seed: number): number[] {
  const order = Uint32Array.from(vectors, (_, i) => i);
  shuffle(order, randomOf(seed));
  const scores: number[] = [];
  for (let fold = 0; fold < FOLDS; fold++) {
    const rest: CountVector[] = [];
    const held: CountVector[] = [];
    for (const [i, v] of order.entries()) (i % FOLDS === fold ? held : rest).push(vectors[v] as CountVector);
    const score = scorer(groupsOf(rest), events.length);
    for (const g of groupsOf(held)) {
      const s = score(g.counts);
      for (let k = 0; k < g.sessions; k++) scores.push(s);
    }
  }
  return scores;
}
