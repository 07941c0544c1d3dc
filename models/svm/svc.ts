import { type Filler, loadFiller } from "../linear/filler.ts";
import { type InputOptions, type Inputs, loadInputs } from "../linear/inputs.ts";
import { CLIP, labelledRows, take } from "../linear/labelled.ts";
import { pointwise } from "../linear/pointwise.ts";
import { type VectorModel, type VectorModelKind, valuesOf } from "../linear/vector.ts";
import { randomOf, shuffle } from "../neural/random.ts";
import { decision, type KernelMachine, loadMachine, saveMachine, scaleGamma } from "./kernel-machine.ts";
import { trainMachine } from "./libsvm.ts";
import { fitSigmoid, probability, type Sigmoid } from "./platt.ts";

export interface SvcOptions extends InputOptions {
  /** Price of a row on the wrong side, > 0. */
  cost?: number;
  /** "scale": 1 / (dims * variance of the standardised values). */
  gamma?: number | "scale";
  /** For the folds that calibrate. */
  seed?: number;
  /** Rows learned from at most: time grows with their square. */
  maxRows?: number;
}

const name = "svc";
const FOLDS = 5;

/**
 * C-SVC with an RBF kernel. Score: probability of an incident, 0..1, from the decision value by Platt's sigmoid on the
 * decisions of held-out fifths; 0.5 is about the boundary. Values count at most 8 deviations, so that a row farther than
 * all incidents still looks like one. Fit O(5 rows^2 dims), score O(vectors * dims), memory 8 vectors * dims bytes.
 * @see Cortes & Vapnik 1995, Mach. Learn. 20(3); Chang & Lin 2011, ACM TIST 2(3)
 */
export const svc: VectorModelKind<SvcOptions> = {
  learns: "labels",
  tuning: { cost: "moderate", grid: [{ cost: 10 }, { cost: 0.1 }] },
  async fit(rows, dims, { cost = 1, gamma = "scale", seed = 1, maxRows = 4000, ...rest } = {}, labels) {
    if (!(cost > 0)) throw new RangeError(`${name}: cost is ${cost}; give a number > 0`);
    if (gamma !== "scale" && !(gamma > 0))
      throw new RangeError(`${name}: gamma is ${gamma}; give "scale" or a number > 0`);
    const data = labelledRows(name, rows, dims, labels, { maxRows, ...rest });
    const train = (x: Float64Array, y: ArrayLike<number>) =>
      trainMachine(x, dims, gamma === "scale" ? scaleGamma(x, dims) : gamma, { type: "c-svc", labels: y, cost });
    const held = await heldOutDecisions(data.rows, data.labels, dims, seed, train);
    const machine = await train(data.rows, data.labels);
    const sigmoid = fitSigmoid(
      held ?? Float64Array.from(data.labels, (_, i) => decision(machine, data.rows, i)),
      data.labels,
    );
    return model(data.inputs, data.filler, machine, sigmoid);
  },
  async load(state) {
    const { sigmoid, fillMean, fillForm, ...machine } = valuesOf(name, state, [
      ...(["machine", "vectors", "coefficients", "sigmoid", "fillMean", "fillForm"] as const),
    ]);
    const [a = 0, b = 0] = sigmoid;
    return model(loadInputs(state.inputs), loadFiller({ fillMean, fillForm }), loadMachine(name, machine), { a, b });
  },
};

/** Each row's decision by a machine of the other folds; undefined with too few of a label to have it in every fold. */
async function heldOutDecisions(
  rows: Float64Array,
  labels: Uint8Array,
  dims: number,
  seed: number,
  train: (rows: Float64Array, labels: readonly number[]) => Promise<KernelMachine>,
): Promise<Float64Array | undefined> {
  const random = randomOf(seed);
  const fold = new Uint8Array(labels.length);
  for (const label of [0, 1]) {
    const own = Uint32Array.from([...labels.keys()].filter((r) => labels[r] === label));
    if (own.length < FOLDS) return undefined;
    shuffle(own, random);
    for (const [i, r] of own.entries()) fold[r] = i % FOLDS;
  }
  const out = new Float64Array(labels.length);
  for (let f = 0; f < FOLDS; f++) {
    const others = [...labels.keys()].filter((r) => fold[r] !== f);
    const machine = await train(
      take(rows, dims, others),
      others.map((r) => labels[r]!),
    );
    for (let r = 0; r < out.length; r++) if (fold[r] === f) out[r] = decision(machine, rows, r);
  }
  return out;
}

function model(inputs: Inputs, filler: Filler, machine: KernelMachine, sigmoid: Sigmoid): VectorModel {
  const score = (z: Float64Array, count: number, out: Float64Array, at: number) => {
    for (let i = 0; i < count; i++) out[at + i] = probability(sigmoid, decision(machine, z, i));
  };
  return {
    ...pointwise(name, inputs, filler, score, CLIP),
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      values: { ...saveMachine(machine), sigmoid: [sigmoid.a, sigmoid.b], ...filler.save() },
    }),
  };
}
