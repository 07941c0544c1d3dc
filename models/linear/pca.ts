import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { atLeast } from "../statistical/scale.ts";
import { LEAST_VARIANCE, moments } from "./covariance.ts";
import { fitInputs, type InputOptions, type Inputs, loadInputs } from "./inputs.ts";
import { quadraticModel } from "./quadratic.ts";
import { trainingRows } from "./training.ts";
import { type VectorModel, type VectorModelKind, valuesOf } from "./vector.ts";

export interface PcaOptions extends InputOptions {
  /** The fewest components that hold this share of the variance, (0, 1]. */
  explained?: number;
  /** Where the limits of both statistics lie, in normal deviations: 3 is the 99.87 % quantile. */
  deviate?: number;
}

export interface PcaModel extends VectorModel {
  readonly components: number;
  /** Limit of each statistic. */
  readonly limits: { readonly spe: number; readonly t2: number };
  /**
   * Of one row: `spe` (Q), squared distance from the plane of the components, and `t2`, distance in it from the mean.
   * undefined where the score is NaN.
   */
  statistics(row: Float64Array): { spe: number; t2: number } | undefined;
}

const name = "pca";

/**
 * Principal components: SPE / limit + T2 / limit, so 1 is about the edge of the usual. SPE sees broken correlation, T2
 * usual correlation carried too far. Fit O(rows * dims^2 + dims^3), score O(dims^2) a row, memory 16 dims^2 bytes.
 * @see Jackson & Mudholkar 1979, Technometrics 21(3) (limit of SPE); Hotelling 1947 (T2); Yue & Qin 2001, Ind. Eng.
 * Chem. Res. 40(20) (their sum)
 */
export const pca: VectorModelKind<PcaOptions, PcaModel> = {
  learns: "quiet",
  tuning: { cost: "quick", grid: [{ explained: 0.8 }, { explained: 0.97 }] },
  async fit(rows, dims, { explained = 0.9, deviate = 3, ...rest } = {}) {
    if (!(explained > 0 && explained <= 1))
      throw new RangeError(`${name}: explained is ${explained}; give a share in (0, 1]`);
    atLeast(name, "deviate", deviate, 0);
    const inputs = fitInputs(name, rows, dims, rest);
    const { mean, covariance } = moments(trainingRows(name, inputs, rows), dims);
    const { values, vectors } = eigen(covariance);
    const kept = componentsFor(values, explained);
    const residual = values.slice(kept);
    const lively = dims - inputs.noise.reduce((a, b) => a + b, 0);
    const usual = Math.max(LEAST_VARIANCE, residual.reduce((a, b) => a + b, 0) / Math.max(1, lively - kept));
    const limit = speLimit(residual.length > 0 ? residual.map((v) => Math.max(v, LEAST_VARIANCE)) : [usual], deviate);
    return model(inputs, {
      mean,
      axes: Float64Array.from(vectors.slice(0, kept).flat()),
      variances: Float64Array.from(values.slice(0, kept)),
      weights: inputs.noise.map((noise) => 1 / (1 + noise / usual)),
      limits: Float64Array.of(limit, chiSquareQuantile(kept, deviate)),
    });
  },
  async load(state) {
    return model(loadInputs(state.inputs), valuesOf(name, state, ["mean", "axes", "variances", "weights", "limits"]));
  },
};

/** Largest first; `vectors[i]` belongs to `values[i]`. */
export function eigen(covariance: Matrix): { values: number[]; vectors: number[][] } {
  const evd = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
  const order = evd.realEigenvalues.map((_, i) => i).sort((a, b) => evd.realEigenvalues[b]! - evd.realEigenvalues[a]!);
  return {
    values: order.map((i) => Math.max(0, evd.realEigenvalues[i]!)),
    vectors: order.map((i) => evd.eigenvectorMatrix.getColumn(i)),
  };
}

/** Number of leading eigenvalues > 0 that hold `share` of their sum. */
export function componentsFor(values: readonly number[], share: number): number {
  const total = values.reduce((a, b) => a + b, 0);
  const enough = share * total * (1 - 1e-12);
  let held = 0;
  let count = 0;
  while (count < values.length && held < enough && values[count]! > LEAST_VARIANCE) held += values[count++]!;
  return count;
}

/** @see Jackson & Mudholkar 1979, Technometrics 21(3), for residual variances > 0 */
export function speLimit(variances: readonly number[], deviate: number): number {
  const power = (k: number) => variances.reduce((sum, v) => sum + v ** k, 0);
  const [t1, t2, t3] = [power(1), power(2), power(3)];
  const h = Math.max(1e-3, 1 - (2 * t1 * t3) / (3 * t2 ** 2));
  const base = (deviate * Math.sqrt(2 * t2 * h ** 2)) / t1 + 1 + (t2 * h * (h - 1)) / t1 ** 2;
  return t1 * base ** (1 / h);
}

/** @see Wilson & Hilferty 1931, PNAS 17(12) */
function chiSquareQuantile(freedom: number, deviate: number): number {
  if (freedom === 0) return 1;
  const v = 2 / (9 * freedom);
  return freedom * (1 - v + deviate * Math.sqrt(v)) ** 3;
}

interface Fitted {
  /** [dims]. */
  readonly mean: Float64Array;
  /** [components, dims]. */
  readonly axes: Float64Array;
  /** [components]. */
  readonly variances: Float64Array;
  /** Of squared residuals, [dims]: < 1 where a dimension hardly moves, so that its floor counts as a usual residual. */
  readonly weights: Float64Array;
  /** Of SPE and T2. */
  readonly limits: Float64Array;
}

function model(inputs: Inputs, fitted: Fitted): PcaModel {
  const { mean, axes, variances, weights, limits } = fitted;
  const { dims } = inputs;
  const components = variances.length;
  const [spe, t2] = [limits[0]!, limits[1]!];
  const away = Matrix.eye(dims); // projects on what the components leave
  const form = Matrix.zeros(dims, dims);
  for (let c = 0; c < components; c++)
    for (let i = 0; i < dims; i++)
      for (let j = 0; j < dims; j++) {
        const both = axes[c * dims + i]! * axes[c * dims + j]!;
        away.set(i, j, away.get(i, j) - both);
        form.set(i, j, form.get(i, j) + both / (variances[c]! * t2));
      }
  const residual = away.mmul(Matrix.diag([...weights])).mmul(away);
  form.add(Matrix.add(residual, residual.transpose()).mul(1 / (2 * spe))); // symmetric to the bit
  const { centred, ...scoring } = quadraticModel(name, inputs, mean, form);
  return {
    ...scoring,
    components,
    limits: { spe, t2 },
    statistics(row) {
      const x = centred(row);
      if (!x) return undefined;
      const left = away.mmul(Matrix.columnVector(x)).to1DArray();
      const along = Array.from(variances, (_, c) => x.reduce((sum, v, d) => sum + v * axes[c * dims + d]!, 0));
      return {
        spe: left.reduce((sum, v, d) => sum + weights[d]! * v ** 2, 0),
        t2: along.reduce((sum, t, c) => sum + t ** 2 / variances[c]!, 0),
      };
    },
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      values: {
        mean: [...mean],
        axes: [...axes],
        variances: [...variances],
        weights: [...weights],
        limits: [...limits],
      },
    }),
  };
}
