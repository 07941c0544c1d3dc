/** The gamma distribution: what exact Poisson intervals rest on. */
import { normalQuantile } from "./normal.ts";

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0; relative error about 1e-15. @see Lanczos 1964, SIAM J. Numer. Anal. B 1 */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const z = x - 1;
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (z + i);
  const t = z + LANCZOS.length - 1.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * Regularised lower incomplete gamma P(a, x), a > 0, x >= 0: chance that a gamma variable of shape a is at most x.
 * Series below a + 1, continued fraction above. @see Press et al., Numerical Recipes, 6.2
 */
export function gammaP(a: number, x: number): number {
  if (x <= 0) return 0;
  if (x === Number.POSITIVE_INFINITY) return 1;
  const front = Math.exp(a * Math.log(x) - x - lnGamma(a));
  const rounds = 200 + 20 * Math.ceil(Math.sqrt(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < rounds && term > sum * 1e-16; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return Math.min(1, sum * front);
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < rounds; i++) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b || 1e-300);
    c = b + an / c || 1e-300;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return Math.max(0, 1 - front * h);
}

/** x with P(shape, x) = p, scale 1. Bisection after a first guess: about 1e-14 relative. @see Wilson & Hilferty 1931 */
export function gammaQuantile(shape: number, p: number): number {
  if (!(shape > 0 && p >= 0 && p <= 1)) return Number.NaN;
  if (p === 0) return 0;
  if (p === 1) return Number.POSITIVE_INFINITY;
  const t = 1 / (9 * shape);
  const guess = Math.max(1e-300, shape * (1 - t + normalQuantile(p) * Math.sqrt(t)) ** 3);
  let low = guess;
  let high = guess;
  while (gammaP(shape, low) > p && low > 1e-300) low /= 2;
  while (gammaP(shape, high) < p) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    const middle = (low + high) / 2;
    if (gammaP(shape, middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
