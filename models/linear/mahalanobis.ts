import { Matrix } from "ml-matrix";
import { moments, precision } from "./covariance.ts";
import { fitInputs, type InputOptions, type Inputs, loadInputs } from "./inputs.ts";
import { quadraticModel } from "./quadratic.ts";
import { trainingRows } from "./training.ts";
import { type VectorModel, type VectorModelKind, valuesOf } from "./vector.ts";

const name = "mahalanobis";

/**
 * Squared Mahalanobis distance from the mean of the training rows, divided by the number of observed dimensions: about
 * 1 for usual rows. Finds broken correlation between dimensions that each look usual. With gaps it is the distance in
 * the observed dimensions alone. Fit O(rows * dims^2 + dims^3), score O(dims^2) a row, memory 8 dims^2 bytes.
 * @see Mahalanobis 1936, Proc. Natl. Inst. Sci. India 2(1); Ledoit & Wolf 2004, J. Multivariate Anal. 88(2)
 * @example
 * const model = await mahalanobis.fit(Float64Array.of(...quiet), 3);
 * model.score(Float64Array.of(0.2, 15, 3)); // Float64Array [ 0.9 ]
 */
export const mahalanobis: VectorModelKind<InputOptions> = {
  learns: "quiet",
  tuning: { cost: "quick", grid: [] },
  async fit(rows, dims, options = {}) {
    const inputs = fitInputs(name, rows, dims, options);
    const seen = moments(trainingRows(name, inputs, rows), dims);
    return model(inputs, seen.mean, precision(seen, inputs.noise).mul(1 / dims));
  },
  async load(state) {
    const { mean, form } = valuesOf(name, state, ["mean", "form"]);
    return model(loadInputs(state.inputs), mean, Matrix.from1DArray(mean.length, mean.length, form));
  },
};

function model(inputs: Inputs, mean: Float64Array, form: Matrix): VectorModel {
  const { centred: _, ...scoring } = quadraticModel(name, inputs, mean, form);
  return {
    ...scoring,
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      values: { mean: [...mean], form: form.to1DArray() },
    }),
  };
}
