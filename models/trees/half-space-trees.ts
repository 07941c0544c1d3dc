import { type Filler, fitFiller, loadFiller } from "../linear/filler.ts";
import { fitInputs, type InputOptions, type Inputs, loadInputs } from "../linear/inputs.ts";
import { pointwise } from "../linear/pointwise.ts";
import { trainingRows } from "../linear/training.ts";
import { rowsOf, type VectorModel, type VectorModelKind, valuesOf } from "../linear/vector.ts";
import { randomOf } from "../neural/random.ts";
import { growHalfSpace, type HalfSpace, learnRow, strangeness, turnWindow } from "./half-space.ts";

export interface HalfSpaceTreesOptions extends InputOptions {
  trees?: number;
  height?: number;
  /** Rows of the window whose masses are the reference: the last full one; all rows unless given. */
  windowRows?: number;
  seed?: number;
}

const name = "half-space-trees";
/** Share of a window below which a node is not looked into. */
const LEAST_SHARE = 0.1;

/**
 * Masses of quiet rows in randomly halved space. Score 0..1, near 1 for rows where no quiet row was. The cheapest to learn,
 * and the only one here whose learning is O(1) a row (see `half-space.ts` for streams); sees levels.
 * Fit and score O(trees * height) a row, memory 28 trees * 2^height bytes.
 * @see Tan, Ting & Liu 2011, IJCAI; the score as River 0.26 has it
 */
export const halfSpaceTrees: VectorModelKind<HalfSpaceTreesOptions> = {
  learns: "quiet",
  tuning: { cost: "quick", grid: [{ height: 12 }] },
  async fit(rows, dims, { trees = 25, height = 8, windowRows, seed = 1, ...rest } = {}) {
    for (const [key, value, most] of [
      ["trees", trees, 1000],
      ["height", height, 15],
    ] as const)
      if (!(Number.isSafeInteger(value) && value >= 1 && value <= most))
        throw new RangeError(`${name}: ${key} is ${value}; give an integer of 1 to ${most}`);
    if (windowRows !== undefined && !(windowRows >= 8))
      throw new RangeError(`${name}: windowRows is ${windowRows}; give a number >= 8`);
    const inputs = fitInputs(name, rows, dims, rest);
    const seen = trainingRows(name, inputs, rows);
    const n = rowsOf(name, seen, dims);
    const window = Math.min(n, Math.floor(windowRows ?? n));
    const [low, high] = rangesOf(seen, dims);
    const forest = growHalfSpace(low, high, trees, height, randomOf(seed));
    const full = n - (n % window);
    for (let r = full - window; r < full; r++) learnRow(forest, seen, dims, r);
    turnWindow(forest);
    return model(inputs, fitFiller(seen, inputs), forest, window);
  },
  async load(state) {
    const { shape, feature, cut, reference, ...fill } = valuesOf(name, state, [
      ...(["shape", "feature", "cut", "reference", "fillMean", "fillForm"] as const),
    ]);
    const inputs = loadInputs(state.inputs);
    const [trees = 0, height = 0, window = 0] = shape;
    const inner = 2 ** height - 1;
    const whole =
      feature.length === trees * inner &&
      cut.length === trees * inner &&
      reference.length === trees * (2 * inner + 1) &&
      feature.every((f) => f >= 0 && f < inputs.dims) &&
      window > 0;
    if (!whole) throw new RangeError(`${name}: the state is broken: its arrays do not fit their shape`);
    const latest = new Float64Array(reference.length);
    const forest = { trees, height, feature: Int32Array.from(feature), cut, reference, latest };
    return model(inputs, loadFiller(fill), forest, window);
  },
};

/** Of each dimension, and at least one deviation to each side of the median: a constant's change leaves it. */
function rangesOf(rows: Float64Array, dims: number): [Float64Array, Float64Array] {
  const [low, high] = [new Float64Array(dims).fill(-1), new Float64Array(dims).fill(1)];
  for (let i = 0; i < rows.length; i++) {
    low[i % dims] = Math.min(low[i % dims]!, rows[i]!);
    high[i % dims] = Math.max(high[i % dims]!, rows[i]!);
  }
  return [low, high];
}

function model(inputs: Inputs, filler: Filler, forest: HalfSpace, window: number): VectorModel {
  const { dims } = inputs;
  return {
    ...pointwise(name, inputs, filler, (z, count, out, at) => {
      for (let i = 0; i < count; i++)
        out[at + i] = Math.max(0, strangeness(forest, z, dims, i, window, LEAST_SHARE * window));
    }),
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      values: {
        shape: [forest.trees, forest.height, window],
        feature: [...forest.feature],
        cut: [...forest.cut],
        reference: [...forest.reference],
        ...filler.save(),
      },
    }),
  };
}
