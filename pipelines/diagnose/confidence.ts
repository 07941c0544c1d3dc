/** Scores to shares of belief, calibrated on recorded incidents: `npm run eval -- rca` prints the reliability diagram. */

/**
 * Sharpness of the softmax: a little less than what fits best on recorded incidents (3 and 2.5; with any one system left
 * out 2.75 to 3.5 and 2.25 to 2.75), so that a system nobody has seen errs on the side of modesty.
 */
const KAPPA_GIVEN = 2.75;
const KAPPA_UNKNOWN = 2.25;
/** The most that may be claimed while the onset is only estimated. */
const MOST_UNKNOWN = 0.9;
const MOST_GIVEN = 0.98;
/** Below this share of belief, or this score, the answer is "inconclusive". */
export const LEAST_CONFIDENCE = 0.4;
export const LEAST_SCORE = 1;
/** Quiet recordings have a median strength of 6.5, faults one of 27; right answers below this are rare. */
export const LEAST_STRENGTH = 7;
/** Samples before the onset without which there is nothing to compare with. */
export const LEAST_BASELINE = 3;

/** `scores` in descending order; shares in [0, 1], the sum at most 1. */
export function beliefs(scores: readonly number[], { given }: { given: boolean }): number[] {
  const best = scores[0] ?? 0;
  const weights = scores.map((s) => Math.exp((given ? KAPPA_GIVEN : KAPPA_UNKNOWN) * (s - best)));
  const sum = weights.reduce((p, v) => p + v, 0);
  const most = given ? MOST_GIVEN : MOST_UNKNOWN;
  return weights.map((w) => Math.min(most, w / sum));
}
