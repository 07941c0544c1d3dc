/**
 * A propositional graph over basic events: gates and, or, xor, at least k of n; negation on the edges. Equal gates are
 * one gate, constants are gone, nested gates of one kind are merged.
 */

/** `node << 1`, with the last bit set where it is negated. Node 0 is true. */
export type Ref = number;
export const TRUE: Ref = 0;
export const FALSE: Ref = 1;

export type Op = "event" | "and" | "or" | "xor" | "atleast";

export class Dag {
  readonly op: Op[] = ["event"];
  readonly args: (readonly Ref[])[] = [[]];
  /** Of `atleast`: how many. */
  readonly min: number[] = [0];
  /** Of an event: its index. -1 for gates. */
  readonly event: number[] = [-1];
  #known = new Map<string, number>();
  #events = new Map<number, Ref>();

  get size(): number {
    return this.op.length;
  }

  #node(op: Op, args: readonly Ref[], min: number, event: number): Ref {
    this.op.push(op);
    this.args.push(args);
    this.min.push(min);
    this.event.push(event);
    return (this.op.length - 1) << 1;
  }

  leaf(event: number): Ref {
    const known = this.#events.get(event);
    if (known !== undefined) return known;
    const ref = this.#node("event", [], 0, event);
    this.#events.set(event, ref);
    return ref;
  }

  #gate(op: Op, args: readonly Ref[], min = 0): Ref {
    const key = `${op}${min}:${args.join(" ")}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known << 1;
    const ref = this.#node(op, args, min, -1);
    this.#known.set(key, ref >> 1);
    return ref;
  }

  /** Arguments keep their order of first sight: people write what belongs together side by side. */
  and(args: readonly Ref[]): Ref {
    const kept = new Set<Ref>();
    for (const a of args) {
      if (a === FALSE || kept.has(a ^ 1)) return FALSE;
      if (a !== TRUE) kept.add(a);
    }
    const [first, second] = kept;
    if (first === undefined) return TRUE;
    return second === undefined ? first : this.#gate("and", [...kept]);
  }

  or(args: readonly Ref[]): Ref {
    const kept = new Set<Ref>();
    for (const a of args) {
      if (a === TRUE || kept.has(a ^ 1)) return TRUE;
      if (a !== FALSE) kept.add(a);
    }
    const [first, second] = kept;
    if (first === undefined) return FALSE;
    return second === undefined ? first : this.#gate("or", [...kept]);
  }

  /** True where an odd number of them is. */
  xor(args: readonly Ref[]): Ref {
    const kept = new Set<number>();
    let negated = 0;
    for (const a of args) {
      negated ^= a & 1;
      const node = a & ~1;
      if (node === TRUE) negated ^= 1;
      else if (!kept.delete(node)) kept.add(node);
    }
    const [first, second] = kept;
    if (first === undefined) return negated ? TRUE : FALSE;
    return (second === undefined ? first : this.#gate("xor", [...kept])) ^ negated;
  }

  atleast(min: number, args: readonly Ref[]): Ref {
    const kept: Ref[] = [];
    let left = min;
    for (const a of args) {
      if (a === TRUE) left -= 1;
      else if (a !== FALSE) kept.push(a);
    }
    if (left <= 0) return TRUE;
    if (left > kept.length) return FALSE;
    if (left === 1) return this.or(kept);
    if (left === kept.length) return this.and(kept);
    return this.#gate("atleast", kept, left);
  }
}

/** Nodes that `roots` reach, each after its arguments. */
export function postorder(dag: Dag, roots: readonly Ref[]): number[] {
  const order: number[] = [];
  const next = new Int32Array(dag.size).fill(-1);
  for (const root of roots) {
    const stack = [root >> 1];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const args = dag.args[node]!;
      if (next[node] === -1) next[node] = 0;
      let pushed = false;
      while (next[node]! < args.length) {
        const child = args[next[node]!++]! >> 1;
        if (next[child] === -1) {
          stack.push(child);
          pushed = true;
          break;
        }
      }
      if (pushed) continue;
      stack.pop();
      order.push(node);
    }
  }
  return order;
}

/** The same function with nested and/or gates merged where nobody else uses the inner one. Gives the new root. */
export function flattened(dag: Dag, root: Ref): { dag: Dag; root: Ref } {
  const order = postorder(dag, [root]);
  const parents = new Int32Array(dag.size);
  for (const n of order) for (const a of dag.args[n]!) parents[a >> 1]! += 1;
  const out = new Dag();
  const image = new Map<number, Ref>();
  /** Gates that live on in their only parent: the arguments that they give it. */
  const inner = new Map<number, { op: Op; args: Ref[] }>();
  const of = (a: Ref): Ref => {
    const merged = inner.get(a >> 1);
    if (merged) {
      const ref = merged.op === "and" ? out.and(merged.args) : out.or(merged.args);
      inner.delete(a >> 1);
      image.set(a >> 1, ref);
    }
    return image.get(a >> 1)! ^ (a & 1);
  };
  image.set(0, TRUE);
  for (const n of order) {
    const op = dag.op[n]!;
    const args = dag.args[n]!;
    if (n === 0) continue;
    if (op === "event") image.set(n, out.leaf(dag.event[n]!));
    else if (op === "xor") image.set(n, out.xor(args.map(of)));
    else if (op === "atleast") image.set(n, out.atleast(dag.min[n]!, args.map(of)));
    else {
      let own: Ref[] = [];
      for (const a of args) {
        const merged = inner.get(a >> 1);
        // or(x, not and(y, z)) is or(x, not y, not z).
        if (!merged || (merged.op === op) !== ((a & 1) === 0)) own.push(of(a));
        else {
          const more = a & 1 ? merged.args.map((m) => m ^ 1) : merged.args;
          // Onto the longer one: a chain of n gates would else be copied n times.
          const [long, short] = more.length > own.length ? [more, own] : [own, more];
          for (const m of short) long.push(m);
          own = long;
          inner.delete(a >> 1);
        }
      }
      if (parents[n] === 1 && n !== root >> 1) inner.set(n, { op, args: own });
      else image.set(n, op === "and" ? out.and(own) : out.or(own));
    }
  }
  return { dag: out, root: of(root) };
}
