import type { Session } from "./session-model.ts";

/** How often each event occurs in a session; events are numbered by a vocabulary. */
export type CountVector = ReadonlyMap<number, number>;

/** Sessions with the same counts, as one. */
export interface CountGroup {
  readonly counts: CountVector;
  /** How many sessions. */
  sessions: number;
  /** Of those, labelled anomalous. */
  anomalous: number;
}

/** Numbers for event ids, in order of appearance. */
export class Vocabulary {
  readonly #numbers: Map<string, number>;

  constructor(events: readonly string[] = []) {
    this.#numbers = new Map(events.map((e, i) => [e, i]));
  }

  get events(): string[] {
    return [...this.#numbers.keys()];
  }

  learn(sessions: readonly Session[]): this {
    for (const session of sessions)
      for (const event of session) if (!this.#numbers.has(event)) this.#numbers.set(event, this.#numbers.size);
    return this;
  }

  /** -1 for an event that was never learned. */
  of(event: string): number {
    return this.#numbers.get(event) ?? -1;
  }

  /** Counts of known events, and how many different unknown ones there are. */
  countsOf(session: Session): { counts: CountVector; unknown: number } {
    const counts = new Map<number, number>();
    const unknown = new Set<string>();
    for (const event of session) {
      const number = this.of(event);
      if (number < 0) unknown.add(event);
      else counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    return { counts, unknown: unknown.size };
  }
}

export const keyOf = (counts: CountVector): string =>
  [...counts]
    .sort((a, b) => a[0] - b[0])
    .map(([event, count]) => `${event}:${count}`)
    .join(" ");

/** Distinct count vectors, most sessions first. */
export function groupsOf(vectors: readonly CountVector[], labels?: readonly number[]): CountGroup[] {
  const groups = new Map<string, CountGroup>();
  for (const [i, counts] of vectors.entries()) {
    const key = keyOf(counts);
    const group = groups.get(key) ?? { counts, sessions: 0, anomalous: 0 };
    groups.set(key, group);
    group.sessions++;
    group.anomalous += labels?.[i] ?? 0;
  }
  return [...groups.values()].sort((a, b) => b.sessions - a.sessions);
}

/** Standard deviation of each event's count over all sessions of the groups. */
export function deviationsOf(groups: readonly CountGroup[], events: number): Float64Array {
  const sum = new Float64Array(events);
  const square = new Float64Array(events);
  let n = 0;
  for (const { counts, sessions } of groups) {
    n += sessions;
    for (const [event, count] of counts) {
      sum[event]! += sessions * count;
      square[event]! += sessions * count * count;
    }
  }
  return square.map((s, e) => Math.sqrt(Math.max(0, s / n - (sum[e]! / n) ** 2)));
}

/** A difference of more occurrences counts as this many. */
const MOST_DIFFERENCE = 3;
const OFFSET = 0.5;

/**
 * Sum over events of the difference in occurrences, at most 3, over 0.5 + the event's standard deviation. An event that
 * never varied and is missing once costs 2.
 */
export function distance(a: CountVector, b: CountVector, deviations: Float64Array): number {
  let sum = 0;
  for (const [event, count] of a) {
    const difference = Math.abs(count - (b.get(event) ?? 0));
    if (difference > 0) sum += Math.min(difference, MOST_DIFFERENCE) / (OFFSET + deviations[event]!);
  }
  for (const [event, count] of b)
    if (!a.has(event)) sum += Math.min(count, MOST_DIFFERENCE) / (OFFSET + deviations[event]!);
  return sum;
}
