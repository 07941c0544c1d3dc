/**
 * The last rows side by side, [n, dims * lags], the newest first: so that a model of single rows sees how values move.
 * `past` [(lags - 1) * dims], newest first, is what came before, NaN where nothing did; it is moved on. O(n * dims * lags).
 */
export function embed(rows: Float64Array, dims: number, lags: number, past: Float64Array): Float64Array {
  const n = rows.length / dims;
  const width = dims * lags;
  const out = new Float64Array(n * width);
  for (let i = 0; i < n; i++) {
    const at = i * width;
    for (let d = 0; d < dims; d++) out[at + d] = rows[i * dims + d]!;
    out.set(past, at + dims);
    if (lags === 1) continue;
    past.copyWithin(dims, 0, past.length - dims);
    past.set(rows.subarray(i * dims, (i + 1) * dims));
  }
  return out;
}

/** A past of which nothing is known. */
export const noPast = (dims: number, lags: number): Float64Array =>
  new Float64Array((lags - 1) * dims).fill(Number.NaN);
