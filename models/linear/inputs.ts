import type { Floors } from "../bank.ts";
import { atLeast, clampValue, flooredScale } from "../statistical/scale.ts";
import { median } from "../statistical/select.ts";
import { type InputState, rowsOf } from "./vector.ts";

export interface InputOptions extends Floors {
  /** A row with a larger share of gaps gets no opinion and teaches nothing, 0..1. */
  maxGapShare?: number;
}

/** Robust standardisation: what every vector model sees of its rows. */
export interface Inputs {
  readonly dims: number;
  /** Variance, in standardised units, that a dimension lacks to its floor: 1 for a constant, 0 for a lively one. */
  readonly noise: Float64Array;
  /** Row `index` in robust deviations from the median, into `out` [dims]; gaps are NaN. False: too many of them. */
  standardise(rows: Float64Array, index: number, out: Float64Array): boolean;
  save(): InputState;
}

const FROM_MAD = 1.4826022185056018;
const FROM_MEAN_AD = 1.2533141373155001;
/** Farther than this is only "very far": squares and products stay finite, in 32 bits too. */
const MAX_DEVIATION = 1e3;

/**
 * Centre: median; scale: 1.4826 MAD, or the mean absolute deviation where more than half of the values are equal, and
 * at least max(relFloor * |median|, absFloor). A column without any value is a constant 0. O(rows * dims).
 * @see Rousseeuw & Croux 1993, J. Am. Stat. Assoc. 88(424)
 */
export function fitInputs(
  name: string,
  rows: Float64Array,
  dims: number,
  { maxGapShare = 0.5, relFloor = 0.02, absFloor = 1e-9 }: InputOptions,
): Inputs {
  const n = rowsOf(name, rows, dims);
  atLeast(name, "maxGapShare", maxGapShare, 0);
  atLeast(name, "relFloor", relFloor, 0);
  atLeast(name, "absFloor", absFloor, Number.MIN_VALUE);
  const state = { center: [] as number[], scale: [] as number[], noise: [] as number[], maxGapShare };
  const column = new Float64Array(n);
  for (let d = 0; d < dims; d++) {
    let seen = 0;
    for (let r = 0; r < n; r++) {
      const value = rows[r * dims + d]!;
      if (Number.isFinite(value)) column[seen++] = clampValue(value);
    }
    const center = seen > 0 ? median(column, seen) : 0;
    const spread = spreadOf(column, seen, center);
    const scale = flooredScale(spread, center, relFloor, absFloor);
    state.center.push(center);
    state.scale.push(scale);
    state.noise.push(1 - (spread / scale) ** 2);
  }
  return loadInputs(state);
}

/** Reorders and overwrites column[0, n). */
function spreadOf(column: Float64Array, n: number, center: number): number {
  if (n === 0) return 0;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    column[i] = Math.abs(column[i]! - center);
    sum += column[i]!;
  }
  return FROM_MAD * median(column, n) || (FROM_MEAN_AD * sum) / n;
}

export function loadInputs(state: InputState): Inputs {
  const { maxGapShare } = state;
  const dims = state.center.length;
  const center = Float64Array.from(state.center);
  const scale = Float64Array.from(state.scale);
  return {
    dims,
    noise: Float64Array.from(state.noise),
    standardise(rows, index, out) {
      let gaps = 0;
      for (let d = 0; d < dims; d++) {
        const value = rows[index * dims + d]!;
        const z = (clampValue(value) - center[d]!) / scale[d]!;
        if (Number.isFinite(value)) out[d] = Math.max(-MAX_DEVIATION, Math.min(MAX_DEVIATION, z));
        else {
          out[d] = Number.NaN;
          gaps++;
        }
      }
      return gaps < dims && gaps <= maxGapShare * dims;
    },
    save: () => state,
  };
}
