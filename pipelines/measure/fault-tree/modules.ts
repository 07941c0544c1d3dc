/** Independent parts of a graph: gates whose events nobody else uses. Each is solved alone, and is one variable above. */
import { type Dag, postorder, type Ref } from "./dag.ts";

/**
 * Nodes of gates that are modules, in linear time.
 * @see Dutuit & Rauzy 1996, "A linear-time algorithm to find modules of fault trees", IEEE Trans. Reliability 45(3)
 */
export function findModules(dag: Dag, root: Ref): Set<number> {
  const n = dag.size;
  const first = new Int32Array(n);
  const second = new Int32Array(n);
  const last = new Int32Array(n);
  let time = 0;
  const stack: number[] = [root >> 1];
  const next = new Int32Array(n);
  first[root >> 1] = ++time;
  last[root >> 1] = time;
  while (stack.length > 0) {
    const node = stack.at(-1)!;
    const args = dag.args[node]!;
    if (next[node]! < args.length) {
      const child = args[next[node]!++]! >> 1;
      last[child] = ++time;
      if (first[child] === 0) {
        first[child] = time;
        stack.push(child);
      }
    } else {
      stack.pop();
      second[node] = ++time;
      last[node] = time;
    }
  }
  // Second pass of visits after leaving: only the last one counts, and a node left once is not entered again.
  const modules = new Set<number>();
  const least = new Int32Array(n);
  const most = new Int32Array(n);
  for (const node of postorder(dag, [root])) {
    let min = Number.MAX_SAFE_INTEGER;
    let max = 0;
    for (const a of dag.args[node]!) {
      const c = a >> 1;
      min = Math.min(min, first[c]!, dag.op[c] === "event" ? first[c]! : least[c]!);
      max = Math.max(max, last[c]!, dag.op[c] === "event" ? last[c]! : most[c]!);
    }
    least[node] = min;
    most[node] = max;
    if (dag.op[node] !== "event" && min > first[node]! && max < second[node]!) modules.add(node);
  }
  return modules;
}

/**
 * The same function, where arguments of an and/or that are independent of all else stand in a gate of their own when
 * others beside them are shared. Gives the new graph with its modules.
 */
export function grouped(dag: Dag, root: Ref): Ref {
  const modules = findModules(dag, root);
  const order = postorder(dag, [root]);
  const parents = new Int32Array(dag.size);
  for (const n of order) for (const a of dag.args[n]!) parents[a >> 1]! += 1;
  const image = new Map<number, Ref>();
  for (const n of order) {
    const op = dag.op[n]!;
    if (op === "event") {
      image.set(n, n << 1);
      continue;
    }
    const args = dag.args[n]!.map((a) => image.get(a >> 1)! ^ (a & 1));
    if (op === "xor") image.set(n, dag.xor(args));
    else if (op === "atleast") image.set(n, dag.atleast(dag.min[n]!, args));
    else {
      const alone = dag.args[n]!.map(
        (a) => parents[a >> 1] === 1 && (dag.op[a >> 1] === "event" || modules.has(a >> 1)),
      );
      const own = args.filter((_, i) => alone[i]);
      const join = (refs: readonly Ref[]) => (op === "and" ? dag.and(refs) : dag.or(refs));
      image.set(
        n,
        own.length > 1 && own.length < args.length
          ? join([...args.filter((_, i) => !alone[i]), join(own)])
          : join(args),
      );
    }
  }
  return image.get(root >> 1)! ^ (root & 1);
}
