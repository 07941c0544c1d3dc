/** What the uncertainty of the parameters makes of the top event's probability. */

export interface Uncertainty {
  readonly trials: number;
  readonly seed: number;
  readonly mean: number;
  /** Standard deviation. */
  readonly sigma: number;
  readonly p05: number;
  readonly median: number;
  readonly p95: number;
}

/** Uniform numbers in (0, 1). @see Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA */
export function seeded(seed: number): () => number {
  let state = BigInt.asUintN(64, BigInt(Math.trunc(seed)));
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return (Number((z ^ (z >> 31n)) >> 11n) + 0.5) / 2 ** 53;
  };
}

/** Monte Carlo: `draw` gives the probability for one drawing of all parameters. */
export function uncertaintyOf(
  draw: (random: () => number) => number,
  { trials, seed }: { trials: number; seed: number },
): Uncertainty {
  const random = seeded(seed);
  const values = Float64Array.from({ length: trials }, () => draw(random)).sort();
  const mean = values.reduce((s, v) => s + v, 0) / trials;
  const squares = values.reduce((s, v) => s + (v - mean) ** 2, 0);
  const at = (q: number) => values[Math.min(trials - 1, Math.floor(q * trials))]!;
  return {
    trials,
    seed,
    mean,
    sigma: Math.sqrt(squares / Math.max(1, trials - 1)),
    p05: at(0.05),
    median: at(0.5),
    p95: at(0.95),
  };
}
