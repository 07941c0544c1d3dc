/** Held-out sessions beyond the quantile that it must rest on at least: fewer, and it is a guess. */
const LEAST_BEYOND = 5;
/** A held-out score this much larger than the one before begins something else than the tail of normal scores. */
const GAP = 1.25;
/** The tail is followed to at most this many times the quantile. */
const FURTHEST = 2;

/**
 * Threshold from the scores of held-out normal sessions: the quantile that a share `falseAlarms` exceeds, and from there
 * to the end of the tail that it lies in: rare normal sessions go on smoothly, anomalies among them begin behind a gap.
 * The share is raised where it would be fewer than five sessions. O(n log n).
 */
export function quantileThreshold(heldOut: readonly number[], falseAlarms: number): number {
  const sorted = Float64Array.from(heldOut).sort();
  const beyond = Math.max(falseAlarms * sorted.length, Math.min(LEAST_BEYOND, sorted.length / 2));
  const at = Math.max(0, Math.ceil(sorted.length - beyond) - 1);
  const quantile = sorted[at] ?? 0;
  let end = quantile;
  for (let i = at + 1; i < sorted.length; i++) {
    const next = sorted[i]!;
    if (next > end * GAP || next > quantile * FURTHEST) break;
    end = next;
  }
  return end;
}
