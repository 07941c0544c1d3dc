import { checkSessions, checkState, type SessionModel, type SessionModelKind } from "./session-model.ts";
import { fitFeatures, type LabelledRows, loadFeatures, type SavedFeatures } from "./supervised-features.ts";

export interface DecisionTreeOptions {
  depth?: number;
  /** Sessions in a leaf at least. */
  leafSessions?: number;
}

/** A leaf has the share of anomalous sessions; an inner node sends rows with `value <= cut` to `low`. */
type Node = { share: number } | { feature: number; cut: number; low: Node; high: Node };

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
    const rows = data.rows.map((_, i) => i);
    return model(features.save(), grow(data, rows, depth, leafSessions));
  },
  async load(state) {
    checkState(name, state);
    const { features, tree } = state.values as { features: SavedFeatures; tree: Node };
    return model(features, tree);
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

function model(saved: SavedFeatures, tree: Node): SessionModel {
  const features = loadFeatures(saved);
  return {
    name,
    threshold: 0.5,
    score(session) {
      const row = features.of(session);
      let node = tree;
      while ("feature" in node) node = row[node.feature]! <= node.cut ? node.low : node.high;
      return node.share;
    },
    save: () => ({ kind: name, version: 1, values: { features: saved, tree } }),
  };
}

function grow(data: LabelledRows, rows: readonly number[], depth: number, leafSessions: number): Node {
  let total = 0;
  let anomalous = 0;
  for (const r of rows) {
    total += data.weights[r]!;
    anomalous += data.weights[r]! * data.labels[r]!;
  }
  const leaf = { share: (anomalous + 0.5) / (total + 1) };
  if (depth === 0 || anomalous === 0 || anomalous === total) return leaf;
  const split = bestSplit(data, rows, total, anomalous, leafSessions);
  if (!split) return leaf;
  const { feature, cut } = split;
  const low = rows.filter((r) => data.rows[r]![feature]! <= cut);
  const high = rows.filter((r) => data.rows[r]![feature]! > cut);
  return {
    feature,
    cut,
    low: grow(data, low, depth - 1, leafSessions),
    high: grow(data, high, depth - 1, leafSessions),
  };
}

function bestSplit(
  data: LabelledRows,
  rows: readonly number[],
  total: number,
  anomalous: number,
  leafSessions: number,
): { feature: number; cut: number } | undefined {
  const impurity = (n: number, k: number) => (n === 0 ? 0 : (k * (n - k)) / n);
  let least = impurity(total, anomalous) - 1e-9;
  let best: { feature: number; cut: number } | undefined;
  const dims = data.rows[0]?.length ?? 0;
  for (let feature = 0; feature < dims; feature++) {
    const value = (r: number) => data.rows[r]![feature]!;
    const sorted = [...rows].sort((a, b) => value(a) - value(b));
    let n = 0;
    let k = 0;
    for (let i = 0; i + 1 < sorted.length; i++) {
      const r = sorted[i] as number;
      n += data.weights[r]!;
      k += data.weights[r]! * data.labels[r]!;
      const [here, next] = [value(r), value(sorted[i + 1] as number)];
      if (here === next || n < leafSessions || total - n < leafSessions) continue;
      const left = impurity(n, k) + impurity(total - n, anomalous - k);
      if (left < least) {
        least = left;
        best = { feature, cut: (here + next) / 2 };
      }
    }
  }
  return best;
}
