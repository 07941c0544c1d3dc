import * as tf from "@tensorflow/tfjs-core";
import type { VectorModelKind } from "../linear/vector.ts";
import { GRU_ARRAYS, gruRun, gruShapes } from "./gru.ts";
import {
  fitSequence,
  loadSequence,
  type SequenceModel,
  type SequenceNetwork,
  type SequenceOptions,
} from "./sequence-model.ts";

const name = "forecaster";

/**
 * A GRU reads the `steps` rows before a row and forecasts it: state W + last row V + b. Score: squared Mahalanobis
 * distance of the forecast's error from its held-out errors, over dims; about 1 for usual rows. Sees rows that do not
 * follow from those before, and broken relations; a slow fault becomes the new usual. Time and memory as the
 * recurrent autoencoder, at half its cost. Same seed, rows, backend and machine: the same model, to the bit.
 * @see Malhotra et al. 2015, ESANN (forecast errors); Cho et al. 2014, EMNLP (GRU)
 */
export const forecaster: VectorModelKind<SequenceOptions, SequenceModel> = {
  learns: "quiet",
  tuning: { cost: "slow", grid: [{ steps: 24 }] },
  fit: (rows, dims, options = {}) => fitSequence(name, rows, dims, options, network),
  load: (state) => loadSequence(name, state, network),
};

export function network(dims: number, units: number, steps: number): SequenceNetwork {
  const guess = (weights: readonly tf.Tensor[], rows: readonly tf.Tensor2D[]) => {
    const [out, along, bias] = weights.slice(GRU_ARRAYS) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
    const state = gruRun(weights, rows.slice(0, steps), units);
    return tf.add(tf.add(tf.matMul(state, out), tf.matMul(rows[steps - 1]!, along)), bias) as tf.Tensor2D;
  };
  return {
    window: steps + 1,
    shapes: [...gruShapes(dims, units), [units, dims], [dims, dims], [dims]],
    guess,
    loss: (weights, rows) => tf.mean(tf.squaredDifference(guess(weights, rows), rows[steps]!)) as tf.Scalar,
  };
}
