import { atLeast } from "./scale.ts";
import { slotRows } from "./slot-rows.ts";

/** Turns raw scores of many series into tail probabilities, each series against its own past scores. */
export interface TailBank {
  readonly name: string;
  resize(slots: number): void;
  /** p in (0, 1]: chance of a score at least this large on a usual day; NaN for a NaN score. Pure. Shapes: [rows]. */
  score(slots: Uint32Array, raw: Float64Array, outP: Float64Array): void;
  /**
   * Adds an upper bound of 1 / p less `usual` to each sum; a score of NaN adds nothing. Where the sum over k banks is
   * <= 0, the harmonic mean of their p is >= 1 / usual. A fraction of the cost of `score`, exact above the threshold.
   */
  addInverse(slots: Uint32Array, raw: Float64Array, usual: number, sum: Float64Array): void;
  /** Teaches usual scores; a non-finite or negative score teaches nothing. Shapes: [rows]. */
  learn(slots: Uint32Array, raw: Float64Array): void;
  saveBlock(from: number, to: number): Float64Array;
  loadBlock(from: number, to: number, state: Float64Array): void;
}

export interface TailOptions {
  /** Effective number of scores remembered. */
  memory?: number;
  /** Shape of the excess, > 0: heavier than exponential, so few samples never claim a tiny p. */
  xi?: number;
  /** Where the tail starts, in mean scores. */
  threshold?: number;
  /** Prior on the share above the threshold: value, and its weight in samples. */
  rate?: number;
  rateWeight?: number;
  /** Prior on the mean excess, in mean scores, and its weight in excesses. */
  scale?: number;
  scaleWeight?: number;
}

/** Prior mean score: E|z| of a normal; its weight in samples; least mean score, deviations. */
const PRIOR_MEAN = 0.8;
const PRIOR_WEIGHT = 10;
const LEAST_MEAN = 0.2;
/** Largest normalised score, learned or scored: bounds what one glitch teaches, and p from below. */
const MAX_NORMALISED = 100;
/**
 * Doubles in a row: scores remembered, their sum, those above the threshold, sum of their excess, length of the present
 * run above it.
 */
const STRIDE = 5;

/**
 * Peaks over threshold with a generalised Pareto excess of fixed shape; rate and scale per slot, shrunk to a prior.
 * With u = score / mean score, t the threshold: P(U > u) = rate (1 + xi (u - t) / sigma)^(-1/xi) for u >= t; below t
 * ln p is linear in u, from 0. sigma = (1 - xi) * mean excess, by moments. O(1) a score; 40 bytes a slot.
 * With few hundred scores a long fault teaches itself away: do not teach scores of a slot that is in an incident.
 * @see Pickands 1975, Ann. Statist. 3(1); Siffer et al. 2017, KDD (SPOT)
 */
