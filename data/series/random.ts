/** Seeded random numbers of one generator (mulberry32): the same seed gives the same series on every machine. */
export interface Random {
  /** In (0, 1). */
  uniform(): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Poisson of this mean >= 0; by a normal above 50. */
  poisson(mean: number): number;
  /** Integer in [from, to). */
  integer(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
}

export function random(seed: number): Random {
  let a = seed >>> 0;
  const uniform = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const integer = (from: number, to: number) => from + Math.floor(uniform() * (to - from));
  return {
    uniform,
    normal,
    integer,
    pick: (from) => from[integer(0, from.length)] as (typeof from)[number],
    poisson(mean) {
      if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
      const least = Math.exp(-mean);
      let k = 0;
      for (let p = uniform(); p > least; p *= uniform()) k++;
      return k;
    },
  };
}
