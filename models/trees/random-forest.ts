import type { InputOptions } from "../linear/inputs.ts";
import { labelledRows } from "../linear/labelled.ts";
import type { VectorModelKind } from "../linear/vector.ts";
import { randomOf } from "../neural/random.ts";
import { atLeast } from "../statistical/scale.ts";
import { growCart, ranksOf } from "./cart.ts";
import { ForestBuilder } from "./forest.ts";
import { readTrees, treeModel } from "./tree-model.ts";

export interface RandomForestOptions extends InputOptions {
  trees?: number;
  depth?: number;
  /** Rows (drawn with replacement) in a leaf at least. */
  leafRows?: number;
  /** Dimensions tried at each split; by default the root of all. */
  tried?: number;
  seed?: number;
  /** Rows learned from at most. */
  maxRows?: number;
}

const name = "random-forest";

/**
 * CART trees on bootstrap samples, a few dimensions tried at each split. Score: mean share of incident rows in the leaves,
 * 0..1. Sees combinations of levels that labelled incidents had, and needs no tuning. Fit O(trees * depth * tried * rows
 * log rows), score O(trees * depth), memory 36 bytes a node, <= 2 maxRows nodes a tree.
 * @see Breiman 2001, Mach. Learn. 45(1)
 */
export const randomForest: VectorModelKind<RandomForestOptions> = {
  learns: "labels",
  tuning: { cost: "moderate", grid: [{ leafRows: 5 }, { depth: 6 }] },
  async fit(rows, dims, options = {}, labels) {
    const { trees = 100, depth = 24, leafRows = 1, seed = 1, maxRows = 10_000, tried, ...rest } = options;
    for (const [key, value] of Object.entries({ trees, depth, leafRows, tried: tried ?? 1 }))
      atLeast(name, key, value, 1);
    const data = labelledRows(name, rows, dims, labels, { maxRows, ...rest });
    const n = data.labels.length;
    const random = randomOf(seed);
    const builder = new ForestBuilder();
    const cart = { ...data, dims, ranks: ranksOf(data.rows, dims) };
    const how = { depth, leafWeight: leafRows, tried: tried ?? Math.max(1, Math.floor(Math.sqrt(dims))), random };
    for (let t = 0; t < trees; t++) {
      const weights = new Float64Array(n);
      for (let i = 0; i < n; i++) weights[Math.floor(random() * n)]!++;
      builder.plant();
      growCart(builder, cart, weights, how);
    }
    return treeModel(name, data.inputs, data.filler, builder.done());
  },
  async load(state) {
    const { inputs, filler, forest } = readTrees(name, state);
    return treeModel(name, inputs, filler, forest);
  },
};
