import type { ReferenceBins } from "../registry/manifest.ts";

const BINS = 10;
/** A share of none would make the index infinite. */
const LEAST_SHARE = 1e-4;

/** Bins of equal share (fewer where values repeat) of a column of training rows; NaN are gaps. */
export function referenceBins(name: string, column: Float64Array): ReferenceBins {
  const sorted = column.filter(Number.isFinite).sort();
  const edges: number[] = [];
  for (let b = 1; b < BINS && sorted.length > 0; b++) {
    const edge = sorted[Math.floor((b * sorted.length) / BINS)]!;
    if (edge > (edges.at(-1) ?? sorted[0]!)) edges.push(edge);
  }
  // of one value: below, at, above
  if (edges.length === 0 && sorted.length > 0) edges.push(sorted[0]!, next(sorted[0]!));
  const { shares, gaps } = sharesIn(column, edges);
  return { name, edges, shares, gaps };
}

const next = (v: number) => v + Math.max(Number.MIN_VALUE, Math.abs(v) * 2 ** -40);

function sharesIn(column: Float64Array, edges: readonly number[]): { shares: number[]; gaps: number } {
  const counts = new Array<number>(edges.length + 1).fill(0);
  let seen = 0;
  for (const v of column) {
    if (!Number.isFinite(v)) continue;
    let [lo, hi] = [0, edges.length];
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (v >= edges[mid]!) lo = mid + 1;
      else hi = mid;
    }
    counts[lo]!++;
    seen++;
  }
  return {
    shares: counts.map((c) => (seen > 0 ? c / seen : 0)),
    gaps: column.length > 0 ? 1 - seen / column.length : 0,
  };
}

export interface Drift {
  readonly name: string;
  /** Population stability index: below 0.1 the same, to 0.25 shifted, above it another population. */
  readonly psi: number;
  /** Share of rows without a value, then and now. */
  readonly gaps: readonly [number, number];
  readonly level: "stable" | "shifted" | "changed" | "unknown";
}

/**
 * How far a column has moved from its training rows: sum of (now - then) ln(now / then) over the bins. NaN (unknown)
 * with fewer than 50 values. @see Siddiqi 2006, "Credit risk scorecards"
 */
export function driftOf(reference: ReferenceBins, column: Float64Array): Drift {
  const { shares, gaps } = sharesIn(column, reference.edges);
  const enough = column.length * (1 - gaps) >= 50 && reference.shares.some((s) => s > 0);
  let psi = 0;
  reference.shares.forEach((then, b) => {
    const [p, q] = [Math.max(then, LEAST_SHARE), Math.max(shares[b]!, LEAST_SHARE)];
    psi += (q - p) * Math.log(q / p);
  });
  if (!enough) psi = Number.NaN;
  const level = Number.isNaN(psi) ? "unknown" : psi < 0.1 ? "stable" : psi < 0.25 ? "shifted" : "changed";
  return { name: reference.name, psi, gaps: [reference.gaps, gaps], level };
}
