import type { ForestBuilder } from "./forest.ts";

export interface CartData {
  /** Row-major [rows, dims]; any finite numbers. */
  readonly rows: ArrayLike<number>;
  readonly dims: number;
  /** 1 or 0, [rows]. */
  readonly labels: ArrayLike<number>;
  /** Dense rank of each value in its column, [dims, rows]: see `ranksOf`. */
  readonly ranks: Uint32Array;
}

export interface CartOptions {
  readonly depth: number;
  /** Weight in a leaf at least. */
  readonly leafWeight: number;
  /** Dimensions tried at each split; all unless given. */
  readonly tried?: number;
  /** Needed where not all dimensions are tried. */
  readonly random?: () => number;
  /** Added to the weight of each label in a leaf's share: 0.5 for Laplace-Jeffreys, 0 for the plain share. */
  readonly prior?: number;
}

/** Ranks by which splits are searched; made once for all trees of a forest. O(dims * rows log rows). */
export function ranksOf(rows: ArrayLike<number>, dims: number): Uint32Array {
  const n = rows.length / dims;
  const ranks = new Uint32Array(rows.length);
  for (let d = 0; d < dims; d++) {
    const sorted = Float64Array.from({ length: n }, (_, r) => rows[r * dims + d]!).sort();
    const rank = new Map<number, number>();
    for (const v of sorted) if (!rank.has(v)) rank.set(v, rank.size);
    for (let r = 0; r < n; r++) ranks[d * n + r] = rank.get(rows[r * dims + d]!)!;
  }
  return ranks;
}

/**
 * Grows one classification tree by Gini impurity into `builder`; a leaf's value is the weighted share of label 1. Cuts lie
 * midway between neighbouring values. Rows of weight 0 are left out. Equal splits: the first dimension tried wins.
 * O(depth * tried * rows log rows).
 * @see Breiman, Friedman, Olshen & Stone 1984, "Classification and Regression Trees"
 */
export function growCart(builder: ForestBuilder, data: CartData, weights: Float64Array, options: CartOptions): number {
  const { depth, leafWeight, tried = data.dims, random = () => 0, prior = 0 } = options;
  const { rows, dims, labels, ranks } = data;
  const n = rows.length / dims;
  const members = Uint32Array.from([...weights.keys()].filter((r) => weights[r]! > 0));
  // A key is a rank and, in its low bits, the row: sorting keys needs no comparator. 32 bits where both fit: faster.
  const size = 2 ** Math.ceil(Math.log2(Math.max(2, n)));
  const keys = size <= 65536 ? new Uint32Array(members.length) : new Float64Array(members.length);
  const rowOf = (key: number) => key - Math.floor(key / size) * size;
  const order = Uint32Array.from({ length: dims }, (_, d) => d);
  const spare = new Uint32Array(members.length);

  /** The best split of members[from, to) by one dimension, if it is better than `least`. */
  function searched(d: number, from: number, to: number, total: number, ones: number, least: number) {
    const sorted = keys.subarray(0, to - from);
    for (let i = from; i < to; i++) sorted[i - from] = ranks[d * n + members[i]!]! * size + members[i]!;
    sorted.sort();
    let [w, k] = [0, 0];
    let found: { cut: number; impurity: number } | undefined;
    for (let i = 0; i + 1 < sorted.length; i++) {
      const r = rowOf(sorted[i]!);
      w += weights[r]!;
      k += weights[r]! * labels[r]!;
      const rank = sorted[i]! - r;
      const next = sorted[i + 1]!;
      if (next < rank + size || w < leafWeight || total - w < leafWeight) continue;
      const impurity = gini(w, k) + gini(total - w, ones - k);
      if (impurity >= least) continue;
      least = impurity;
      const [a, b] = [rows[r * dims + d]!, rows[rowOf(next) * dims + d]!];
      const middle = a + (b - a) / 2;
      found = { cut: middle < b ? middle : a, impurity };
    }
    return found;
  }

  function grow(from: number, to: number, left: number): number {
    let [total, ones] = [0, 0];
    for (let i = from; i < to; i++) {
      total += weights[members[i]!]!;
      ones += weights[members[i]!]! * labels[members[i]!]!;
    }
    const node = builder.add((ones + prior) / (total + 2 * prior));
    if (left === 0 || ones === 0 || ones === total) return node;
    let best: { cut: number; impurity: number; feature: number } | undefined;
    // Where not all are tried, constant dimensions don't count: more are drawn until `tried` could split, as scikit-learn does.
    for (let i = 0, useful = 0; i < dims && useful < tried; i++) {
      if (tried < dims) {
        const j = i + Math.floor(random() * (dims - i));
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      const feature = order[i]!;
      const found = searched(feature, from, to, total, ones, best?.impurity ?? gini(total, ones) - 1e-9);
      if (found) best = { ...found, feature };
      if (found || varies(feature, from, to)) useful++;
    }
    if (!best) return node;
    const middle = parted(best.feature, best.cut, from, to);
    const low = grow(from, middle, left - 1);
    const high = grow(middle, to, left - 1);
    builder.split(node, best.feature, best.cut, low, high);
    return node;
  }

  function varies(d: number, from: number, to: number): boolean {
    const first = ranks[d * n + members[from]!];
    for (let i = from + 1; i < to; i++) if (ranks[d * n + members[i]!] !== first) return true;
    return false;
  }

  /** Members at or under the cut first, each side in order; gives where the other side starts. */
  function parted(d: number, cut: number, from: number, to: number): number {
    let at = from;
    let over = 0;
    for (let i = from; i < to; i++) {
      const r = members[i]!;
      if (rows[r * dims + d]! <= cut) members[at++] = r;
      else spare[over++] = r;
    }
    members.set(spare.subarray(0, over), at);
    return at;
  }

  return grow(0, members.length, depth);
}

/** Weight times Gini impurity, halved: k of n are ones. */
const gini = (n: number, k: number) => (n === 0 ? 0 : (k * (n - k)) / n);
