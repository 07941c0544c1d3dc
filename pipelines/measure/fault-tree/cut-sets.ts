/** Minimal cut sets of solved parts, put together into one family over all events. */
import { BDD_TRUE, type FrozenBdd } from "./bdd.ts";
import { EMPTY_SET, type FrozenZbdd, NONE, type Zbdd, type ZbddRef } from "./zbdd.ts";

/**
 * Minimal sets of variables that make the function true while all others are false. Of a monotone function: its minimal
 * cut sets. Of any other: the minimal ones among the positive parts of its solutions. `toLevel` gives the family's level
 * of the diagram's; it must rise. Of sets with more than `order` elements some may be there, none must.
 * @see Rauzy 2001, "Mathematical foundations of minimal cutsets", IEEE Trans. Reliability 50(4)
 */
export function minimalCutSets(
  zbdd: Zbdd,
  bdd: FrozenBdd,
  toLevel: (level: number) => number,
  { order = Number.POSITIVE_INFINITY }: { order?: number } = {},
): ZbddRef {
  const { root, level, high, low } = bdd;
  if (root >> 1 === 0) return root === BDD_TRUE ? EMPTY_SET : NONE;
  // By reference: most elements that a set may still have there; -1 where it is not needed at all.
  const most = new Float64Array((root | 1) + 1).fill(-1);
  most[root] = order;
  for (let f = root | 1; f > 1; f--) {
    const left = most[f]!;
    if (left < 0) continue;
    const [h, l] = [high[f >> 1]! ^ (f & 1), low[f >> 1]! ^ (f & 1)];
    if (left > 0) most[h] = Math.max(most[h]!, left - 1);
    most[l] = Math.max(most[l]!, left);
  }
  const sets = new Int32Array((root | 1) + 1);
  sets[BDD_TRUE] = EMPTY_SET;
  for (let f = 2; f < sets.length; f++) {
    const left = most[f]!;
    if (left < 0) continue;
    const without = sets[low[f >> 1]! ^ (f & 1)]!;
    const withIt = left > 0 ? zbdd.without(sets[high[f >> 1]! ^ (f & 1)]!, without) : NONE;
    sets[f] = zbdd.make(toLevel(level[f >> 1]!), withIt, without);
  }
  return sets[root]!;
}

/**
 * `family` with every element that stands for a part replaced by the sets of that part. `place` gives what an element is:
 * the family of a part, or undefined for an event; parts' levels must lie where the element's does.
 */
export function substituted(
  zbdd: Zbdd,
  family: ZbddRef,
  place: (level: number) => { readonly level: number; readonly sets: FrozenZbdd | undefined },
): ZbddRef {
  const { root, level, high, low } = zbdd.freeze(family);
  const image = new Int32Array(level.length);
  image[1] = EMPTY_SET;
  for (let n = 2; n < level.length; n++) {
    const to = place(level[n]!);
    const [h, l] = [image[high[n]!]!, image[low[n]!]!];
    image[n] = to.sets === undefined ? zbdd.make(to.level, h, l) : joined(zbdd, to.sets, h, l);
  }
  return image[root]!;
}

/** Sets of `without`, and each set of `sets` with each of `withIt`, all of whose elements lie deeper. */
function joined(zbdd: Zbdd, sets: FrozenZbdd, withIt: ZbddRef, without: ZbddRef): ZbddRef {
  const { root, level, high, low } = sets;
  if (root <= 1) return root === NONE ? without : withIt; // an empty set stands for certainty: minimal is `withIt`
  const inside = new Int32Array(level.length); // after an element of `sets` was taken
  inside[1] = withIt;
  for (let n = 2; n < level.length; n++) inside[n] = zbdd.make(level[n]!, inside[high[n]!]!, inside[low[n]!]!);
  // Where no element was taken, the sets without the part go on.
  const spine: number[] = [];
  for (let n = root; n > 1; n = low[n]!) spine.push(n);
  let r = without;
  for (const n of spine.reverse()) r = zbdd.make(level[n]!, inside[high[n]!]!, r);
  return r;
}
