import type { Inputs } from "./inputs.ts";

/**
 * Standardised rows in which a dimension that moves less than its floor moves as much as its floor, by seeded normal
 * noise: a model that only knows seen values then sees a constant change. Lively dimensions stay as they are.
 * @see Box & Muller 1958, Ann. Math. Stat. 29(2)
 */
export function jittered(rows: Float64Array, { dims, noise }: Inputs, random: () => number): Float64Array {
  const out = rows.slice();
  for (let d = 0; d < dims; d++) {
    const deviation = Math.sqrt(Math.max(0, noise[d]!));
    if (deviation < 1e-6) continue;
    for (let i = d; i < out.length; i += dims)
      out[i]! += deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  }
  return out;
}
