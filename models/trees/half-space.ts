/** Half-space trees and the masses of two windows, as flat arrays: complete binary trees in heap order, all cuts fixed. */
export interface HalfSpace {
  readonly trees: number;
  readonly height: number;
  /** Of inner node i of tree t: [trees, 2^height - 1]. */
  readonly feature: Int32Array;
  readonly cut: Float64Array;
  /** Rows of the reference window that passed node i of tree t: [trees, 2^(height + 1) - 1]. */
  readonly reference: Float64Array;
  /** The same for the window that is being filled. */
  readonly latest: Float64Array;
}

const innerOf = (height: number) => 2 ** height - 1;
const nodesOf = (height: number) => 2 ** (height + 1) - 1;

/**
 * Random trees over dimensions that lie in [low, high]: each tree has its own work range around a random point, at least
 * twice as wide as the distance to either end, and every node halves its range in a random dimension.
 * @see Tan, Ting & Liu 2011, IJCAI
 */
export function growHalfSpace(
  low: Float64Array,
  high: Float64Array,
  trees: number,
  height: number,
  random: () => number,
): HalfSpace {
  const dims = low.length;
  const inner = innerOf(height);
  const feature = new Int32Array(trees * inner);
  const cut = new Float64Array(trees * inner);
  for (let t = 0; t < trees; t++) {
    const [from, to] = [new Float64Array(dims), new Float64Array(dims)];
    for (let d = 0; d < dims; d++) {
      const point = random();
      const reach = 2 * Math.max(point, 1 - point);
      from[d] = low[d]! + (point - reach) * (high[d]! - low[d]!);
      to[d] = low[d]! + (point + reach) * (high[d]! - low[d]!);
    }
    const grow = (node: number): void => {
      if (node >= inner) return;
      const d = Math.floor(random() * dims);
      const [a, b] = [from[d]!, to[d]!];
      const middle = (a + b) / 2;
      feature[t * inner + node] = d;
      cut[t * inner + node] = middle;
      to[d] = middle;
      grow(2 * node + 1);
      to[d] = b;
      from[d] = middle;
      grow(2 * node + 2);
      from[d] = a;
    };
    grow(0);
  }
  const masses = () => new Float64Array(trees * nodesOf(height));
  return { trees, height, feature, cut, reference: masses(), latest: masses() };
}

/** Adds row `index` of `rows` [rows, dims] to the latest window. O(trees * height). A row on a cut goes right. */
export function learnRow(forest: HalfSpace, rows: ArrayLike<number>, dims: number, index = 0): void {
  const { trees, height, feature, cut, latest } = forest;
  const [inner, nodes] = [innerOf(height), nodesOf(height)];
  for (let t = 0; t < trees; t++) {
    let node = 0;
    for (;;) {
      latest[t * nodes + node]!++;
      if (node >= inner) break;
      node = 2 * node + (rows[index * dims + feature[t * inner + node]!]! < cut[t * inner + node]! ? 1 : 2);
    }
  }
}

/** The latest window becomes the reference; the next one starts empty. */
export function turnWindow({ reference, latest }: HalfSpace): void {
  reference.set(latest);
  latest.fill(0);
}

/**
 * 1 - sum of mass * 2^depth over the walk of a row in the reference window, as a share of what it could be: 0..1, higher
 * is stranger. A walk ends where fewer than `leastMass` rows of the window passed.
 */
export function strangeness(
  forest: HalfSpace,
  rows: ArrayLike<number>,
  dims: number,
  index: number,
  windowRows: number,
  leastMass: number,
): number {
  const { trees, height, feature, cut, reference } = forest;
  const [inner, nodes] = [innerOf(height), nodesOf(height)];
  let sum = 0;
  for (let t = 0; t < trees; t++) {
    let node = 0;
    for (let weight = 1; ; weight *= 2) {
      const mass = reference[t * nodes + node]!;
      sum += mass * weight;
      if (mass < leastMass || node >= inner) break;
      node = 2 * node + (rows[index * dims + feature[t * inner + node]!]! < cut[t * inner + node]! ? 1 : 2);
    }
  }
  return 1 - sum / (trees * windowRows * nodes);
}
