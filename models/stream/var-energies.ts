import { MOST_DEVIATION, MOST_ERROR, type VarFit } from "./var-fit.ts";

export const ENERGIES = 4;

/** The last rows that a fit looks back on, standardised: [order, dims], newest first. */
export interface VarPast {
  readonly values: Float64Array;
  rows: number;
}

export const startPast = (fit: VarFit): VarPast => ({ values: new Float64Array(fit.order * fit.dims), rows: 0 });

/** Scratch of one fit: standardised row, its error, its change. */
export interface VarWork {
  readonly z: Float64Array;
  readonly error: Float64Array;
  readonly change: Float64Array;
}
export const workFor = (dims: number): VarWork => ({
  z: new Float64Array(dims),
  error: new Float64Array(dims),
  change: new Float64Array(dims),
});

const bounded = (v: number, most: number): number => (v > most ? most : v < -most ? -most : v);

/**
 * Four energies of one row, each of mean about 1 a column (the Mahalanobis ones about `dims`): squared Mahalanobis distance of the forecast
 * error; mean squared error; squared Mahalanobis distance of the row; mean squared change. Leaves the parts in `work`.
 * (order + 1) dims^2 multiply-adds. Moves `past` on by the row.
 */
export function varEnergies(fit: VarFit, past: VarPast, row: Float64Array, work: VarWork, out: Float64Array): void {
  const { dims, order, mean, unit, weights } = fit;
  const { z, error, change } = work;
  const { values } = past;
  for (let j = 0; j < dims; j++) z[j] = bounded((row[j]! - mean[j]!) * unit[j]!, MOST_DEVIATION);
  if (past.rows === 0) for (let l = 0; l < order; l++) values.set(z, l * dims);
  const constant = order * dims * dims;
  for (let j = 0; j < dims; j++) error[j] = z[j]! - weights[constant + j]!;
  const terms = order * dims;
  let at = 0;
  for (let a = 0; a < terms; a++) {
    const x = values[a]!;
    for (let j = 0; j < dims; j++) error[j] = error[j]! - x * weights[at + j]!;
    at += dims;
  }
  let [byError, byColumn, byValue, byChange] = [0, 0, 0, 0];
  const { errorMean, errorWhitener, errorUnit, valueMean, valueWhitener, changeUnit } = fit;
  at = 0;
  for (let j = 0; j < dims; j++) {
    let [e, v] = [0, 0];
    for (let k = 0; k <= j; k++) {
      e += errorWhitener[at + k]! * (error[k]! - errorMean[k]!);
      v += valueWhitener[at + k]! * (z[k]! - valueMean[k]!);
    }
    at += dims;
    byError += e * e;
    byValue += v * v;
    const own = bounded(error[j]! * errorUnit[j]!, MOST_ERROR);
    byColumn += own * own;
    const moved = bounded((z[j]! - values[j]!) * changeUnit[j]!, MOST_DEVIATION);
    change[j] = moved;
    byChange += moved * moved;
  }
  out[0] = byError;
  out[1] = byColumn / dims;
  out[2] = byValue;
  out[3] = byChange / dims;
  values.copyWithin(dims, 0, (order - 1) * dims);
  values.set(z, 0);
  past.rows++;
}
