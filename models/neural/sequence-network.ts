import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers"; // for the gradients that it registers: in Node tfjs-core has none
import { randomOf, shuffle } from "./random.ts";

/**
 * One LSTM layer and a softmax over the next symbol, as plain numbers: input kernel [symbols, 4 units], recurrent kernel
 * [units, 4 units], bias [4 units] (gates: input, forget, cell, output), output kernel [units, symbols], bias [symbols].
 */
export interface SequenceNetwork {
  readonly symbols: number;
  readonly units: number;
  readonly weights: readonly Float32Array[];
}

/** Windows [rows, steps] of symbols, the symbol that follows each, and how often it does. */
export interface Windows {
  readonly steps: number;
  readonly inputs: Int32Array;
  readonly next: Int32Array;
  readonly weights: Float32Array;
}

export interface SequenceTraining {
  readonly seed: number;
  readonly epochs: number;
  /** Epochs without a better held-out loss before it stops. */
  readonly patience: number;
  readonly batchRows: number;
  readonly learningRate: number;
}

const shapesOf = (symbols: number, units: number): number[][] => [
  [symbols, 4 * units],
  [units, 4 * units],
  [4 * units],
  [units, symbols],
  [symbols],
];

/** Glorot-uniform kernels, zero biases but the forget gate's 1. @see Jozefowicz et al. 2015, ICML */
export function freshSequenceNetwork(symbols: number, units: number, seed: number): SequenceNetwork {
  const random = randomOf(seed);
  const weights = shapesOf(symbols, units).map(([rows = 1, columns]) => {
    if (columns === undefined) return new Float32Array(rows);
    const limit = Math.sqrt(6 / (rows + columns));
    return Float32Array.from({ length: rows * columns }, () => (2 * random() - 1) * limit);
  });
  (weights[2] as Float32Array).fill(1, units, 2 * units);
  return { symbols, units, weights };
}

function loss(net: SequenceNetwork, w: readonly tf.Tensor[], batch: Windows): tf.Scalar {
  const rows = batch.next.length;
  const [wx, wh, b, wo, bo] = w as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor2D, tf.Tensor1D];
  let h: tf.Tensor2D = tf.zeros([rows, net.units]);
  let c: tf.Tensor2D = tf.zeros([rows, net.units]);
  for (let t = 0; t < batch.steps; t++) {
    const column = Int32Array.from({ length: rows }, (_, r) => batch.inputs[r * batch.steps + t]!);
    const x = tf.cast(tf.oneHot(tf.tensor1d(column, "int32"), net.symbols), "float32") as tf.Tensor2D;
    const gates = tf.add(tf.add(tf.matMul(x, wx), tf.matMul(h, wh)), b) as tf.Tensor2D;
    const [i, f, g, o] = tf.split(gates, 4, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    c = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
    h = tf.mul(tf.sigmoid(o), tf.tanh(c));
  }
  const logits = tf.add(tf.matMul(h, wo), bo) as tf.Tensor2D;
  const truth = tf.cast(tf.oneHot(tf.tensor1d(batch.next, "int32"), net.symbols), "float32");
  const surprise = tf.sub(tf.logSumExp(logits, 1), tf.sum(tf.mul(logits, truth), 1));
  const weights = tf.tensor1d(batch.weights);
  return tf.div(tf.sum(tf.mul(surprise, weights)), tf.sum(weights)) as tf.Scalar;
}

/**
 * Teaches the network what follows (Adam, weighted cross-entropy) until the held-out loss stops falling; gives the best
 * weights. Gives way to the event loop after each epoch. A backend must be started.
 */
export async function trainSequence(
  start: SequenceNetwork,
  training: Windows,
  heldOut: Windows,
  { seed, epochs, patience, batchRows, learningRate }: SequenceTraining,
): Promise<{ network: SequenceNetwork; epochs: number; loss: number }> {
  const random = randomOf(seed ^ 0x9e3779b9);
  const order = Uint32Array.from(training.next, (_, i) => i);
  const shapes = shapesOf(start.symbols, start.units);
  const variables = tf.tidy(() => start.weights.map((w, i) => tf.keep(tf.variable(tf.tensor(w, shapes[i])))));
  const optimizer = tf.train.adam(learningRate);
  const copy = () => variables.map((v) => Float32Array.from(v.dataSync()));
  let best = { weights: start.weights as Float32Array[], loss: Number.POSITIVE_INFINITY, epoch: 0 };
  let epoch = 0;
  try {
    while (epoch < epochs && epoch - best.epoch < patience) {
      epoch++;
      shuffle(order, random);
      for (let at = 0; at < order.length; at += batchRows)
        tf.tidy(() => {
          const batch = gather(training, order.subarray(at, at + batchRows));
          optimizer.minimize(() => loss(start, variables, batch), false, variables);
        });
      const now = tf.tidy(() => loss(start, variables, heldOut).dataSync()[0]!);
      if (now < best.loss * (1 - 1e-3)) best = { weights: copy(), loss: now, epoch };
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } finally {
    optimizer.dispose();
    tf.dispose(variables);
  }
  return { network: { ...start, weights: best.weights }, epochs: epoch, loss: best.loss };
}

function gather(all: Windows, order: Uint32Array): Windows {
  const inputs = new Int32Array(order.length * all.steps);
  for (const [i, r] of order.entries())
    inputs.set(all.inputs.subarray(r * all.steps, (r + 1) * all.steps), i * all.steps);
  return {
    steps: all.steps,
    inputs,
    next: Int32Array.from(order, (r) => all.next[r]!),
    weights: Float32Array.from(order, (r) => all.weights[r]!),
  };
}

/** Natural logarithms of the next symbol's probabilities after `steps` symbols; without tfjs, the same everywhere. */
export function predictNext({ symbols, units, weights }: SequenceNetwork, input: Int32Array): Float64Array {
  const [wx, wh, b, wo, bo] = weights as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const h = new Float64Array(units);
  const c = new Float64Array(units);
  const gates = new Float64Array(4 * units);
  for (const symbol of input) {
    for (let j = 0; j < gates.length; j++) gates[j] = wx[symbol * gates.length + j]! + b[j]!;
    for (let k = 0; k < units; k++) {
      const value = h[k]!;
      if (value !== 0) for (let j = 0; j < gates.length; j++) gates[j]! += value * wh[k * gates.length + j]!;
    }
    for (let k = 0; k < units; k++) {
      c[k] = sigmoid(gates[units + k]!) * c[k]! + sigmoid(gates[k]!) * Math.tanh(gates[2 * units + k]!);
      h[k] = sigmoid(gates[3 * units + k]!) * Math.tanh(c[k]!);
    }
  }
  const out = new Float64Array(symbols);
  for (let s = 0; s < symbols; s++) {
    let sum = bo[s]!;
    for (let k = 0; k < units; k++) sum += h[k]! * wo[k * symbols + s]!;
    out[s] = sum;
  }
  const most = Math.max(...out);
  const total = most + Math.log(out.reduce((sum, x) => sum + Math.exp(x - most), 0));
  return out.map((x) => x - total);
}
