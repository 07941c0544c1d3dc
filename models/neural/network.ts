import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers"; // for the gradients that it registers: in Node tfjs-core has none
import { randomOf, shuffle } from "./random.ts";

/**
 * Dense layers as plain numbers: for each a kernel [in, out] and a bias [out]. tanh after every other
 * layer, from the first: so of five sizes the code in the middle and the output are linear.
 */
export interface Network {
  readonly sizes: readonly number[];
  readonly weights: readonly Float32Array[];
}

export interface TrainOptions {
  readonly seed: number;
  readonly epochs: number;
  /** Epochs without a better held-out loss before it stops. */
  readonly patience: number;
  readonly batchRows: number;
  readonly learningRate: number;
}

export interface Trained {
  readonly network: Network;
  readonly epochs: number;
  /** Mean squared error on the held-out rows. */
  readonly loss: number;
}

/** A better loss must be better by this share, or noise keeps training alive. */
const LEAST_GAIN = 1e-3;

/** Glorot-uniform kernels, zero biases. @see Glorot & Bengio 2010, AISTATS */
export function freshNetwork(sizes: readonly number[], seed: number): Network {
  const random = randomOf(seed);
  const weights: Float32Array[] = [];
  for (let l = 1; l < sizes.length; l++) {
    const [from, to] = [sizes[l - 1]!, sizes[l]!];
    const limit = Math.sqrt(6 / (from + to));
    weights.push(
      Float32Array.from({ length: from * to }, () => (2 * random() - 1) * limit),
      new Float32Array(to),
    );
  }
  return { sizes, weights };
}

function tensors({ sizes, weights }: Network): tf.Tensor[] {
  return weights.map((w, i) => {
    const layer = i >> 1;
    return i % 2 === 0 ? tf.tensor2d(w, [sizes[layer]!, sizes[layer + 1]!]) : tf.tensor1d(w);
  });
}

function forward(weights: readonly tf.Tensor[], rows: tf.Tensor2D): tf.Tensor2D {
  let x = rows;
  for (let i = 0; i < weights.length; i += 2) {
    x = tf.add(tf.matMul(x, weights[i] as tf.Tensor2D), weights[i + 1]!);
    if (i % 4 === 0) x = tf.tanh(x);
  }
  return x;
}

const meanSquare = (a: tf.Tensor2D, b: tf.Tensor2D) => tf.mean(tf.squaredDifference(a, b)) as tf.Scalar;

/**
 * Outputs [rows, sizes.at(-1)] for `rows` [rows, sizes[0]]. The last micro-batch is padded to full size, so that a
 * row's output does not depend on how many others came with it.
 */
export function run(network: Network, rows: Float32Array, batchRows: number): Float32Array {
  const [from, to] = [network.sizes[0]!, network.sizes.at(-1)!];
  const n = rows.length / from;
  const out = new Float32Array(n * to);
  const batch = new Float32Array(batchRows * from);
  tf.tidy(() => {
    const weights = tensors(network);
    for (let r = 0; r < n; r += batchRows) {
      const count = Math.min(batchRows, n - r);
      batch.fill(0).set(rows.subarray(r * from, (r + count) * from));
      const y = tf.tidy(() => forward(weights, tf.tensor2d(batch.slice(), [batchRows, from])).dataSync());
      out.set(y.subarray(0, count * to), r * to);
    }
  });
  return out;
}

/**
 * Teaches the network to give its input back (Adam, mean squared error) until the held-out loss stops falling, and
 * keeps the best weights. Order of training rows is shuffled by seed; held-out rows never mix with them. Gives way to
 * the event loop after each epoch.
 * @see Kingma & Ba 2015, ICLR; Prechelt 1998, "Early Stopping - But When?"
 */
export async function train(
  start: Network,
  training: Float32Array,
  heldOut: Float32Array,
  { seed, epochs, patience, batchRows, learningRate }: TrainOptions,
): Promise<Trained> {
  const dims = start.sizes[0]!;
  const random = randomOf(seed ^ 0x9e3779b9);
  const order = Uint32Array.from({ length: training.length / dims }, (_, i) => i);
  const variables = tf.tidy(() => tensors(start).map((t) => tf.keep(tf.variable(t))));
  const check = tf.tensor2d(heldOut, [heldOut.length / dims, dims]);
  const optimizer = tf.train.adam(learningRate);
  const heldOutLoss = () => tf.tidy(() => meanSquare(forward(variables, check), check).dataSync()[0]!);
  const copy = () => variables.map((v) => Float32Array.from(v.dataSync()));
  let best = { weights: start.weights as Float32Array[], loss: heldOutLoss(), epoch: 0 };
  let epoch = 0;
  try {
    while (epoch < epochs && epoch - best.epoch < patience) {
      epoch++;
      shuffle(order, random);
      for (let at = 0; at < order.length; at += batchRows)
        step(optimizer, variables, gather(training, dims, order.subarray(at, at + batchRows)), dims);
      const loss = heldOutLoss();
      if (loss < best.loss * (1 - LEAST_GAIN)) best = { weights: copy(), loss, epoch };
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } finally {
    optimizer.dispose();
    tf.dispose([...variables, check]);
  }
  return { network: { sizes: start.sizes, weights: best.weights }, epochs: epoch, loss: best.loss };
}

function step(optimizer: tf.Optimizer, variables: tf.Variable[], batch: Float32Array, dims: number): void {
  tf.tidy(() => {
    const x = tf.tensor2d(batch, [batch.length / dims, dims]);
    optimizer.minimize(() => meanSquare(forward(variables, x), x), false, variables);
  });
}

function gather(rows: Float32Array, dims: number, order: Uint32Array): Float32Array {
  const out = new Float32Array(order.length * dims);
  for (const [i, r] of order.entries()) out.set(rows.subarray(r * dims, (r + 1) * dims), i * dims);
  return out;
}
