import { cholesky, solveFactored, whitener } from "./dense.ts";

export interface VarOptions {
  /** Rows of the past that the next is told from. */
  order?: number;
  /** Ridge on the weights, as a share of the rows, and further rows of it a regressor: few rows must not over-fit. */
  ridge?: number;
  ridgeRows?: number;
  /** Share of the mean variance added to every variance before a covariance is inverted. */
  shrink?: number;
  /** Least deviation of a column, as a share of its range. */
  floor?: number;
}

/** Deviations at most, of a value and of a change; of an error. */
export const MOST_DEVIATION = 10;
export const MOST_ERROR = 30;
const LEAST_UNIT = 0.01;

/** What usual rows of one entity look like: numbers only, fixed once fitted. `dims` columns, `order` lags. */
export interface VarFit {
  readonly dims: number;
  readonly order: number;
  readonly mean: Float64Array;
  /** One over the deviation. */
  readonly unit: Float64Array;
  /** [order * dims + 1, dims]: newest lag first, the constant last. */
  readonly weights: Float64Array;
  readonly errorMean: Float64Array;
  /** Lower [dims, dims]. */
  readonly errorWhitener: Float64Array;
  readonly errorUnit: Float64Array;
  readonly valueMean: Float64Array;
  readonly valueWhitener: Float64Array;
  readonly changeUnit: Float64Array;
}

/**
 * A vector autoregression with ridge, and the covariance of its errors and of the values, both shrunk. `rows` row-major
 * [n, dims] in order of time, any scale, finite (gaps filled before); `use` 0 leaves a row out of the learning. O(n * (order * dims)^2).
 * @throws RangeError with fewer than 8 rows to use
 * @see Lütkepohl 2005, "New introduction to multiple time series analysis", ch. 3; Ledoit & Wolf 2004, J. Multivar. Anal. 88(2)
 */
export function fitVar(
  rows: Float64Array,
  dims: number,
  { order = 3, ridge = 1e-3, ridgeRows = 0, shrink = 0.1, floor = 0.01 }: VarOptions = {},
  use?: Uint8Array,
): VarFit {
  const n = rows.length / dims;
  if (!Number.isInteger(n) || dims < 1) throw new RangeError(`var: ${rows.length} values are no whole rows of ${dims}`);
  const used: number[] = [];
  for (let i = 0; i < n; i++) if (use?.[i] !== 0) used.push(i);
  if (used.length < 8) throw new RangeError(`var: ${used.length} usable rows; give at least 8`);
  const { mean, unit } = standardisation(rows, dims, used, floor);
  const z = new Float64Array(rows.length);
  for (let i = 0, at = 0; i < n; i++)
    for (let j = 0; j < dims; j++, at++) z[at] = bounded((rows[at]! - mean[j]!) * unit[j]!, MOST_DEVIATION);

  const terms = order * dims + 1;
  const past = new Float64Array(terms);
  past[terms - 1] = 1;
  const lags = (i: number) => {
    for (let l = 0; l < order; l++) {
      const from = Math.max(0, i - 1 - l) * dims;
      for (let j = 0; j < dims; j++) past[l * dims + j] = z[from + j]!;
    }
  };
  const gram = new Float64Array(terms * terms);
  const cross = new Float64Array(terms * dims);
  for (const i of used) {
    lags(i);
    for (let a = 0; a < terms; a++) {
      const x = past[a]!;
      if (x === 0) continue;
      const [g, c, at] = [a * terms, a * dims, i * dims];
      for (let b = 0; b <= a; b++) gram[g + b] = gram[g + b]! + x * past[b]!;
      for (let j = 0; j < dims; j++) cross[c + j] = cross[c + j]! + x * z[at + j]!;
    }
  }
  const penalty = ridge * used.length + ridgeRows * terms;
  for (let a = 0; a < terms; a++) gram[a * terms + a]! += penalty;
  const weights = solveFactored(cholesky(gram, terms), terms, cross, dims);

  const errors = new Float64Array(used.length * dims);
  const values = new Float64Array(used.length * dims);
  used.forEach((i, u) => {
    lags(i);
    const at = u * dims;
    for (let j = 0; j < dims; j++) {
      values[at + j] = z[i * dims + j]!;
      errors[at + j] = z[i * dims + j]!;
    }
    for (let a = 0; a < terms; a++) {
      const x = past[a]!;
      if (x !== 0) for (let j = 0; j < dims; j++) errors[at + j] = errors[at + j]! - x * weights[a * dims + j]!;
    }
  });
  const changeUnit = new Float64Array(dims);
  for (let j = 0; j < dims; j++) {
    let [sum, square] = [0, 0];
    for (const i of used) {
      const change = z[i * dims + j]! - z[Math.max(0, i - 1) * dims + j]!;
      sum += change / used.length;
      square += (change * change) / used.length;
    }
    changeUnit[j] = 1 / Math.max(Math.sqrt(Math.max(0, square - sum * sum)), LEAST_UNIT);
  }
  const ofErrors = momentsOf(errors, dims);
  const ofValues = momentsOf(values, dims);
  return {
    dims,
    order,
    mean,
    unit,
    weights,
    errorMean: ofErrors.mean,
    errorWhitener: whitener(ofErrors.covariance, dims, shrink),
    errorUnit: Float64Array.from(
      { length: dims },
      (_, j) =>
        1 / Math.max(Math.sqrt((ofErrors.covariance[j * dims + j]! * (used.length - 1)) / used.length), LEAST_UNIT),
    ),
    valueMean: ofValues.mean,
    valueWhitener: whitener(ofValues.covariance, dims, shrink),
    changeUnit,
  };
}

