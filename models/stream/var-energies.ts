import { type Kernel, kernelFor, packFull, packLower } from "./kernel.ts";
import { MOST_DEVIATION, MOST_ERROR, type VarFit } from "./var-fit.ts";

export const ENERGIES = 4;

/** The last rows that a fit looks back on, standardised: [order, dims], row `i` at place `i % order`. */
export interface VarPast {
  readonly values: Float64Array;
  rows: number;
}

export const startPast = (fit: VarFit): VarPast => ({ values: new Float64Array(fit.order * fit.dims), rows: 0 });

/** What scoring with one fit needs besides it, and what it leaves: standardised row, its error, its change. */
export interface VarWork {
  readonly z: Float64Array;
  readonly error: Float64Array;
  readonly change: Float64Array;
  readonly kernel: Kernel;
}

export function workFor(fit: VarFit): VarWork {
  const { dims, order } = fit;
  const terms = order * dims + 1;
  const matrices = [
    packFull(fit.weights, terms, dims),
    packLower(fit.errorWhitener, dims),
    packLower(fit.valueWhitener, dims),
  ];
  const [z, error, change] = [new Float64Array(dims), new Float64Array(dims), new Float64Array(dims)];
  return { z, error, change, kernel: kernelFor(matrices, terms) };
}

const bounded = (v: number, most: number): number => (v > most ? most : v < -most ? -most : v);

/**
 * Four energies of one row, each of mean about 1 a column (the Mahalanobis ones about `dims`): squared Mahalanobis
 * distance of the forecast error; mean squared error; squared Mahalanobis distance of the row; mean squared change. Leaves
 * the parts in `work`. `drift`: how far each level has moved since the fit, in deviations. (order + 1) dims^2
 * multiply-adds. Moves `past` on by the row.
 */
export function varEnergies(
  fit: VarFit,
  past: VarPast,
  row: Float64Array,
  drift: Float64Array,
  work: VarWork,
  out: Float64Array,
): void {
  const { dims, order, mean, unit, errorMean, errorUnit, valueMean, changeUnit } = fit;
  const { z, error, change, kernel } = work;
  const { input, output } = kernel;
  const { values, rows } = past;
  for (let j = 0; j < dims; j++) z[j] = bounded((row[j]! - mean[j]!) * unit[j]! - drift[j]!, MOST_DEVIATION);
  if (rows === 0) for (let l = 0; l < order; l++) values.set(z, l * dims);
  const newest = ((rows + order - 1) % order) * dims;
  let at = newest;
  let a = 0;
  for (let l = 0; l < order; l++) {
    for (let j = 0; j < dims; j++, a++) input[a] = values[at + j]!;
    at = at === 0 ? (order - 1) * dims : at - dims;
  }
  input[a] = 1;
  kernel.multiply(0);
  let byColumn = 0;
  let byChange = 0;
  for (let j = 0; j < dims; j++) {
    const e = z[j]! - output[j]!;
    error[j] = e;
    const own = bounded(e * errorUnit[j]!, MOST_ERROR);
    byColumn += own * own;
    const moved = bounded((z[j]! - values[newest + j]!) * changeUnit[j]!, MOST_DEVIATION);
    change[j] = moved;
    byChange += moved * moved;
    input[j] = e - errorMean[j]!;
  }
  kernel.multiply(1);
  out[0] = squares(output, dims);
  const place = (rows % order) * dims;
  for (let j = 0; j < dims; j++) {
    input[j] = z[j]! - valueMean[j]!;
    values[place + j] = z[j]!;
  }
  kernel.multiply(2);
  out[1] = byColumn / dims;
  out[2] = squares(output, dims);
  out[3] = byChange / dims;
  past.rows++;
}

function squares(values: Float64Array, n: number): number {
  let sum = 0;
  for (let j = 0; j < n; j++) sum += values[j]! * values[j]!;
  return sum;
}
