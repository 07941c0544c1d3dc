/**
 * Log-likelihood gain of one step before sample i over none, for each i of `at` (1 <= i < n), under Gaussian noise of
 * unknown variance: 0.5 n ln(SST / SSW), with values clipped at 8 robust deviations and a floor of 2 % of level or range
 * under the noise, so that a constant series or a single spike gains little. `from`: where the level is measured from, 100 for a share of
 * good requests in percent. `sorted`: the same values ascending. O(n).
 * @see Hinkley 1970, "Inference about the change-point in a sequence of random variables", Biometrika 57(1)
 */
import { medianDeviation, sortedMedian } from "./sorted.ts";

const CLIP = 8;
const FLOOR = 0.02;

export function stepGains(x: Float64Array, sorted: Float64Array, at: readonly number[], from = 0): Float64Array {
  const n = x.length;
  const out = new Float64Array(at.length);
  if (n < 2) return out;
  const med = sortedMedian(sorted, n);
  const range = (sorted[n - 1] as number) - (sorted[0] as number);
  if (!(range > 0)) return out;
  let [mean, squares] = [0, 0];
  for (let i = 0; i < n; i++) mean += ((x[i] as number) - med) / n;
  for (let i = 0; i < n; i++) squares += ((x[i] as number) - med - mean) ** 2;
  const floor = FLOOR * Math.max(Math.abs(med - from), range);
  const sigma = Math.max(1.4826 * medianDeviation(sorted, n, med), 0.3 * Math.sqrt(squares / n), floor);
  const noise = n * (floor / sigma) ** 2 + 1e-9;
  const sums = new Float64Array(n + 1);
  let all = 0;
  for (let i = 0; i < n; i++) {
    const z = Math.max(-CLIP, Math.min(CLIP, ((x[i] as number) - med) / sigma));
    sums[i + 1] = (sums[i] as number) + z;
    all += z * z;
  }
  const sum = sums[n] as number;
  const total = all - (sum * sum) / n;
  for (const [c, i] of at.entries()) {
    if (i < 1 || i >= n) continue;
    const before = sums[i] as number;
    const within = all - (before * before) / i - (sum - before) ** 2 / (n - i);
    out[c] = Math.max(0, 0.5 * n * Math.log((total + noise) / (Math.max(0, within) + noise)));
  }
  return out;
}
