import * as tf from "@tensorflow/tfjs-core";
import type { VectorModelKind } from "../linear/vector.ts";
import { GRU_ARRAYS, gruRun, gruShapes, gruStep } from "./gru.ts";
import {
  fitSequence,
  loadSequence,
  type SequenceModel,
  type SequenceNetwork,
  type SequenceOptions,
} from "./sequence-model.ts";

const name = "gru-autoencoder";
/** What the rows before the last one count in the loss, all together. */
const BEFORE = 0.5;
/** Code units for each dimension: fewer than a window has values, or it would copy them. */
const codeUnits = (dims: number) => Math.max(1, Math.ceil(dims / 2));

/**
 * A GRU reads a window of `steps` rows into a code of dims / 2 numbers; another one gives the rows back from it, the
 * last first. Score: squared Mahalanobis distance of the last row's residual from held-out residuals, over dims; about 1
 * for usual rows. Sees broken relations and courses over time. Training: <= epochs * windowsPerEpoch / batchRows updates;
 * memory 8 rows * dims bytes and the weights. Same seed, rows, backend and machine: the same model, to the bit.
 * @see Malhotra et al. 2016, ICML Anomaly Detection Workshop (EncDec-AD); Cho et al. 2014, EMNLP (GRU)
 */
export const gruAutoencoder: VectorModelKind<SequenceOptions, SequenceModel> = {
  learns: "quiet",
  tuning: { cost: "slow", grid: [] },
  fit: (rows, dims, options = {}) => fitSequence(name, rows, dims, options, network),
  load: (state) => loadSequence(name, state, network),
};

export function network(dims: number, units: number, steps: number): SequenceNetwork {
  const code = codeUnits(dims);
  const toCode = GRU_ARRAYS;
  const decoder = toCode + 2;
  const toRow = decoder + GRU_ARRAYS;

  /** The last `count` rows, the last one first. */
  function decoded(weights: readonly tf.Tensor[], rows: readonly tf.Tensor2D[], count: number): tf.Tensor2D[] {
    const affine = (x: tf.Tensor2D, at: number) =>
      tf.add(tf.matMul(x, weights[at] as tf.Tensor2D), weights[at + 1]!) as tf.Tensor2D;
    const read = affine(gruRun(weights, rows, units), toCode);
    let state = tf.zeros([read.shape[0], units]) as tf.Tensor2D;
    return Array.from({ length: count }, () => {
      state = gruStep(weights.slice(decoder, toRow), state, read);
      return affine(state, toRow);
    });
  }

  return {
    window: steps,
    shapes: [
      ...gruShapes(dims, units),
      ...[[units, code], [code]],
      ...gruShapes(code, units),
      ...[[units, dims], [dims]],
    ],
    guess: (weights, rows) => decoded(weights, rows, 1)[0]!,
    loss(weights, rows) {
      const errors = decoded(weights, rows, steps).map((guess, i) =>
        tf.mean(tf.squaredDifference(guess, rows[steps - 1 - i]!)),
      );
      const [last, ...before] = errors as [tf.Tensor, ...tf.Tensor[]];
      if (before.length === 0) return last as tf.Scalar;
      return tf.add(last, tf.mul(BEFORE / before.length, tf.addN(before))) as tf.Scalar;
    },
  };
}
