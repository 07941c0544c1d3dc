import { multivariateModel } from "./multivariate-model.ts";
import type { StreamModel, StreamModelState } from "./stream-model.ts";
import { univariateModel } from "./univariate-model.ts";

export type { RowScores, StreamModel, StreamModelState } from "./stream-model.ts";

/** A fresh model for rows of `dims` columns. @throws RangeError unless `dims` is an integer >= 1 */
export function streamModel(dims: number): StreamModel {
  if (!Number.isSafeInteger(dims) || dims < 1)
    throw new RangeError(`stream model: dims is ${dims}; give an integer >= 1`);
  return dims === 1 ? univariateModel() : multivariateModel(dims);
}

/** @throws RangeError on a state of another kind or version */
export function loadStreamModel(state: StreamModelState): StreamModel {
  if (state?.version !== 2 || (state.kind !== "univariate" && state.kind !== "multivariate"))
    throw new RangeError(`stream model: the state is of ${state?.kind}, version ${state?.version}; give version 2`);
  return state.kind === "univariate" ? univariateModel(state) : multivariateModel(state.dims, {}, state);
}
