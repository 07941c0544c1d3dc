import { randomOf } from "../neural/random.ts";
import { atLeast } from "../statistical/scale.ts";
import { type Filler, fitFiller, loadFiller } from "./filler.ts";
import { fitInputs, type InputOptions, type Inputs, loadInputs } from "./inputs.ts";
import { jittered } from "./jitter.ts";
import { pointwise } from "./pointwise.ts";
import { trainingRows } from "./training.ts";
import { type VectorModel, type VectorModelKind, valuesOf } from "./vector.ts";

export interface KMeansOptions extends InputOptions {
  /** At most one for each two training rows. */
  clusters?: number;
  /** Fresh starts; the one with the least sum of squared distances is kept. */
  starts?: number;
  iterations?: number;
  seed?: number;
}

const name = "k-means";

/**
 * Distance to the nearest centre of quiet rows, divided by the root of the dimensions: about 1 or less for usual rows.
 * Sees rows far from all usual states of a system with several; not a fine broken relation.
 * Fit O(starts * iterations * rows * clusters * dims), score O(clusters * dims), memory 8 (clusters + 2 dims) dims bytes.
 * @see Arthur & Vassilvitskii 2007, SODA (k-means++); Lloyd 1982, IEEE Trans. Inf. Theory 28(2)
 */
export const kMeans: VectorModelKind<KMeansOptions> = {
  learns: "quiet",
  tuning: { cost: "quick", grid: [{ clusters: 3 }, { clusters: 24 }] },
  async fit(rows, dims, { clusters = 8, starts = 4, iterations = 100, seed = 1, ...rest } = {}) {
    for (const [key, value] of Object.entries({ clusters, starts, iterations })) atLeast(name, key, value, 1);
    const inputs = fitInputs(name, rows, dims, rest);
    const plain = trainingRows(name, inputs, rows);
    const random = randomOf(seed);
    const seen = jittered(plain, inputs, random);
    const k = Math.min(Math.floor(clusters), (seen.length / dims) >> 1);
    let best: ReturnType<typeof lloyd> | undefined;
    for (let s = 0; s < starts; s++) {
      const found = lloyd(seen, dims, plusPlus(seen, dims, k, random), iterations);
      if (!best || found.inertia < best.inertia) best = found;
    }
    return model(inputs, fitFiller(plain, inputs), best!.centres);
  },
  async load(state) {
    const { centres, ...fill } = valuesOf(name, state, ["centres", "fillMean", "fillForm"]);
    return model(loadInputs(state.inputs), loadFiller(fill), centres);
  },
};

/** Squared distance of row `r` to the nearest centre, and which. Stops adding up once it is farther than the nearest. */
function nearest(
  rows: Float64Array,
  r: number,
  dims: number,
  centres: Float64Array,
): { square: number; centre: number } {
  let square = Number.POSITIVE_INFINITY;
  let centre = 0;
  for (let c = 0; c * dims < centres.length; c++) {
    let sum = 0;
    for (let d = 0; d < dims && sum < square; d++) {
      const away = rows[r * dims + d]! - centres[c * dims + d]!;
      sum += away * away;
    }
    if (sum < square) {
      square = sum;
      centre = c;
    }
  }
  return { square, centre };
}

/** First centres [clusters, dims]: each row is drawn with a chance in proportion to its squared distance to those before. */
export function plusPlus(rows: Float64Array, dims: number, clusters: number, random: () => number): Float64Array {
  const n = rows.length / dims;
  const centres = new Float64Array(clusters * dims);
  const square = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  let next = Math.floor(random() * n);
  for (let c = 0; ; ) {
    centres.set(rows.subarray(next * dims, (next + 1) * dims), c * dims);
    if (++c === clusters) return centres;
    const last = centres.subarray((c - 1) * dims, c * dims);
    let total = 0;
    for (let r = 0; r < n; r++) {
      square[r] = Math.min(square[r]!, nearest(rows, r, dims, last).square);
      total += square[r]!;
    }
    let left = random() * total;
    next = 0;
    while (next < n - 1 && left >= square[next]!) left -= square[next++]!;
  }
}

/** Until no row changes its centre. A centre without rows stays where it is. */
export function lloyd(
  rows: Float64Array,
  dims: number,
  start: Float64Array,
  iterations: number,
): { centres: Float64Array; inertia: number } {
  const n = rows.length / dims;
  let centres = start;
  const of = new Int32Array(n).fill(-1);
  let inertia = 0;
  for (let pass = 0; pass < iterations; pass++) {
    const counts = new Uint32Array(start.length / dims);
    const sums = new Float64Array(start.length);
    let changed = 0;
    inertia = 0;
    for (let r = 0; r < n; r++) {
      const { square, centre } = nearest(rows, r, dims, centres);
      inertia += square;
      if (of[r] !== centre) changed++;
      of[r] = centre;
      counts[centre]!++;
      for (let d = 0; d < dims; d++) sums[centre * dims + d]! += rows[r * dims + d]!;
    }
    if (changed === 0) break;
    const before = centres;
    centres = sums.map((s, i) => {
      const count = counts[Math.floor(i / dims)]!;
      return count > 0 ? s / count : before[i]!;
    });
  }
  return { centres, inertia };
}

function model(inputs: Inputs, filler: Filler, centres: Float64Array): VectorModel {
  const { dims } = inputs;
  return {
    ...pointwise(name, inputs, filler, (z, count, out, at) => {
      for (let i = 0; i < count; i++) out[at + i] = Math.sqrt(nearest(z, i, dims, centres).square / dims);
    }),
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      values: { centres: [...centres], ...filler.save() },
    }),
  };
}
