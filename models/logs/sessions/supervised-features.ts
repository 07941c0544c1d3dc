import { type CountGroup, type CountVector, groupsOf, keyOf, Vocabulary } from "./count-vectors.ts";
import { scorer } from "./nearest-counts.ts";
import type { Session } from "./session-model.ts";

/** Distinct training sessions as numbers. */
export interface LabelledRows {
  readonly rows: Float64Array[];
  /** 1 where most sessions with these counts are anomalous. */
  readonly labels: number[];
  /** Sessions of each row. */
  readonly weights: number[];
}

/** Turns sessions into the features of the supervised models. Saved with them as plain JSON. */
export interface SessionFeatures {
  readonly dims: number;
  of(session: Session): Float64Array;
  save(): SavedFeatures;
}

export interface SavedFeatures {
  readonly events: readonly string[];
  readonly normal: readonly (readonly [readonly (readonly [number, number])[], number])[];
}

/** Distances beyond it are the same: far. */
const MOST_DISTANCE = 20;

/**
 * Features: the count of each event (log of 1 + count), the number of unknown events, and the distance to the nearest
 * normal count vector of the training set, which says that a session is new where counts alone can't. A training session's
 * own vector is left out of its distance when no other session has it.
 */
export function fitFeatures(
  sessions: readonly Session[],
  labels: readonly number[],
): { features: SessionFeatures; data: LabelledRows } {
  const vocabulary = new Vocabulary().learn(sessions);
  const events = vocabulary.events;
  const groups = groupsOf(
    sessions.map((s) => vocabulary.countsOf(s).counts),
    labels,
  );
  const normal = groups
    .map((g) => ({ counts: g.counts, sessions: g.sessions - g.anomalous, anomalous: 0 }))
    .filter((g) => g.sessions > 0);
  const score = scorer(normal, events.length);
  const alone = new Set(normal.filter((g) => g.sessions === 1).map((g) => keyOf(g.counts)));
  const data: LabelledRows = { rows: [], labels: [], weights: [] };
  for (const g of groups) {
    const key = keyOf(g.counts);
    const ownScore = alone.has(key)
      ? scorer(
          normal.filter((n) => keyOf(n.counts) !== key),
          events.length,
        )
      : score;
    data.rows.push(row(g.counts, 0, events.length, ownScore));
    data.labels.push(2 * g.anomalous >= g.sessions ? 1 : 0);
    data.weights.push(g.sessions);
  }
  return { features: featuresOf(events, normal), data };
}

export function loadFeatures({ events, normal }: SavedFeatures): SessionFeatures {
  return featuresOf(
    events,
    normal.map(([counts, sessions]) => ({ counts: new Map(counts), sessions, anomalous: 0 })),
  );
}

function featuresOf(events: readonly string[], normal: readonly CountGroup[]): SessionFeatures {
  const vocabulary = new Vocabulary(events);
  const score = scorer(normal, events.length);
  return {
    dims: events.length + 2,
    of(session) {
      const { counts, unknown } = vocabulary.countsOf(session);
      return row(counts, unknown, events.length, score);
    },
    save: () => ({ events, normal: normal.map((g) => [[...g.counts], g.sessions] as const) }),
  };
}

function row(
  counts: CountVector,
  unknown: number,
  events: number,
  score: (counts: CountVector) => number,
): Float64Array {
  const out = new Float64Array(events + 2);
  for (const [event, count] of counts) out[event] = Math.log1p(count);
  out[events] = unknown;
  out[events + 1] = Math.min(MOST_DISTANCE, score(counts) + 2 * unknown);
  return out;
}
