/** One part of the graph as a decision diagram over its leaves. */
import { BDD_FALSE, BDD_TRUE, Bdd, type BddRef, BddTooLarge, type FrozenBdd } from "./bdd.ts";
import type { Dag } from "./dag.ts";
import { orders, type Part } from "./ordering.ts";

export interface SolvedPart {
  readonly part: Part;
  /** The leaf at each level. */
  readonly order: readonly number[];
  /** Root normalised so that the function is false where no leaf is true. */
  readonly bdd: FrozenBdd;
  /** The gate is the negation of `bdd`. */
  readonly negated: boolean;
}

/** Nodes that the first tries may use, and by how much the next round may use more, on the orders that came furthest. */
const FIRST_BOUND = 20_000;
const STEP = 6;
const KEPT = [6, 4, 3, 2];

/** @throws BddTooLarge when no order fits */
export function solvePart(
  dag: Dag,
  part: Part,
  {
    maxNodes,
    negated,
  }: {
    maxNodes: number /** Leaves that are parts whose gate is the negation of their diagram. */;
    negated: ReadonlySet<number>;
  },
): SolvedPart {
  let tries: Iterable<readonly number[]> = distinctOrders(dag, part);
  for (let round = 0, bound = Math.min(maxNodes, FIRST_BOUND); ; round++, bound = Math.min(maxNodes, bound * STEP)) {
    const failed: { order: readonly number[]; gates: number }[] = [];
    for (const order of tries) {
      const result = solved(dag, part, order, { maxNodes: bound, negated });
      if (typeof result !== "number") return result;
      failed.push({ order, gates: result });
    }
    if (bound === maxNodes) throw new BddTooLarge(maxNodes);
    failed.sort((a, b) => b.gates - a.gates);
    tries = failed.slice(0, KEPT[round] ?? 1).map((f) => f.order);
  }
}

function* distinctOrders(dag: Dag, part: Part): Generator<readonly number[]> {
  const known = new Set<string>();
  for (const make of Object.values(orders)) {
    const order = make(dag, part);
    const key = order.join(" ");
    if (!known.has(key)) yield order;
    known.add(key);
  }
}

/** Or the number of gates that were done when the bound was passed. */
function solved(
  dag: Dag,
  part: Part,
  order: readonly number[],
  { maxNodes, negated: leavesNegated }: { maxNodes: number; negated: ReadonlySet<number> },
): SolvedPart | number {
  const bdd = new Bdd(order.length, { maxNodes: Math.max(maxNodes, order.length * 2 + 16) });
  const functions = new Map<number, BddRef>();
  for (const [level, leaf] of order.entries())
    functions.set(leaf, bdd.variable(level) ^ (leavesNegated.has(leaf) ? 1 : 0));
  const uses = new Map<number, number>();
  for (const g of part.gates) for (const a of dag.args[g]!) uses.set(a >> 1, (uses.get(a >> 1) ?? 0) + 1);
  const leaves = new Set(order);
  let done = 0;
  for (const gate of part.gates) {
    const args = dag.args[gate]!.map((a) => functions.get(a >> 1)! ^ (a & 1));
    // From the deepest up: what is joined then shares its lower part with the result.
    args.sort((a, b) => bdd.levelOf(b) - bdd.levelOf(a) || b - a);
    try {
      functions.set(gate, gateFunction(bdd, dag.op[gate]!, args, dag.min[gate]!));
    } catch (error) {
      if (error instanceof BddTooLarge) return done;
      throw error;
    }
    done += 1;
    for (const a of dag.args[gate]!) {
      const left = uses.get(a >> 1)! - 1;
      uses.set(a >> 1, left);
      if (left === 0 && !leaves.has(a >> 1)) functions.delete(a >> 1);
    }
    if (bdd.crowded) bdd.collect(functions.values());
  }
  const root = functions.get(part.root)!;
  const negated = valueAtNone(bdd.freeze(root)) === 1;
  return { part, order, bdd: bdd.freeze(negated ? root ^ 1 : root), negated };
}

function gateFunction(bdd: Bdd, op: string, args: readonly BddRef[], min: number): BddRef {
  if (op === "and") return args.reduce((f, a) => bdd.and(f, a), BDD_TRUE);
  if (op === "or") return args.reduce((f, a) => bdd.or(f, a), BDD_FALSE);
  if (op === "xor") return args.reduce((f, a) => bdd.ite(a, f ^ 1, f), BDD_FALSE);
  // counts[j]: at least j of those seen so far.
  const counts: BddRef[] = [BDD_TRUE, ...new Array<BddRef>(min).fill(BDD_FALSE)];
  for (const a of args) for (let j = min; j > 0; j--) counts[j] = bdd.ite(a, counts[j - 1]!, counts[j]!);
  return counts[min]!;
}

/** Value where every variable is false. */
function valueAtNone(bdd: FrozenBdd): 0 | 1 {
  let f = bdd.root;
  while (f >> 1 !== 0) f = bdd.low[f >> 1]! ^ (f & 1);
  return f === BDD_TRUE ? 1 : 0;
}
