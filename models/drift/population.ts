/** Inner edges of bins, rising, and the share of reference values in each of the edges + 1 bins; `gaps`: share without one. */
export interface ReferenceBins {
  readonly name: string;
  readonly edges: readonly number[];
  readonly shares: readonly number[];
  readonly gaps: number;
}

/** A share of none would make the index infinite. */
const LEAST_SHARE = 1e-4;
/** Values below which nothing is said. */
const LEAST_VALUES = 50;

/** Below 0.1 the same population, to 0.25 shifted, above it another one. */
export type DriftLevel = "stable" | "shifted" | "changed" | "unknown";
export const driftLevel = (psi: number): DriftLevel =>
  Number.isNaN(psi) ? "unknown" : psi < 0.1 ? "stable" : psi < 0.25 ? "shifted" : "changed";

/** Bin of a value, of `edges.length + 1`. O(log bins). */
export function binOf(edges: readonly number[], value: number): number {
  let [lo, hi] = [0, edges.length];
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (value >= edges[mid]!) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/**
 * Population stability index of counts in bins against the shares they had: sum of (now - then) ln(now / then). NaN where
 * there are too few values. `thenValues`: of how many values the shares are; where given, what chance alone would give,
 * (bins - 1) (1 / now + 1 / then), is taken off. @see Siddiqi 2006, "Credit risk scorecards"; Yurdakul 2018, WMU diss. 3208
 */
export function populationStability(
  shares: readonly number[],
  counts: ArrayLike<number>,
  { thenValues, leastValues = LEAST_VALUES }: { thenValues?: number; leastValues?: number } = {},
): number {
  let total = 0;
  for (let b = 0; b < shares.length; b++) total += counts[b]!;
  if (!(total >= leastValues) || !shares.some((s) => s > 0)) return Number.NaN;
  let psi = 0;
  for (let b = 0; b < shares.length; b++) {
    const [p, q] = [Math.max(shares[b]!, LEAST_SHARE), Math.max(counts[b]! / total, LEAST_SHARE)];
    psi += (q - p) * Math.log(q / p);
  }
  if (thenValues === undefined) return psi;
  return Math.max(0, psi - (shares.length - 1) * (1 / total + 1 / Math.max(thenValues, 1)));
}
