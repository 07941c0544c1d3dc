import {
  binOf,
  type DriftLevel,
  driftLevel,
  populationStability,
  type ReferenceBins,
} from "../../../models/drift/population.ts";

const BINS = 10;

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
  const { counts, seen } = countsIn(column, edges);
  return { name, edges, shares: counts.map((c) => (seen > 0 ? c / seen : 0)), gaps: gapsOf(column, seen) };
}

const next = (v: number) => v + Math.max(Number.MIN_VALUE, Math.abs(v) * 2 ** -40);
const gapsOf = (column: Float64Array, seen: number) => (column.length > 0 ? 1 - seen / column.length : 0);

function countsIn(column: Float64Array, edges: readonly number[]): { counts: number[]; seen: number } {
  const counts = new Array<number>(edges.length + 1).fill(0);
  let seen = 0;
  for (const v of column) {
    if (!Number.isFinite(v)) continue;
    counts[binOf(edges, v)]!++;
    seen++;
  }
  return { counts, seen };
}

export interface Drift {
  readonly name: string;
  /** Population stability index: below 0.1 the same, to 0.25 shifted, above it another population. */
  readonly psi: number;
  /** Share of rows without a value, then and now. */
  readonly gaps: readonly [number, number];
  readonly level: DriftLevel;
}

/** How far a column has moved from its training rows; NaN (unknown) with fewer than 50 values. */
export function driftOf(reference: ReferenceBins, column: Float64Array): Drift {
  const { counts, seen } = countsIn(column, reference.edges);
  const psi = populationStability(reference.shares, counts);
  return { name: reference.name, psi, gaps: [reference.gaps, gapsOf(column, seen)], level: driftLevel(psi) };
}