const bounded = (v: number, most: number): number => (v > most ? most : v < -most ? -most : v);

/**
 * Mean and one over the deviation of each column. The deviation is at least `floor` times the range of the column; where
 * all columns lie in 0..1 and fill it, somebody scaled them and the range is 1; a constant column gets its own size, and
 * a constant 0 the least there is: any change of it counts as far as a change can.
 */
function standardisation(rows: Float64Array, dims: number, used: readonly number[], floor: number) {
  const mean = new Float64Array(dims);
  const low = new Float64Array(dims).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(dims).fill(Number.NEGATIVE_INFINITY);
  for (const i of used)
    for (let j = 0; j < dims; j++) {
      const v = rows[i * dims + j]!;
      mean[j]! += v / used.length;
      if (v < low[j]!) low[j] = v;
      if (v > high[j]!) high[j] = v;
    }
  const square = new Float64Array(dims);
  for (const i of used)
    for (let j = 0; j < dims; j++) square[j]! += (rows[i * dims + j]! - mean[j]!) ** 2 / used.length;
  const scaled = low.every((v) => v >= 0) && high.every((v) => v <= 1) && high.some((v, j) => v - low[j]! >= 0.5);
  const unit = mean.map((m, j) => {
    const range = high[j]! - low[j]!;
    const size = scaled ? 1 : range > 0 ? range : Math.abs(m);
    return 1 / Math.max(Math.sqrt(square[j]!), floor * size, Number.MIN_VALUE * 2 ** 60);
  });
  return { mean, unit };
}

function momentsOf(rows: Float64Array, dims: number) {
  const n = rows.length / dims;
  const mean = new Float64Array(dims);
  const covariance = new Float64Array(dims * dims);
  for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < dims; j++, at++) mean[j]! += rows[at]! / n;
  const x = new Float64Array(dims);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < dims; j++) x[j] = rows[i * dims + j]! - mean[j]!;
    for (let a = 0; a < dims; a++) {
      const v = x[a]! / (n - 1);
      for (let b = 0; b <= a; b++) covariance[a * dims + b] = covariance[a * dims + b]! + v * x[b]!;
    }
  }
  for (let a = 0; a < dims; a++) for (let b = 0; b < a; b++) covariance[b * dims + a] = covariance[a * dims + b]!;
  return { mean, covariance };
}
