/** Small dense linear algebra on row-major `Float64Array`s, in place where it can be. */

/** Lower Cholesky factor of a symmetric positive definite [n, n], in place (upper part left alone). @throws RangeError */
export function cholesky(a: Float64Array, n: number): Float64Array {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      if (i === j) {
        if (!(sum > 0)) throw new RangeError(`cholesky: the matrix is not positive definite at ${j}`);
        a[i * n + j] = Math.sqrt(sum);
      } else a[i * n + j] = sum / a[j * n + j]!;
    }
  }
  return a;
}

/** Solves L L' X = B for B [n, m], in place, given the lower factor. */
export function solveFactored(l: Float64Array, n: number, b: Float64Array, m: number): Float64Array {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const f = l[i * n + k]!;
      if (f !== 0) for (let c = 0; c < m; c++) b[i * m + c]! -= f * b[k * m + c]!;
    }
    const d = 1 / l[i * n + i]!;
    for (let c = 0; c < m; c++) b[i * m + c]! *= d;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) {
      const f = l[k * n + i]!;
      if (f !== 0) for (let c = 0; c < m; c++) b[i * m + c]! -= f * b[k * m + c]!;
    }
    const d = 1 / l[i * n + i]!;
    for (let c = 0; c < m; c++) b[i * m + c]! *= d;
  }
  return b;
}

/** Inverse of a lower triangular [n, n], lower triangular. */
export function invertLower(l: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    out[j * n + j] = 1 / l[j * n + j]!;
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum += l[i * n + k]! * out[k * n + j]!;
      out[i * n + j] = -sum / l[i * n + i]!;
    }
  }
  return out;
}

/**
 * Lower W with |W (x - mean)|^2 the squared Mahalanobis distance, the covariance shrunk by `share` of its mean variance
 * times the identity; zero where there is no variance at all.
 */
export function whitener(covariance: Float64Array, n: number, share: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += covariance[i * n + i]!;
  if (!(trace > 0)) return new Float64Array(n * n);
  const shrunk = covariance.slice();
  for (let i = 0; i < n; i++) shrunk[i * n + i]! += (share * trace) / n;
  return invertLower(cholesky(shrunk, n), n);
}
