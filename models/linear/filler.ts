import { Matrix } from "ml-matrix";
import { moments, precision } from "./covariance.ts";
import type { Inputs } from "./inputs.ts";
import { fillGaps, gapsOf } from "./quadratic.ts";

/** What the other values of a row let expect of one, by the linear relations of quiet rows. */
export interface Filler {
  /** Gives the gaps (NaN) of a standardised row their expected values, in place. O(gaps * dims + gaps^3). */
  fill(z: Float64Array): void;
  /** The expected value of dimension `d` in a whole row. O(dims). */
  expected(z: Float64Array, d: number): number;
  /** For a state's `values`. */
  save(): { fillMean: number[]; fillForm: number[] };
}

/** From standardised training rows [rows, dims]. O(rows * dims^2 + dims^3), memory 16 dims^2 bytes. */
export function fitFiller(rows: Float64Array, { dims, noise }: Inputs): Filler {
  const seen = moments(rows, dims);
  return loadFiller({ fillMean: seen.mean, fillForm: Float64Array.from(precision(seen, noise).to1DArray()) });
}

export function loadFiller({ fillMean, fillForm }: Record<"fillMean" | "fillForm", Float64Array>): Filler {
  const dims = fillMean.length;
  const form = Matrix.from1DArray(dims, dims, fillForm);
  const x = new Float64Array(dims);
  return {
    fill(z) {
      const gaps = gapsOf(z);
      if (gaps.length === 0) return;
      for (let d = 0; d < dims; d++) x[d] = z[d]! - fillMean[d]!;
      fillGaps(form, x, gaps);
      for (const d of gaps) z[d] = x[d]! + fillMean[d]!;
    },
    expected(z, d) {
      let pull = 0;
      for (let j = 0; j < dims; j++) if (j !== d) pull += fillForm[d * dims + j]! * (z[j]! - fillMean[j]!);
      return fillMean[d]! - pull / fillForm[d * dims + d]!;
    },
    save: () => ({ fillMean: [...fillMean], fillForm: [...fillForm] }),
  };
}
