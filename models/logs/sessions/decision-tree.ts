import { growCart, ranksOf } from "../../trees/cart.ts";
import {
  type Forest,
  ForestBuilder,
  type ForestValues,
  leafValue,
  loadForest,
  saveForest,
} from "../../trees/forest.ts";
import { checkSessions, checkState, type SessionModel, type SessionModelKind } from "./session-model.ts";
import { fitFeatures, loadFeatures, type SavedFeatures, type SessionFeatures } from "./supervised-features.ts";

export interface DecisionTreeOptions {
  depth?: number;
  /** Sessions in a leaf at least. */
  leafSessions?: number;
}

const name = "decision-tree";

/**
 * CART on event counts and the distance to the nearest normal session; score: share of anomalous training sessions in the
 * leaf (Laplace-smoothed), threshold 0.5. Sessions with equal counts are one row with a weight, so that fitting costs
 * O(depth * features * distinct log distinct) whatever the number of sessions.
 * @see Breiman et al. 1984, "Classification and Regression Trees"
 */
export const decisionTree: SessionModelKind<DecisionTreeOptions> = {
  async fit(sessions, labels, { falseAlarms = 0.003, depth = 4, leafSessions = 5 } = {}) {
    checkSessions(name, sessions, falseAlarms);
    const { features, data } = fitFeatures(sessions, checkedLabels(name, sessions.length, labels));
    const { dims } = features;
    const rows = flat(data.rows, dims);
    const builder = new ForestBuilder();
    builder.plant();
    growCart(
      builder,
      { rows, dims, labels: data.labels, ranks: ranksOf(rows, dims) },
      Float64Array.from(data.weights),
      {
        depth,
        leafWeight: leafSessions,
        prior: 0.5,
      },
    );
    return model(features, builder.done());
  },
  async load(state) {
    checkState(name, state);
    const { features: saved, tree } = state.values as { features: SavedFeatures; tree: ForestValues };
    const features = loadFeatures(saved);
    return model(features, loadForest(name, tree, features.dims));
  },
};

/** Both labels must be there, one for each session. */
export function checkedLabels(
  kind: string,
  sessions: number,
  labels: readonly number[] | undefined,
): readonly number[] {
  if (labels?.length !== sessions)
    throw new RangeError(`${kind}: ${labels?.length ?? 0} labels for ${sessions} sessions; give one for each`);
  if (!labels.includes(0) || !labels.includes(1))
    throw new RangeError(`${kind}: learns from normal and anomalous sessions; one of them is missing`);
  return labels;
}

export function flat(rows: readonly Float64Array[], dims: number): Float64Array {
  const out = new Float64Array(rows.length * dims);
  for (const [i, row] of rows.entries()) out.set(row, i * dims);
  return out;
}

function model(features: SessionFeatures, tree: Forest): SessionModel {
  return {
    name,
    threshold: 0.5,
    score: (session) => leafValue(tree, 0, features.of(session), features.dims),
    save: () => ({ kind: name, version: 1, values: { features: features.save(), tree: saveForest(tree) } }),
  };
}
