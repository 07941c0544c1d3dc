/** Orders of variables: what decides whether a diagram is small. */
import { type Dag, postorder } from "./dag.ts";

/** A part of the graph that is solved alone: from `root` down to events and other modules. */
export interface Part {
  readonly root: number;
  /** Gates, each after its arguments; the root comes last. */
  readonly gates: readonly number[];
  /** Nodes that are variables here. */
  readonly leaves: readonly number[];
}

/** Parts, each after those that it contains as a variable. */
export function partsOf(dag: Dag, root: number, modules: ReadonlySet<number>): Part[] {
  const order = postorder(dag, [root << 1]).filter((n) => modules.has(n));
  return order.map((module) => {
    const gates: number[] = [];
    const leaves: number[] = [];
    const seen = new Set<number>([module]);
    const stack: { node: number; next: number }[] = [{ node: module, next: 0 }];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const args = dag.args[top.node]!;
      if (top.next === args.length) {
        gates.push(top.node);
        stack.pop();
        continue;
      }
      const child = args[top.next++]! >> 1;
      if (seen.has(child)) continue;
      seen.add(child);
      if (dag.op[child] === "event" || modules.has(child)) leaves.push(child);
      else stack.push({ node: child, next: 0 });
    }
    return { root: module, gates, leaves };
  });
}

type Order = (dag: Dag, part: Part) => number[];

/** Leaves as a walk from the root meets them; `rank` says which argument it enters first. */
function walk(dag: Dag, part: Part, rank?: (node: number) => number): number[] {
  const isLeaf = new Set(part.leaves);
  const order: number[] = [];
  const seen = new Set<number>([part.root]);
  const stack = [part.root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (isLeaf.has(node)) {
      order.push(node);
      continue;
    }
    let children = dag.args[node]!.map((a) => a >> 1);
    if (rank) {
      const ranks = new Map(children.map((c) => [c, rank(c)]));
      children = [...children].sort((a, b) => ranks.get(a)! - ranks.get(b)!);
    }
    // A child that is met again stays where it was met first.
    for (let i = children.length - 1; i >= 0; i--) if (!seen.has(children[i]!)) stack.push(children[i]!);
    while (stack.length > 0 && seen.has(stack.at(-1)!)) stack.pop();
    const next = stack.at(-1);
    if (next !== undefined) seen.add(next);
  }
  return order;
}

/** Leaves below each gate, each way down counted: how heavy it is. */
function weights(dag: Dag, part: Part): Map<number, number> {
  const weight = new Map<number, number>(part.leaves.map((l) => [l, 1]));
  for (const g of part.gates)
    weight.set(
      g,
      Math.min(
        1e300,
        dag.args[g]!.reduce((s, a) => s + weight.get(a >> 1)!, 0),
      ),
    );
  return weight;
}

const asWritten: Order = (dag, part) => walk(dag, part);
const lightFirst: Order = (dag, part) => {
  const weight = weights(dag, part);
  return walk(dag, part, (n) => weight.get(n)!);
};
const heavyFirst: Order = (dag, part) => {
  const weight = weights(dag, part);
  return walk(dag, part, (n) => -weight.get(n)!);
};
/** What many gates use comes first. */
const sharedFirst: Order = (dag, part) => {
  const uses = new Map<number, number>();
  for (const g of part.gates) for (const a of dag.args[g]!) uses.set(a >> 1, (uses.get(a >> 1) ?? 0) + 1);
  const weight = weights(dag, part);
  return walk(dag, part, (n) => -(uses.get(n) ?? 0) + weight.get(n)! / 1e9);
};

/**
 * Places that keep the arguments of each gate near each other.
 * @see Aloul, Markov & Sakallah 2003, "FORCE: a fast and easy-to-implement variable-ordering heuristic", GLSVLSI
 */
function force(start: Order): Order {
  return (dag, part) => {
    const nodes = [...part.leaves, ...part.gates];
    const index = new Map(nodes.map((n, i) => [n, i]));
    const edges = part.gates.map((g) => [index.get(g)!, ...dag.args[g]!.map((a) => index.get(a >> 1)!)]);
    const initial = start(dag, part);
    const leafPlace = new Map(initial.map((n, i) => [n, i]));
    let place = Float64Array.from(nodes, (n) => leafPlace.get(n) ?? 0);
    for (const e of edges) place[e[0]!] = e.slice(1).reduce((s, i) => s + place[i]!, 0) / (e.length - 1);
    const spanOf = (p: Float64Array) =>
      edges.reduce((s, e) => {
        let low = Number.POSITIVE_INFINITY;
        let high = Number.NEGATIVE_INFINITY;
        for (const i of e) {
          low = Math.min(low, p[i]!);
          high = Math.max(high, p[i]!);
        }
        return s + high - low;
      }, 0);
    let best = place;
    let bestSpan = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 60; round++) {
      const sum = new Float64Array(nodes.length);
      const count = new Float64Array(nodes.length);
      for (const e of edges) {
        const centre = e.reduce((s, i) => s + place[i]!, 0) / e.length;
        for (const i of e) {
          sum[i]! += centre;
          count[i]! += 1;
        }
      }
      const wish = Array.from(nodes, (_, i) => [count[i]! > 0 ? sum[i]! / count[i]! : place[i]!, i] as const);
      wish.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      place = new Float64Array(nodes.length);
      for (const [rank, [, i]] of wish.entries()) place[i] = rank;
      const span = spanOf(place);
      if (span < bestSpan) {
        bestSpan = span;
        best = place;
      } else if (round > 20 && span > bestSpan * 1.02) break;
    }
    return [...part.leaves].sort((a, b) => best[index.get(a)!]! - best[index.get(b)!]!);
  };
}

/** Tried one after the other, under a growing bound. */
export const orders: Readonly<Record<string, Order>> = {
  asWritten,
  lightFirst,
  heavyFirst,
  force: force(asWritten),
  sharedFirst,
  forceLight: force(lightFirst),
};
