import { CholeskyDecomposition, Matrix } from "ml-matrix";

/** Variance that every direction has at least, in standardised units: a hundredth of a usual deviation is never odd. */
export const LEAST_VARIANCE = 1e-4;

export interface Moments {
  readonly rows: number;
  /** [dims]. */
  readonly mean: Float64Array;
  /** Divided by rows, [dims, dims]. */
  readonly covariance: Matrix;
  /** Mean of |x - mean|^4. */
  readonly fourth: number;
}

/** Moments of whole rows. O(rows * dims^2). */
export function moments(rows: Float64Array, dims: number): Moments {
  const n = rows.length / dims;
  const mean = new Float64Array(dims);
  for (let i = 0; i < rows.length; i++) mean[i % dims]! += rows[i]! / n;
  const covariance = Matrix.zeros(dims, dims);
  const x = new Float64Array(dims);
  let fourth = 0;
  for (let r = 0; r < n; r++) {
    let square = 0;
    for (let d = 0; d < dims; d++) {
      x[d] = rows[r * dims + d]! - mean[d]!;
      square += x[d]! ** 2;
    }
    fourth += square ** 2 / n;
    for (let i = 0; i < dims; i++)
      for (let j = i; j < dims; j++) covariance.set(i, j, covariance.get(i, j) + (x[i]! * x[j]!) / n);
  }
  for (let i = 0; i < dims; i++) for (let j = 0; j < i; j++) covariance.set(i, j, covariance.get(j, i));
  return { rows: n, mean, covariance, fourth };
}

/**
 * Covariance pulled towards the mean variance times identity by the share that minimises the expected squared error:
 * invertible with more dimensions than rows. O(dims^2).
 * @see Ledoit & Wolf 2004, J. Multivariate Anal. 88(2)
 */
export function shrunkCovariance({ rows, covariance, fourth }: Moments): { covariance: Matrix; shrinkage: number } {
  const dims = covariance.rows;
  const variance = covariance.trace() / dims;
  const square = covariance.dot(covariance);
  const distance = square - dims * variance ** 2;
  const error = Math.min(distance, (fourth - square) / rows);
  const shrinkage = error > 0 ? error / distance : 0;
  const shrunk = Matrix.mul(covariance, 1 - shrinkage).add(Matrix.eye(dims).mul(shrinkage * variance));
  return { covariance: shrunk, shrinkage };
}

/** Inverse of the shrunk covariance plus each dimension's `noise` and the least variance. O(dims^3). */
export function precision(seen: Moments, noise: Float64Array): Matrix {
  const { covariance } = shrunkCovariance(seen);
  const dims = noise.length;
  for (let d = 0; d < dims; d++) covariance.set(d, d, covariance.get(d, d) + noise[d]! + LEAST_VARIANCE);
  const inverse = new CholeskyDecomposition(covariance).solve(Matrix.eye(dims));
  return Matrix.add(inverse, inverse.transpose()).mul(1 / 2); // symmetric to the bit
}