export function tailBank({
  memory = 2000,
  xi = 0.25,
  threshold = 2,
  rate = 0.1,
  rateWeight = 20,
  scale = 0.5,
  scaleWeight = 5,
}: TailOptions = {}): TailBank {
  const name = "tail";
  atLeast(name, "memory", memory, 1);
  for (const [key, value] of Object.entries({ xi, threshold, rate, rateWeight, scale, scaleWeight }))
    if (!(value > 0)) throw new RangeError(`${name}: ${key} is ${value}; give a number > 0`);
  if (rate >= 1) throw new RangeError(`${name}: rate is ${rate}; give a share < 1`);
  const store = slotRows(name, STRIDE);
  const priorTotal = PRIOR_MEAN * PRIOR_WEIGHT;
  const priorAbove = rate * rateWeight;
  const priorExcess = scale * scaleWeight;
  const sigmaOf = (above: number, excess: number) => ((1 - xi) * (excess + priorExcess)) / (above + scaleWeight);

  return {
    name,
    resize: store.resize,
    saveBlock: store.saveBlock,
    loadBlock: store.loadBlock,
    score(slots, raw, outP) {
      store.sameLength(slots, raw, outP);
      const { data } = store;
      const start = +threshold;
      const total = +priorTotal;
      const weight = +rateWeight;
      const aboveThen = +priorAbove;
      const shape = +xi;
      const quartic = xi === 0.25;
      const maxNormalised = +MAX_NORMALISED;
      const priorWeight = +PRIOR_WEIGHT;
      const leastMean = +LEAST_MEAN;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 5;
        const n = data[at]!;
        const score = raw[i]!;
        if (!(score >= 0 && n >= 0)) {
          if (n === undefined) store.refuse(slots[i]!);
          outP[i] = Number.NaN;
          continue;
        }
        const above = data[at + 2]!;
        let mean = (data[at + 1]! + total) / (n + priorWeight);
        if (leastMean > mean) mean = leastMean;
        const share = (above + aboveThen) / (n + weight);
        let u = score / mean;
        if (u < start) {
          // share ** (u / start), for which the power function takes three times as long
          outP[i] = Math.exp((u / start) * Math.log(share));
          continue;
        }
        if (u > maxNormalised) u = maxNormalised;
        const y = 1 + (shape * (u - start)) / sigmaOf(above, data[at + 3]!);
        outP[i] = share / (quartic ? y * y * (y * y) : y ** (1 / shape));
      }
    },
    addInverse(slots, raw, usual, sum) {
      store.sameLength(slots, raw, sum);
      const { data } = store;
      const start = +threshold;
      const total = +priorTotal;
      const weight = +rateWeight;
      const excused = +usual;
      const shape = +xi;
      const aboveThen = +priorAbove;
      const quartic = xi === 0.25;
      const maxNormalised = +MAX_NORMALISED;
      const priorWeight = +PRIOR_WEIGHT;
      const leastMean = +LEAST_MEAN;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 5;
        const n = data[at]!;
        const score = raw[i]!;
        if (!(score >= 0 && n >= 0)) {
          if (n === undefined) store.refuse(slots[i]!);
          continue;
        }
        const above = data[at + 2]! + aboveThen;
        let mean = (data[at + 1]! + total) / (n + priorWeight);
        if (leastMean > mean) mean = leastMean;
        if (score < start * mean) {
          // (1 / share) ** s is convex in s = u / threshold: on [0, 1] it lies below its chord.
          sum[i] = sum[i]! + (score * (n + weight - above)) / (start * mean * above) + (1 - excused);
          continue;
        }
        const inverse = (n + weight) / above;
        let u = score / mean;
        if (u > maxNormalised) u = maxNormalised;
        const y = 1 + (shape * (u - start)) / sigmaOf(above - aboveThen, data[at + 3]!);
        sum[i] = sum[i]! + inverse * (quartic ? y * y * (y * y) : y ** (1 / shape)) - excused;
      }
    },
    learn(slots, raw) {
      store.sameLength(slots, raw);
      const { data } = store;
      const start = +threshold;
      const prior = +priorTotal;
      const most = +memory;
      const maxNormalised = +MAX_NORMALISED;
      const priorWeight = +PRIOR_WEIGHT;
      const leastMean = +LEAST_MEAN;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * 5;
        const n = data[at]!;
        const score = raw[i]!;
        if (!(score >= 0 && score < Infinity && n >= 0)) {
          if (n === undefined) store.refuse(slots[i]!);
          continue;
        }
        const total = data[at + 1]!;
        let mean = (total + prior) / (n + priorWeight);
        if (leastMean > mean) mean = leastMean;
        if (score <= start * mean) {
          const fade = n + 1 > most ? (most - 1) / n : 1;
          data[at] = n * fade + 1;
          data[at + 1] = total * fade + score;
          data[at + 2] = data[at + 2]! * fade;
          data[at + 3] = data[at + 3]! * fade;
          data[at + 4] = 0;
          continue;
        }
        let u = score / mean;
        if (u > maxNormalised) u = maxNormalised;
        const length = data[at + 4]! + 1;
        // neighbours in a run are not independent: k of them teach about 2 sqrt(k), so a change is not learned at once
        const weight = length === 1 ? 1 : 1 / Math.sqrt(length);
        const fade = n + weight > most ? (most - weight) / n : 1;
        data[at] = n * fade + weight;
        data[at + 1] = total * fade + weight * u * mean;
        data[at + 2] = data[at + 2]! * fade + weight;
        data[at + 3] = data[at + 3]! * fade + weight * (u > start ? u - start : 0);
        data[at + 4] = length;
      }
    },
  };
}
