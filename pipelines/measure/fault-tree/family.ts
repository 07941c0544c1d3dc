/** All minimal cut sets of a structure as one family over its events. */
import { minimalCutSets, substituted } from "./cut-sets.ts";
import { directCutSets } from "./direct-cut-sets.ts";
import { orders, type Part } from "./ordering.ts";
import type { SolvedPart } from "./solve-part.ts";
import type { Structure } from "./structure.ts";
import { EMPTY_SET, type FrozenZbdd, NONE, Zbdd, type ZbddRef } from "./zbdd.ts";

export interface Family {
  readonly sets: FrozenZbdd;
  /** Index of the event at each level. */
  readonly events: readonly number[];
}

/**
 * Undefined where a part has no diagram and can't do without. With `order`, sets that are longer are left out.
 * @throws ZbddTooLarge
 */
export function familyOf(
  structure: Structure,
  solved: ReadonlyMap<number, SolvedPart | undefined>,
  { order, maxNodes }: { order: number | undefined; maxNodes: number },
): Family | undefined {
  const { dag, root, parts } = structure;
  const zbdd = new Zbdd({ maxNodes });
  const constant = (set: ZbddRef): Family => ({ sets: zbdd.freeze(set), events: [] });
  const top = root >> 1;
  if (parts.length === 0) return constant(root === 0 ? EMPTY_SET : NONE);
  // True while nothing has failed: that is its only minimal cut set, the empty one.
  if (solved.get(top) && solved.get(top)!.negated !== ((root & 1) === 1)) return constant(EMPTY_SET);
  if (!solved.get(top) && root & 1) return undefined;
  const leafOrder = (part: Part) => solved.get(part.root)?.order ?? orders.asWritten!(dag, part);
  const { events, level } = levelsOf(structure, leafOrder);
  const families = new Map<number, FrozenZbdd>();
  let sets = NONE;
  for (const part of parts) {
    const s = solved.get(part.root);
    const leafAt = new Map(part.leaves.map((leaf) => [level.get(leaf)!, leaf]));
    if (s) sets = minimalCutSets(zbdd, s.bdd, (l) => level.get(s.order[l]!)!, { order });
    else {
      if (order === undefined || part.leaves.some((l) => solved.get(l)?.negated)) return undefined;
      const direct = directCutSets(zbdd, dag, part, { order, toLevel: (leaf) => level.get(leaf)! });
      if (direct === undefined) return undefined;
      sets = direct;
    }
    if (part.leaves.some((l) => families.has(l)))
      sets = substituted(zbdd, sets, (l) => ({ level: l, sets: families.get(leafAt.get(l)!) }));
    if (part.root !== top)
      families.set(part.root, zbdd.freeze(order === undefined ? sets : zbdd.truncate(sets, order)));
  }
  if (order !== undefined) sets = zbdd.truncate(sets, order);
  return { sets: zbdd.freeze(sets), events };
}

/** Levels of all events: those of a part lie together, where the part stands in the order above it. */
function levelsOf({ dag, parts }: Structure, leafOrder: (part: Part) => readonly number[]) {
  const byRoot = new Map(parts.map((p) => [p.root, p]));
  const level = new Map<number, number>();
  const events: number[] = [];
  const stack = [{ leaves: leafOrder(parts.at(-1)!), next: 0 }];
  for (let at = stack.at(-1); at; at = stack.at(-1)) {
    const leaf = at.leaves[at.next++];
    if (leaf === undefined) {
      stack.pop();
      continue;
    }
    level.set(leaf, events.length); // a part's own level is that of its first event
    const part = dag.op[leaf] === "event" ? undefined : byRoot.get(leaf);
    if (part) stack.push({ leaves: leafOrder(part), next: 0 });
    else events.push(dag.event[leaf]!);
  }
  return { events, level };
}
