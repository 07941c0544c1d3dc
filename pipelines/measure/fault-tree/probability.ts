/** Numbers from diagrams: exact probability, sums over cut sets, and how each depends on every event. */
import type { FrozenBdd } from "./bdd.ts";
import type { FrozenZbdd } from "./zbdd.ts";

export interface Gradient {
  readonly value: number;
  /** By level: derivative of `value`. */
  readonly byLevel: Float64Array;
}

/**
 * Chance that the function is true, where the variable at each level is true with chance `p[level]`, independently.
 * The chance of the negation is carried along, so that neither is ever 1 minus the other and small ones stay precise.
 */
export function probability(bdd: FrozenBdd, p: Float64Array): number {
  const values = referenceValues(bdd, p);
  return values[bdd.root]!;
}

/** By reference, negated ones too. */
function referenceValues({ level, high, low }: FrozenBdd, p: Float64Array): Float64Array {
  const values = new Float64Array(level.length * 2);
  values[0] = 1;
  for (let n = 1; n < level.length; n++) {
    const q = p[level[n]!]!;
    const [h, l] = [high[n]!, low[n]!];
    values[2 * n] = q * values[h]! + (1 - q) * values[l]!;
    values[2 * n + 1] = q * values[h ^ 1]! + (1 - q) * values[l ^ 1]!;
  }
  return values;
}

/** `probability` and its derivatives, in two passes over the diagram. @see Dutuit & Rauzy 2001, RESS 72(2) */
export function probabilityGradient(bdd: FrozenBdd, p: Float64Array): Gradient {
  const values = referenceValues(bdd, p);
  const { level, high, low, root } = bdd;
  const byLevel = new Float64Array(p.length);
  const weight = new Float64Array(level.length);
  weight[root >> 1] = root & 1 ? -1 : 1;
  for (let n = root >> 1; n > 0; n--) {
    const w = weight[n]!;
    if (w === 0) continue;
    const q = p[level[n]!]!;
    const [h, l] = [high[n]!, low[n]!];
    byLevel[level[n]!]! += w * (values[h]! - values[l]!);
    weight[h >> 1]! += h & 1 ? -w * q : w * q;
    weight[l >> 1]! += l & 1 ? -w * (1 - q) : w * (1 - q);
  }
  return { value: values[root]!, byLevel };
}

/** Sum over all sets of the product of their elements' weights, and its derivatives. With weights of 1: how many sets. */
export function sumOfProducts({ level, high, low, root }: FrozenZbdd, w: Float64Array): Gradient {
  const values = new Float64Array(level.length);
  values[1] = 1;
  for (let n = 2; n < level.length; n++) values[n] = values[low[n]!]! + w[level[n]!]! * values[high[n]!]!;
  const byLevel = new Float64Array(w.length);
  const flow = new Float64Array(level.length);
  flow[root] = 1;
  for (let n = level.length - 1; n > 1; n--) {
    const f = flow[n]!;
    if (f === 0) continue;
    byLevel[level[n]!]! += f * values[high[n]!]!;
    flow[low[n]!]! += f;
    flow[high[n]!]! += f * w[level[n]!]!;
  }
  return { value: values[root]!, byLevel };
}

/** Number of sets by how many elements they have; exact up to 2^53. Two numbers a node. */
export function countByOrder({ level, high, low, root }: FrozenZbdd): number[] {
  const longest = new Int32Array(level.length).fill(-1);
  longest[1] = 0;
  for (let n = 2; n < level.length; n++) longest[n] = Math.max(longest[low[n]!]!, longest[high[n]!]! + 1);
  const counts: number[] = [];
  let shorter = new Float64Array(level.length);
  for (let k = 0; k <= longest[root]!; k++) {
    const now = new Float64Array(level.length);
    now[1] = k === 0 ? 1 : 0;
    for (let n = 2; n < level.length; n++) now[n] = now[low[n]!]! + shorter[high[n]!]!;
    counts.push(now[root]!);
    shorter = now;
  }
  return counts;
}

/** 1 - Π(1 - chance of a set): an upper bound for monotone functions. Walks every set. @see Esary & Proschan 1963 */
export function minCutUpperBound({ level, high, low, root }: FrozenZbdd, p: Float64Array): number {
  let logNone = 0;
  const nodes = [root];
  const chances = [1];
  for (let n = nodes.pop(); n !== undefined; n = nodes.pop()) {
    const chance = chances.pop()!;
    if (n === 0) continue;
    if (n === 1) {
      logNone += Math.log1p(-Math.min(1, chance));
      continue;
    }
    nodes.push(low[n]!, high[n]!);
    chances.push(chance, chance * p[level[n]!]!);
  }
  return logNone === 0 ? 0 : -Math.expm1(logNone);
}
