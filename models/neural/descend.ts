import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers"; // for the gradients that it registers: in Node tfjs-core has none
import { randomOf, shuffle } from "./random.ts";

export interface TrainOptions {
  readonly seed: number;
  readonly epochs: number;
  /** Epochs without a better held-out loss before it stops. */
  readonly patience: number;
  readonly batchRows: number;
  readonly learningRate: number;
}

export interface Descent {
  readonly weights: readonly Float32Array[];
  readonly epochs: number;
  /** On what is held out. */
  readonly loss: number;
}

/** What to bring down; both losses are called within `tf.tidy`. */
export interface Objective {
  readonly shapes: readonly (readonly number[])[];
  readonly start: readonly Float32Array[];
  /** Examples to train on. */
  readonly examples: number;
  /** Examples seen in one epoch at most, others in the next. */
  readonly perEpoch?: number;
  loss(weights: readonly tf.Tensor[], examples: Uint32Array): tf.Scalar;
  heldOutLoss(weights: readonly tf.Tensor[]): tf.Scalar;
}

/** A better loss must be better by this share, or noise keeps training alive. */
const LEAST_GAIN = 1e-3;

export function tensorsOf(weights: readonly Float32Array[], shapes: readonly (readonly number[])[]): tf.Tensor[] {
  return weights.map((w, i) => tf.tensor(w, [...shapes[i]!], "float32"));
}

/**
 * Adam until the held-out loss stops falling; keeps the best weights. The order of examples is shuffled by seed. Gives
 * way to the event loop after each epoch. At most epochs * perEpoch / batchRows updates.
 * @see Kingma & Ba 2015, ICLR; Prechelt 1998, "Early Stopping - But When?"
 */
export async function descend(
  objective: Objective,
  { seed, epochs, patience, batchRows, learningRate }: TrainOptions,
): Promise<Descent> {
  const { shapes, start, examples, perEpoch = examples } = objective;
  const random = randomOf(seed ^ 0x9e3779b9);
  const order = Uint32Array.from({ length: examples }, (_, i) => i);
  const variables = tf.tidy(() => tensorsOf(start, shapes).map((t) => tf.keep(tf.variable(t))));
  const optimizer = tf.train.adam(learningRate);
  const heldOutLoss = () => tf.tidy(() => objective.heldOutLoss(variables).dataSync()[0]!);
  const copy = () => variables.map((v) => Float32Array.from(v.dataSync()));
  let best = { weights: start, loss: heldOutLoss(), epoch: 0 };
  let epoch = 0;
  try {
    while (epoch < epochs && epoch - best.epoch < patience) {
      epoch++;
      shuffle(order, random);
      for (let at = 0; at < Math.min(examples, perEpoch); at += batchRows) {
        const batch = order.subarray(at, at + batchRows);
        tf.tidy(() => void optimizer.minimize(() => objective.loss(variables, batch), false, variables));
      }
      const loss = heldOutLoss();
      if (loss < best.loss * (1 - LEAST_GAIN)) best = { weights: copy(), loss, epoch };
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } finally {
    optimizer.dispose();
    tf.dispose(variables);
  }
  return { weights: best.weights, epochs: epoch, loss: best.loss };
}
