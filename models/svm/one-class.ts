import { type Filler, fitFiller, loadFiller } from "../linear/filler.ts";
import { fitInputs, type InputOptions, type Inputs, loadInputs } from "../linear/inputs.ts";
import { jittered } from "../linear/jitter.ts";
import { CLIP, thinned } from "../linear/labelled.ts";
import { pointwise } from "../linear/pointwise.ts";
import { trainingRows } from "../linear/training.ts";
import { type VectorModel, type VectorModelKind, valuesOf } from "../linear/vector.ts";
import { randomOf } from "../neural/random.ts";
import { type KernelMachine, kernelSum, loadMachine, saveMachine, scaleGamma } from "./kernel-machine.ts";
import { trainMachine } from "./libsvm.ts";

export interface OneClassOptions extends InputOptions {
  /** Share of training rows that may lie outside, (0, 1). */
  nu?: number;
  /** "scale": 1 / (dims * variance of the standardised values). */
  gamma?: number | "scale";
  seed?: number;
  /** Rows learned from at most: time grows with their square. */
  maxRows?: number;
}

const name = "one-class-svm";

/**
 * One-class SVM with an RBF kernel. Score: (1 - s) / (1 - rho) with s the kernel sum and rho its value on the boundary,
 * both as shares of the largest possible sum: 0 at the very middle, 1 on the boundary, finite for the farthest row.
 * Fit O(rows^2 dims), score O(vectors * dims), memory 8 vectors * dims bytes.
 * @see Schoelkopf et al. 2001, Neural Comput. 13(7)
 */
export const oneClassSvm: VectorModelKind<OneClassOptions> = {
  learns: "quiet",
  tuning: { cost: "moderate", grid: [{ nu: 0.01 }] },
  async fit(rows, dims, { nu = 0.1, gamma = "scale", seed = 1, maxRows = 4000, ...rest } = {}) {
    if (!(nu > 0 && nu < 1)) throw new RangeError(`${name}: nu is ${nu}; give a share in (0, 1)`);
    if (gamma !== "scale" && !(gamma > 0))
      throw new RangeError(`${name}: gamma is ${gamma}; give "scale" or a number > 0`);
    if (!(maxRows >= 8)) throw new RangeError(`${name}: maxRows is ${maxRows}; give a number >= 8`);
    const inputs = fitInputs(name, rows, dims, rest);
    const plain = trainingRows(name, inputs, thinned(rows, dims, maxRows));
    const seen = jittered(plain, inputs, randomOf(seed));
    const width = gamma === "scale" ? scaleGamma(seen, dims) : gamma;
    return model(inputs, fitFiller(plain, inputs), await trainMachine(seen, dims, width, { type: "one-class", nu }));
  },
  async load(state) {
    const { fillMean, fillForm, ...machine } = valuesOf(name, state, [
      ...(["machine", "vectors", "coefficients", "fillMean", "fillForm"] as const),
    ]);
    return model(loadInputs(state.inputs), loadFiller({ fillMean, fillForm }), loadMachine(name, machine));
  },
};

function model(inputs: Inputs, filler: Filler, machine: KernelMachine): VectorModel {
  const most = machine.coefficients.reduce((a, b) => a + b, 0);
  const edge = Math.max(1e-9, 1 - machine.rho / most);
  const score = (z: Float64Array, count: number, out: Float64Array, at: number) => {
    for (let i = 0; i < count; i++) out[at + i] = Math.max(0, 1 - kernelSum(machine, z, i) / most) / edge;
  };
  return {
    ...pointwise(name, inputs, filler, score, CLIP),
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      values: { ...saveMachine(machine), ...filler.save() },
    }),
  };
}
