/** The most probable sets of a family, in order, without listing the rest. */
import type { FrozenZbdd } from "./zbdd.ts";

export interface WeightedSet {
  /** Levels of its elements, rising. */
  readonly levels: readonly number[];
  readonly weight: number;
}

interface Partial {
  readonly node: number;
  readonly weight: number;
  /** Weight of the best set that it can become. */
  readonly bound: number;
  readonly taken: Taken | undefined;
}
interface Taken {
  readonly level: number;
  readonly before: Taken | undefined;
}

/** At most `count` sets, heaviest first; equal ones in order of their elements. Memory: `count` times the longest set. */
export function likeliest({ level, high, low, root }: FrozenZbdd, weights: Float64Array, count: number): WeightedSet[] {
  const best = new Float64Array(level.length).fill(-1);
  best[1] = 1;
  for (let n = 2; n < level.length; n++) best[n] = Math.max(best[low[n]!]!, weights[level[n]!]! * best[high[n]!]!);
  const heap: Partial[] = [];
  const push = (node: number, weight: number, taken: Taken | undefined) => {
    if (best[node]! >= 0) siftUp(heap, { node, weight, bound: weight * best[node]!, taken });
  };
  push(root, 1, undefined);
  const found: WeightedSet[] = [];
  while (heap.length > 0 && found.length < count) {
    const { node, weight, taken } = takeFirst(heap);
    if (node === 1) {
      const levels: number[] = [];
      for (let t = taken; t; t = t.before) levels.push(t.level);
      found.push({ levels: levels.reverse(), weight });
      continue;
    }
    const at = level[node]!;
    push(high[node]!, weight * weights[at]!, { level: at, before: taken });
    push(low[node]!, weight, taken);
  }
  return found;
}

/** Deeper first among equals: a complete set before one that may become as good. */
const before = (a: Partial, b: Partial) => a.bound > b.bound || (a.bound === b.bound && a.node < b.node);

function siftUp(heap: Partial[], item: Partial): void {
  let i = heap.push(item) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!before(item, heap[parent]!)) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = item;
}

function takeFirst(heap: Partial[]): Partial {
  const first = heap[0]!;
  const item = heap.pop()!;
  if (heap.length === 0) return first;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
    if (!before(heap[child]!, item)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = item;
  return first;
}
