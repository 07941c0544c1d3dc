/**
 * Binary trees as flat arrays, tree after tree. Node i sends a row with row[feature[i]] <= cut[i] to left[i], any other
 * to right[i]; a leaf has feature -1. Every node has a value.
 */
export interface Forest {
  /** First node of each tree. */
  readonly roots: Int32Array;
  readonly feature: Int32Array;
  readonly cut: Float64Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly value: Float64Array;
}

/** Builds a `Forest` node by node. */
export class ForestBuilder {
  readonly #roots: number[] = [];
  readonly #feature: number[] = [];
  readonly #cut: number[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #value: number[] = [];

  /** The next node starts a tree. */
  plant(): void {
    this.#roots.push(this.#feature.length);
  }

  /** A leaf, until it is split. Gives its number. */
  add(value: number): number {
    this.#feature.push(-1);
    this.#cut.push(0);
    this.#left.push(-1);
    this.#right.push(-1);
    return this.#value.push(value) - 1;
  }

  split(node: number, feature: number, cut: number, left: number, right: number): void {
    this.#feature[node] = feature;
    this.#cut[node] = cut;
    this.#left[node] = left;
    this.#right[node] = right;
  }

  done(): Forest {
    return {
      roots: Int32Array.from(this.#roots),
      feature: Int32Array.from(this.#feature),
      cut: Float64Array.from(this.#cut),
      left: Int32Array.from(this.#left),
      right: Int32Array.from(this.#right),
      value: Float64Array.from(this.#value),
    };
  }
}

/** Value of the leaf that row `index` of `rows` [rows, dims] falls into, from `root` on. O(depth). */
export function leafValue(forest: Forest, root: number, rows: ArrayLike<number>, dims: number, index = 0): number {
  const { feature, cut, left, right, value } = forest;
  const from = index * dims;
  let node = root;
  for (let f = feature[node]!; f >= 0; f = feature[node]!)
    node = rows[from + f]! <= cut[node]! ? left[node]! : right[node]!;
  return value[node]!;
}

/** Mean of the leaf values over all trees, of each of `count` rows, into `out` from `at` on: tree by tree. */
export function meanValues(
  forest: Forest,
  rows: ArrayLike<number>,
  dims: number,
  count: number,
  out: Float64Array,
  at: number,
): void {
  out.fill(0, at, at + count);
  for (const root of forest.roots)
    for (let i = 0; i < count; i++) out[at + i]! += leafValue(forest, root, rows, dims, i);
  for (let i = 0; i < count; i++) out[at + i]! /= forest.roots.length;
}

const PARTS = ["roots", "feature", "cut", "left", "right", "value"] as const;
export type ForestValues = Record<(typeof PARTS)[number], number[]>;

/** For a state's `values`. */
export function saveForest(forest: Forest): ForestValues {
  return Object.fromEntries(PARTS.map((part) => [part, [...forest[part]]])) as ForestValues;
}

/** @throws RangeError unless every link leads to a later node and every feature is below `dims`: no walk is endless */
export function loadForest(name: string, saved: Record<keyof Forest, ArrayLike<number>>, dims: number): Forest {
  const forest: Forest = {
    roots: Int32Array.from(saved.roots),
    feature: Int32Array.from(saved.feature),
    cut: Float64Array.from(saved.cut),
    left: Int32Array.from(saved.left),
    right: Int32Array.from(saved.right),
    value: Float64Array.from(saved.value),
  };
  const n = forest.feature.length;
  const fine = (node: number, after: number) => node > after && node < n;
  const whole =
    forest.roots.length > 0 &&
    PARTS.every((part) => part === "roots" || forest[part].length === n) &&
    forest.roots.every((root) => fine(root, -1)) &&
    forest.feature.every(
      (f, i) => f === -1 || (f >= 0 && f < dims && fine(forest.left[i]!, i) && fine(forest.right[i]!, i)),
    );
  if (!whole) throw new RangeError(`${name}: the state is broken: its nodes are no trees over ${dims} dimensions`);
  return forest;
}

export const FOREST_PARTS = PARTS;
