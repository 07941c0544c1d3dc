import * as tf from "@tensorflow/tfjs-core";

/** Arrays of a GRU layer: in, back and bias of both gates (update, then reset), then the same of the candidate. */
export function gruShapes(inputs: number, units: number): number[][] {
  return [[inputs, 2 * units], [units, 2 * units], [2 * units], [inputs, units], [units, units], [units]];
}

/** How many arrays a layer has. */
export const GRU_ARRAYS = 6;

/**
 * States [batch, units] after `input` [batch, inputs]: h' = u h + (1 - u) c with gates u, r = sigmoid and candidate
 * c = tanh(x W + (r h) U + b). Keras calls it `reset_after=False`.
 * @see Cho et al. 2014, EMNLP
 */
export function gruStep(weights: readonly tf.Tensor[], state: tf.Tensor2D, input: tf.Tensor2D): tf.Tensor2D {
  const [gateIn, gateBack, gateBias, candidateIn, candidateBack, candidateBias] = weights as tf.Tensor2D[];
  const gates = tf.sigmoid(tf.add(tf.add(tf.matMul(input, gateIn!), tf.matMul(state, gateBack!)), gateBias!));
  const [update, reset] = tf.split(gates, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
  const back = tf.matMul(tf.mul(reset, state) as tf.Tensor2D, candidateBack!);
  const candidate = tf.tanh(tf.add(tf.add(tf.matMul(input, candidateIn!), back), candidateBias!));
  return tf.add(candidate, tf.mul(update, tf.sub(state, candidate)));
}

/** The last state after `inputs`, one [batch, inputs] a step, from zeros on. */
export function gruRun(weights: readonly tf.Tensor[], inputs: readonly tf.Tensor2D[], units: number): tf.Tensor2D {
  let state = tf.zeros([inputs[0]!.shape[0], units]) as tf.Tensor2D;
  for (const input of inputs) state = gruStep(weights, state, input);
  return state;
}
