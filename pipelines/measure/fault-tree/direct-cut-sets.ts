/** Cut sets straight from the gates, short ones only: for parts whose decision diagram is too large. */
import type { Dag } from "./dag.ts";
import type { Part } from "./ordering.ts";
import { EMPTY_SET, NONE, type Zbdd, type ZbddRef } from "./zbdd.ts";

/**
 * Minimal cut sets with at most `order` leaves. Undefined where a gate is negated or exclusive: then cut sets are not
 * made of its arguments' cut sets. `toLevel` gives each leaf its level.
 * @throws ZbddTooLarge
 * @see Jung, Han & Ha 2004, "A fast BDD algorithm for large coherent fault trees analysis", RESS 83(3)
 */
export function directCutSets(
  zbdd: Zbdd,
  dag: Dag,
  part: Part,
  { order, toLevel }: { order: number; toLevel: (leaf: number) => number },
): ZbddRef | undefined {
  const families = new Map<number, ZbddRef>();
  for (const leaf of part.leaves) families.set(leaf, zbdd.make(toLevel(leaf), EMPTY_SET, NONE));
  for (const gate of part.gates) {
    const op = dag.op[gate]!;
    const refs = dag.args[gate]!;
    if (op === "xor" || refs.some((a) => a & 1)) return undefined;
    // Deepest first, as for decision diagrams.
    const args = refs.map((a) => families.get(a >> 1)!).sort((a, b) => zbdd.level[b]! - zbdd.level[a]! || a - b);
    if (op === "or")
      families.set(
        gate,
        args.reduce((f, a) => zbdd.union(f, a), NONE),
      );
    else if (op === "and")
      families.set(
        gate,
        args.reduce((f, a) => zbdd.product(f, a, order), EMPTY_SET),
      );
    else {
      const min = dag.min[gate]!;
      const counts: ZbddRef[] = [EMPTY_SET, ...new Array<ZbddRef>(min).fill(NONE)];
      for (const a of args)
        for (let j = min; j > 0; j--) counts[j] = zbdd.union(counts[j]!, zbdd.product(a, counts[j - 1]!, order));
      families.set(gate, counts[min]!);
    }
  }
  return families.get(part.root)!;
}
