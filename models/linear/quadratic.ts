import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { Inputs } from "./inputs.ts";
import { oneRow, rowsOf, toShares, type VectorModel } from "./vector.ts";

/** Dimensions without a value. */
export function gapsOf(x: Float64Array): number[] {
  const gaps: number[] = [];
  for (let d = 0; d < x.length; d++) if (Number.isNaN(x[d])) gaps.push(d);
  return gaps;
}

/** Gives x[gaps] the values that minimise x' M x. O(gaps * dims + gaps^3). */
export function fillGaps(form: Matrix, x: Float64Array, gaps: readonly number[]): void {
  if (gaps.length === 0) return;
  for (const d of gaps) x[d] = 0;
  const pull = gaps.map((d) => -x.reduce((sum, v, j) => sum + form.get(d, j) * v, 0));
  const own = form.selection([...gaps], [...gaps]);
  const best = new CholeskyDecomposition(own).solve(Matrix.columnVector(pull));
  for (const [i, d] of gaps.entries()) x[d] = best.get(i, 0);
}

/**
 * Scores x' M x for the standardised row x less `mean`, with M [dims, dims] symmetric and positive definite; times
 * dims / observed dims where there are gaps. A dimension contributes (Mx)_i^2 / M_ii: what the score would lose if that
 * dimension had its best value instead. O(dims^2) a row, + O(gaps^3).
 * @see Alcala & Qin 2009, Automatica 45(7) (contributions)
 * @see Nelson, Taylor & MacGregor 1996, Chemom. Intell. Lab. Syst. 35(1) (gaps)
 */
export function quadraticModel(
  name: string,
  inputs: Inputs,
  mean: Float64Array,
  form: Matrix,
): Omit<VectorModel, "save"> & { centred(row: Float64Array): Float64Array | undefined } {
  const { dims } = inputs;
  const m = Float64Array.from(form.to1DArray());
  const x = new Float64Array(dims);
  const gradient = new Float64Array(dims);

  /** Row `index` into `x` with gaps filled, M x into `gradient`; gives the observed dimensions, 0 = no opinion. */
  function read(rows: Float64Array, index: number): number {
    if (!inputs.standardise(rows, index, x)) return 0;
    const gaps = gapsOf(x);
    for (let d = 0; d < dims; d++) x[d]! -= mean[d]!;
    fillGaps(form, x, gaps);
    for (let i = 0; i < dims; i++) {
      let sum = 0;
      for (let j = 0; j < dims; j++) sum += m[i * dims + j]! * x[j]!;
      gradient[i] = sum;
    }
    for (const d of gaps) gradient[d] = 0; // so it is, but for rounding
    return dims - gaps.length;
  }
  function value(observed: number): number {
    if (observed === 0) return Number.NaN;
    let sum = 0;
    for (let d = 0; d < dims; d++) sum += x[d]! * gradient[d]!;
    return Math.max(0, (sum * dims) / observed);
  }

  return {
    name,
    dims,
    context: 0,
    score(rows) {
      const out = new Float64Array(rowsOf(name, rows, dims));
      for (let r = 0; r < out.length; r++) out[r] = value(read(rows, r));
      return out;
    },
    contributions(row) {
      oneRow(name, row, dims);
      if (read(row, 0) === 0) return new Float64Array(dims).fill(Number.NaN);
      return toShares(gradient.map((g, d) => g ** 2 / m[d * dims + d]!));
    },
    centred(row) {
      oneRow(name, row, dims);
      return read(row, 0) === 0 ? undefined : Float64Array.from(x);
    },
  };
}
