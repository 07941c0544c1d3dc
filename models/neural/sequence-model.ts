import * as tf from "@tensorflow/tfjs-core";
import { Matrix } from "ml-matrix";
import { moments, precision } from "../linear/covariance.ts";
import { type Filler, fitFiller, loadFiller } from "../linear/filler.ts";
import { fitInputs, type InputOptions, type Inputs, loadInputs } from "../linear/inputs.ts";
import { fillGaps, gapsOf } from "../linear/quadratic.ts";
import { trainingRows } from "../linear/training.ts";
import { oneRow, rowsOf, toShares, type VectorModel, type VectorState, valuesOf } from "../linear/vector.ts";
import { BACKENDS, type Backend, type BackendName, startBackend } from "./backend.ts";
import { descend, tensorsOf } from "./descend.ts";
import { randomOf } from "./random.ts";

export interface SequenceOptions extends InputOptions {
  seed?: number;
  /** Rows that the network reads at once. */
  steps?: number;
  /** Units of each recurrent layer; by default the dimensions, 16..48. */
  units?: number;
  epochs?: number;
  /** Epochs without a better held-out loss before training stops. */
  patience?: number;
  batchRows?: number;
  learningRate?: number;
  /** Share of rows, the latest, never trained on, (0, 0.5]: stops training, sets what a usual residual is. */
  heldOut?: number;
  /** Windows seen in one epoch at most: bounds the time of training. */
  windowsPerEpoch?: number;
  /** Tried in this order. */
  backends?: readonly BackendName[];
}

export interface SequenceModel extends VectorModel {
  readonly backend: Backend;
  /** Epochs trained; 0 for a loaded model. */
  readonly epochs: number;
}

/** A recurrent network that has an idea of the last row of a window of rows. */
export interface SequenceNetwork {
  /** Rows of a window: the context, and the row. */
  readonly window: number;
  readonly shapes: readonly (readonly number[])[];
  /** The last row's guess [batch, dims]; `rows`: one [batch, dims] for each row of the window. */
  guess(weights: readonly tf.Tensor[], rows: readonly tf.Tensor2D[]): tf.Tensor2D;
  loss(weights: readonly tf.Tensor[], rows: readonly tf.Tensor2D[]): tf.Scalar;
}

const MICRO_BATCH = 128;
const CLIP = 8;
const LEAST_WINDOWS = 8;
/** Held-out windows that decide when to stop; evenly spread. */
const CHECKED_WINDOWS = 1024;

/** Rows in order of time as a network reads them: whole, standardised, clipped; `usable[r]` 0 where gaps were too many. */
interface Sequence {
  readonly z: Float32Array;
  readonly usable: Uint8Array;
}

function sequenceOf(inputs: Inputs, filler: Filler, rows: Float64Array): Sequence {
  const { dims } = inputs;
  const n = rows.length / dims;
  const [z, usable, row] = [new Float32Array(rows.length), new Uint8Array(n), new Float64Array(dims)];
  for (let r = 0; r < n; r++) {
    usable[r] = inputs.standardise(rows, r, row) ? 1 : 0;
    if (usable[r] === 0) row.fill(Number.NaN);
    filler.fill(row);
    for (let d = 0; d < dims; d++) z[r * dims + d] = Math.max(-CLIP, Math.min(CLIP, row[d]!));
  }
  return { z, usable };
}

/** For each row of the window one tensor [ends, dims]; `ends`: the last rows of the windows. */
function windowTensors(z: Float32Array, dims: number, window: number, ends: ArrayLike<number>, batch: number) {
  return Array.from({ length: window }, (_, step) => {
    const values = new Float32Array(batch * dims);
    for (let i = 0; i < ends.length; i++) {
      const r = ends[i]! - window + 1 + step;
      values.set(z.subarray(r * dims, (r + 1) * dims), i * dims);
    }
    return tf.tensor2d(values, [batch, dims]);
  });
}

