import type { InputOptions } from "../linear/inputs.ts";
import { labelledRows } from "../linear/labelled.ts";
import type { VectorModelKind } from "../linear/vector.ts";
import { atLeast } from "../statistical/scale.ts";
import { growCart, ranksOf } from "./cart.ts";
import { ForestBuilder } from "./forest.ts";
import { readTrees, treeModel } from "./tree-model.ts";

export interface TreeOptions extends InputOptions {
  depth?: number;
  /** Rows in a leaf at least. */
  leafRows?: number;
  /** Rows learned from at most. */
  maxRows?: number;
}

const name = "decision-tree";

/**
 * CART by Gini impurity. Score: share of incident rows in the leaf, 0..1. A few rules that can be read; sees levels that
 * labelled incidents had. Fit O(depth * dims * rows log rows), score O(depth), memory 36 bytes a node.
 * @see Breiman, Friedman, Olshen & Stone 1984, "Classification and Regression Trees"
 */
export const decisionTree: VectorModelKind<TreeOptions> = {
  learns: "labels",
  tuning: { cost: "quick", grid: [{ depth: 4 }, { leafRows: 20 }] },
  async fit(rows, dims, { depth = 8, leafRows = 5, maxRows = 50_000, ...rest } = {}, labels) {
    for (const [key, value] of Object.entries({ depth, leafRows })) atLeast(name, key, value, 1);
    const data = labelledRows(name, rows, dims, labels, { maxRows, ...rest });
    const builder = new ForestBuilder();
    builder.plant();
    const weights = new Float64Array(data.labels.length).fill(1);
    growCart(builder, { ...data, dims, ranks: ranksOf(data.rows, dims) }, weights, { depth, leafWeight: leafRows });
    return treeModel(name, data.inputs, data.filler, builder.done());
  },
  async load(state) {
    const { inputs, filler, forest } = readTrees(name, state);
    return treeModel(name, inputs, filler, forest);
  },
};
