import { fitFiller } from "../linear/filler.ts";
import { fitInputs, type InputOptions } from "../linear/inputs.ts";
import { jittered } from "../linear/jitter.ts";
import { trainingRows } from "../linear/training.ts";
import { type VectorModelKind, valuesOf } from "../linear/vector.ts";
import { randomOf } from "../neural/random.ts";
import { atLeast } from "../statistical/scale.ts";
import { ForestBuilder } from "./forest.ts";
import { readTrees, treeModel } from "./tree-model.ts";

export interface IsolationForestOptions extends InputOptions {
  trees?: number;
  /** Rows each tree is grown from, drawn without replacement. */
  sampleRows?: number;
  seed?: number;
}

const name = "isolation-forest";

/**
 * Score 2^(-mean depth / c), (0, 1]: 0.5 for rows as usual as any, towards 1 for rows that few random cuts set apart.
 * Robust to odd rows in training; sees levels, hardly a broken relation. Fit O(trees * sample log sample) after
 * standardisation, score O(trees log sample), memory 72 bytes * trees * sample.
 * @see Liu, Ting & Zhou 2008, ICDM
 */
export const isolationForest: VectorModelKind<IsolationForestOptions> = {
  learns: "quiet",
  tuning: { cost: "quick", grid: [{ sampleRows: 1024 }] },
  async fit(rows, dims, { trees = 100, sampleRows = 256, seed = 1, ...rest } = {}) {
    atLeast(name, "trees", trees, 1);
    atLeast(name, "sampleRows", sampleRows, 2);
    const inputs = fitInputs(name, rows, dims, rest);
    const plain = trainingRows(name, inputs, rows);
    const random = randomOf(seed);
    const seen = jittered(plain, inputs, random);
    const sample = Math.min(Math.floor(sampleRows), seen.length / dims);
    const usual = averagePath(sample);
    const builder = new ForestBuilder();
    for (let t = 0; t < trees; t++) {
      builder.plant();
      growIsolation(builder, seen, dims, drawn(seen.length / dims, sample, random), random);
    }
    const strangeness = (depth: number) => 2 ** (-depth / usual);
    return treeModel(name, inputs, fitFiller(plain, inputs), builder.done(), strangeness, { usual: [usual] });
  },
  async load(state) {
    const { inputs, filler, forest } = readTrees(name, state);
    const usual = valuesOf(name, state, ["usual"]).usual[0]!;
    return treeModel(name, inputs, filler, forest, (depth) => 2 ** (-depth / usual), { usual: [usual] });
  },
};

/** c(n): mean depth of an unsuccessful search in a random binary search tree of n keys. */
export function averagePath(n: number): number {
  if (n <= 1) return 0;
  if (n === 2) return 1;
  return 2 * (Math.log(n - 1) + 0.5772156649015329) - (2 * (n - 1)) / n;
}

/** `count` different rows of `n`. */
function drawn(n: number, count: number, random: () => number): Uint32Array {
  const all = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (n - i));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all.slice(0, count);
}

/** A leaf's value is its depth, plus the depth that its rows would still need. */
function growIsolation(
  builder: ForestBuilder,
  rows: Float64Array,
  dims: number,
  sample: Uint32Array,
  random: () => number,
): void {
  const limit = Math.ceil(Math.log2(Math.max(2, sample.length)));
  const grow = (members: Uint32Array, depth: number): number => {
    const node = builder.add(depth + averagePath(members.length));
    if (depth >= limit || members.length <= 1) return node;
    const split = randomCut(rows, dims, members, random);
    if (!split) return node;
    const { feature, cut } = split;
    const low = grow(
      members.filter((r) => rows[r * dims + feature]! <= cut),
      depth + 1,
    );
    const high = grow(
      members.filter((r) => rows[r * dims + feature]! > cut),
      depth + 1,
    );
    builder.split(node, feature, cut, low, high);
    return node;
  };
  grow(sample, 0);
}

/** Uniform in the range of a dimension drawn among those that vary; undefined where none does. */
function randomCut(rows: Float64Array, dims: number, members: Uint32Array, random: () => number) {
  const order = Uint32Array.from({ length: dims }, (_, d) => d);
  for (let i = 0; i < dims; i++) {
    const j = i + Math.floor(random() * (dims - i));
    [order[i], order[j]] = [order[j]!, order[i]!];
    const feature = order[i]!;
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const r of members) {
      const v = rows[r * dims + feature]!;
      low = v < low ? v : low;
      high = v > high ? v : high;
    }
    if (high > low) {
      const cut = low + random() * (high - low);
      return { feature, cut: cut < high ? cut : low };
    }
  }
  return undefined;
}
