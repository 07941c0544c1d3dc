/** Moments at which spans and lines, which often cover only minutes, may have begun to tell of the fault. */
import type { CaseView } from "./case-view.ts";
import { indexAt } from "./case-view.ts";
import type { Onset } from "./onset.ts";

const STEPS = 10;

/** Before all of them (nothing normal was recorded) and 10 % to 90 % of their range; flat weights. Empty without events. */
export function eventOnsets(view: CaseView): Onset[] {
  // Spans alone if there are any: lines may reach further.
  const times = view.spans?.startMs ?? view.lines?.timeMs;
  if (!times || times.length === 0) return [];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const t of times) {
    if (t < low) low = t;
    if (t > high) high = t;
  }
  const moments = [low - 1];
  for (let i = 1; i < STEPS; i++) moments.push(low + ((high - low) * i) / STEPS);
  return moments.map((timeMs) => ({ timeMs, index: indexAt(view, timeMs), weight: 1 / STEPS }));
}
