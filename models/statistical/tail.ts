import { columns } from "./columns.ts";
import { atLeast } from "./scale.ts";

/** Turns raw scores of many series into tail probabilities, each series against its own past scores. */
export interface TailBank {
  readonly name: string;
  resize(slots: number): void;
  /** p in (0, 1]: chance of a score at least this large on a usual day; NaN for a NaN score. Pure. Shapes: [rows]. */
  score(slots: Uint32Array, raw: Float64Array, outP: Float64Array): void;
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
  const store = columns(name, { count: 1, total: 1, above: 1, excess: 1, run: 1 });
  const meanOf = (n: number, total: number) =>
    Math.max(LEAST_MEAN, (total + PRIOR_MEAN * PRIOR_WEIGHT) / (n + PRIOR_WEIGHT));

  return {
    name,
    resize: store.resize,
    saveBlock: store.saveBlock,
    loadBlock: store.loadBlock,
    score(slots, raw, outP) {
      store.check(slots, raw, outP);
      const { count, total, above, excess } = store.col;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i]!;
        if (!(raw[i]! >= 0)) {
          outP[i] = Number.NaN;
          continue;
        }
        const n = count[slot]!;
        const u = Math.min(MAX_NORMALISED, raw[i]! / meanOf(n, total[slot]!));
        const share = (above[slot]! + rate * rateWeight) / (n + rateWeight);
        if (u < threshold) outP[i] = share ** (u / threshold);
        else {
          const sigma = ((1 - xi) * (excess[slot]! + scaleWeight * scale)) / (above[slot]! + scaleWeight);
          outP[i] = share * (1 + (xi * (u - threshold)) / sigma) ** (-1 / xi);
        }
      }
    },
    learn(slots, raw) {
      store.check(slots, raw);
      const { count, total, above, excess, run } = store.col;
      for (let i = 0; i < slots.length; i++) {
        if (!(raw[i]! >= 0 && raw[i]! < Infinity)) continue;
        const slot = slots[i]!;
        const n = count[slot]!;
        const mean = meanOf(n, total[slot]!);
        const u = Math.min(MAX_NORMALISED, raw[i]! / mean);
        const high = u > threshold;
        const length = high ? run[slot]! + 1 : 0;
        // neighbours in a run are not independent: k of them teach about 2 sqrt(k), so a change is not learned at once
        const weight = high ? 1 / Math.sqrt(length) : 1;
        const fade = n + weight > memory ? (memory - weight) / n : 1;
        run[slot] = length;
        count[slot] = n * fade + weight;
        total[slot] = total[slot]! * fade + weight * u * mean;
        above[slot] = above[slot]! * fade + (high ? weight : 0);
        excess[slot] = excess[slot]! * fade + (high ? weight * (u - threshold) : 0);
      }
    },
  };
}
