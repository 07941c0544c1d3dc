import * as tf from "@tensorflow/tfjs-core";
import { descend, type TrainOptions, tensorsOf } from "./descend.ts";
import { randomOf } from "./random.ts";

/**
 * Dense layers as plain numbers: for each a kernel [in, out] and a bias [out]. tanh after every other
 * layer, from the first: so of five sizes the code in the middle and the output are linear.
 */
export interface Network {
  readonly sizes: readonly number[];
  readonly weights: readonly Float32Array[];
}

export interface Trained {
  readonly network: Network;
  readonly epochs: number;
  /** Mean squared error on the held-out rows. */
  readonly loss: number;
}

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

const shapesOf = (sizes: readonly number[]) => sizes.slice(1).flatMap((to, l) => [[sizes[l]!, to], [to]]);

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
    const weights = tensorsOf(network.weights, shapesOf(network.sizes));
    for (let r = 0; r < n; r += batchRows) {
      const count = Math.min(batchRows, n - r);
      batch.fill(0).set(rows.subarray(r * from, (r + count) * from));
      const y = tf.tidy(() => forward(weights, tf.tensor2d(batch.slice(), [batchRows, from])).dataSync());
      out.set(y.subarray(0, count * to), r * to);
    }
  });
  return out;
}

/** Teaches the network to give its input back (mean squared error); held-out rows never mix with training rows. */
export async function train(
  start: Network,
  training: Float32Array,
  heldOut: Float32Array,
  options: TrainOptions,
): Promise<Trained> {
  const { sizes } = start;
  const dims = sizes[0]!;
  const check = tf.tensor2d(heldOut, [heldOut.length / dims, dims]);
  const loss = (weights: readonly tf.Tensor[], x: tf.Tensor2D) => meanSquare(forward(weights, x), x);
  try {
    const { weights, ...rest } = await descend(
      {
        shapes: shapesOf(sizes),
        start: start.weights,
        examples: training.length / dims,
        loss: (w, of) => loss(w, tf.tensor2d(gather(training, dims, of), [of.length, dims])),
        heldOutLoss: (w) => loss(w, check),
      },
      options,
    );
    return { network: { sizes, weights }, ...rest };
  } finally {
    check.dispose();
  }
}

function gather(rows: Float32Array, dims: number, order: Uint32Array): Float32Array {
  const out = new Float32Array(order.length * dims);
  for (const [i, r] of order.entries()) out.set(rows.subarray(r * dims, (r + 1) * dims), i * dims);
  return out;
}
