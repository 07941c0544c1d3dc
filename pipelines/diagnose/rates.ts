/**
 * How surely two Poisson rates differ: the root of the doubled log-likelihood ratio of n0 in exposure e0 and n1 in e1,
 * about a standard normal deviate. 0 without exposure on both sides.
 * @see Ng & Tang 2005, "Testing the equality of two Poisson means", Statistics in Medicine 24(6)
 */
export function rateContrast(n0: number, e0: number, n1: number, e1: number): number {
  if (e0 <= 0 || e1 <= 0 || n0 + n1 === 0) return 0;
  const rate = (n0 + n1) / (e0 + e1);
  const part = (n: number, e: number) => (n > 0 ? n * Math.log(n / (e * rate)) : 0);
  return Math.sqrt(2 * Math.max(0, part(n0, e0) + part(n1, e1)));
}