function guesses(
  network: SequenceNetwork,
  weights: readonly Float32Array[],
  z: Float32Array,
  dims: number,
  ends: readonly number[],
): Float32Array {
  const out = new Float32Array(ends.length * dims);
  tf.tidy(() => {
    const tensors = tensorsOf(weights, network.shapes);
    for (let at = 0; at < ends.length; at += MICRO_BATCH) {
      const some = ends.slice(at, at + MICRO_BATCH); // padded to full size: a row's guess depends on no other
      const y = tf.tidy(() =>
        network.guess(tensors, windowTensors(z, dims, network.window, some, MICRO_BATCH)).dataSync(),
      );
      out.set(y.subarray(0, some.length * dims), at * dims);
    }
  });
  return out;
}

/** Glorot-uniform matrices, zero biases. @see Glorot & Bengio 2010, AISTATS */
function fresh(shapes: SequenceNetwork["shapes"], seed: number): Float32Array[] {
  const random = randomOf(seed);
  return shapes.map(([a = 1, b]) => {
    if (b === undefined) return new Float32Array(a);
    const limit = Math.sqrt(6 / (a + b));
    return Float32Array.from({ length: a * b }, () => (2 * random() - 1) * limit);
  });
}

export async function fitSequence(
  name: string,
  rows: Float64Array,
  dims: number,
  options: SequenceOptions,
  build: (dims: number, units: number, steps: number) => SequenceNetwork,
): Promise<SequenceModel> {
  const { seed = 1, steps = 8, epochs = 60, patience = 6, batchRows = 64, windowsPerEpoch = 4096 } = options;
  const { learningRate = 0.01, heldOut = 0.2, units = Math.min(48, Math.max(16, dims)) } = options;
  for (const [key, value] of Object.entries({ steps, epochs, patience, batchRows, units, windowsPerEpoch }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`${name}: ${key} is ${value}; give an integer >= 1`);
  if (!(heldOut > 0 && heldOut <= 0.5)) throw new RangeError(`${name}: heldOut is ${heldOut}; give (0, 0.5]`);
  if (!(learningRate > 0)) throw new RangeError(`${name}: learningRate is ${learningRate}; give a number > 0`);
  const inputs = fitInputs(name, rows, dims, options);
  const filler = fitFiller(trainingRows(name, inputs, rows), inputs);
  const { z, usable } = sequenceOf(inputs, filler, rows);
  const network = build(dims, units, steps);
  const ends = [...usable.keys()].filter((r) => usable[r] === 1 && r >= network.window - 1);
  if (ends.length < LEAST_WINDOWS)
    throw new RangeError(
      `${name}: ${ends.length} rows after ${network.window - 1} others; give at least ${LEAST_WINDOWS}`,
    );
  const backend = await startBackend(options.backends);
  const cut = Math.floor(ends.length * (1 - heldOut));
  // Between both lie `window` rows that belong to neither, where there are enough: no held-out window shares a row.
  const [training, tail] = [ends.slice(0, Math.max(LEAST_WINDOWS >> 1, cut - network.window)), ends.slice(cut)];
  const stride = Math.ceil(tail.length / CHECKED_WINDOWS);
  const checked = tail.filter((_, i) => i % stride === 0);
  const check = windowTensors(z, dims, network.window, checked, checked.length);
  try {
    const trained = await descend(
      {
        shapes: network.shapes,
        start: fresh(network.shapes, seed),
        examples: training.length,
        perEpoch: windowsPerEpoch,
        loss: (weights, examples) => {
          const of = Array.from(examples, (i) => training[i]!);
          return network.loss(weights, windowTensors(z, dims, network.window, of, of.length));
        },
        heldOutLoss: (weights) => network.loss(weights, check),
      },
      { seed, epochs, patience, batchRows, learningRate },
    );
    const guess = guesses(network, trained.weights, z, dims, tail);
    const residuals = Float64Array.from(guess, (g, i) => z[tail[Math.floor(i / dims)]! * dims + (i % dims)]! - g);
    const seen = moments(residuals, dims);
    const form = precision(seen, inputs.noise).mul(1 / dims);
    const shape = [dims, units, steps];
    return sequenceModel(
      name,
      { inputs, filler, network, weights: trained.weights, mean: seen.mean, form, shape },
      backend,
      trained.epochs,
    );
  } finally {
    tf.dispose(check);
  }
}

export async function loadSequence(
  name: string,
  state: VectorState,
  build: (dims: number, units: number, steps: number) => SequenceNetwork,
): Promise<SequenceModel> {
  const {
    shape,
    weights: flat,
    mean,
    form,
    ...fill
  } = valuesOf(name, state, [...(["shape", "weights", "mean", "form", "fillMean", "fillForm"] as const)]);
  const [dims = 0, units = 0, steps = 0] = shape;
  const network = build(dims, units, steps);
  const weights: Float32Array[] = [];
  let at = 0;
  for (const own of network.shapes) {
    const size = own.reduce((a, b) => a * b, 1);
    weights.push(Float32Array.from(flat.subarray(at, at + size)));
    at += size;
  }
  if (!(dims > 0) || at !== flat.length || mean.length !== dims || form.length !== dims ** 2)
    throw new RangeError(`${name}: the state is broken: its ${flat.length} weights do not fit their shape`);
  const trainedOn = BACKENDS.filter((b) => b === state.backend);
  const backend = await startBackend([...new Set([...trainedOn, ...BACKENDS])]);
  const square = Matrix.from1DArray(dims, dims, form);
  const parts = { inputs: loadInputs(state.inputs), filler: loadFiller(fill), network, weights, mean, form: square };
  return sequenceModel(name, { ...parts, shape: [...shape] }, backend, 0);
}

interface Parts {
  readonly inputs: Inputs;
  readonly filler: Filler;
  readonly network: SequenceNetwork;
  readonly weights: readonly Float32Array[];
  /** Of the residuals on held-out rows, [dims]. */
  readonly mean: Float64Array;
  /** Their precision over dims, [dims, dims]. */
  readonly form: Matrix;
  readonly shape: readonly number[];
}

/** Scores by the squared Mahalanobis distance of the last row's residual, over dims: about 1 for usual rows. */
function sequenceModel(name: string, parts: Parts, backend: Backend, epochs: number): SequenceModel {
  const { inputs, filler, network, weights, mean, form, shape } = parts;
  const { dims } = inputs;
  const context = network.window - 1;
  const [raw, x] = [new Float64Array(dims), new Float64Array(dims)];
  const chunk = 32 * MICRO_BATCH;

  /** The residual of row `r` into `x`, gaps as the others let expect; gives the dimensions that have a value. */
  function residual(rows: Float64Array, r: number, guess: Float32Array, at: number): number {
    inputs.standardise(rows, r, raw);
    for (let d = 0; d < dims; d++) x[d] = raw[d]! - guess[at * dims + d]! - mean[d]!;
    const gaps = gapsOf(raw);
    fillGaps(form, x, gaps);
    return dims - gaps.length;
  }

  return {
    name,
    dims,
    context,
    backend,
    epochs,
    score(rows) {
      const n = rowsOf(name, rows, dims);
      const out = new Float64Array(n).fill(Number.NaN);
      for (let first = context; first < n; first += chunk) {
        const part = rows.subarray((first - context) * dims, Math.min(n, first + chunk) * dims);
        const { z, usable } = sequenceOf(inputs, filler, part);
        const ends = [...usable.keys()].filter((r) => r >= context && usable[r] === 1);
        const guess = guesses(network, weights, z, dims, ends);
        for (const [i, r] of ends.entries()) {
          const observed = residual(part, r, guess, i);
          out[first - context + r] = (quadratic(form, x) * dims) / observed;
        }
      }
      return out;
    },
    contributions(row) {
      oneRow(name, row, dims, context);
      const { z, usable } = sequenceOf(inputs, filler, row);
      if (usable[context] === 0) return new Float64Array(dims).fill(Number.NaN);
      residual(row, context, guesses(network, weights, z, dims, [context]), 0);
      const pull = form.mmul(Matrix.columnVector(x));
      return toShares(x.map((_, d) => (Number.isNaN(raw[d]) ? 0 : pull.get(d, 0) ** 2 / form.get(d, d))));
    },
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      backend: backend.name,
      values: {
        shape,
        weights: weights.flatMap((w) => [...w]),
        mean: [...mean],
        form: form.to1DArray(),
        ...filler.save(),
      },
    }),
  };
}

function quadratic(form: Matrix, x: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    let pull = 0;
    for (let j = 0; j < x.length; j++) pull += form.get(i, j) * x[j]!;
    sum += x[i]! * pull;
  }
  return Math.max(0, sum);
}
