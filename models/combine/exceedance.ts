/** Peaks in bins of this width, from 0. */
const PER_UNIT = 10;
const BINS = 400;
/** Peaks in the tail that is fitted: a tenth of all, within these bounds. */
const FEWEST = 30;
const MOST = 500;
const TAIL_SHARE = 0.1;
/** Peaks that the prior on the shape is worth: evidence is in decimal orders, so its tail is about exponential, shape 0. */
const SHAPE_PRIOR = 400;
const SHAPES = [-0.4, 0.3] as const;

/** Peaks below which time makes nothing fade: an old opinion is better than none. */
const KEPT = 20;
/** Peaks from which on there is an opinion. A calm system may take weeks to bring them. */
const KNOWN = 10;

/** Plain JSON. */
export interface ExceedanceState {
  readonly exposure: number;
  readonly kept: number;
  readonly peaks: readonly (readonly [bin: number, count: number])[];
}

/**
 * How often peaks of evidence reach a level without a fault, per unit of exposure (series times windows): counted where
 * enough were seen, above that by a generalised Pareto tail fitted to the largest of them (probability-weighted moments,
 * shape shrunk to the exponential). The past fades, with peaks and with time: at most `memory` are remembered, with the
 * exposure that brought them.
 * 3.2 kB, O(1) a peak. All is a function of what was learned, in its order.
 * @see Siffer et al. 2017, KDD (SPOT); Hosking & Wallis 1987, Technometrics 29(3); Coles 2001, ch. 4
 */
export function exceedance({ memory = 2000 }: { memory?: number } = {}) {
  if (!(memory >= 10 * FEWEST))
    throw new RangeError(`exceedance: memory is ${memory}; give at least ${10 * FEWEST} peaks`);
  const counts = new Float64Array(BINS);
  let total = 0;
  let exposure = 0;
  /** What time has left of it, of which the counts know nothing yet. */
  let kept = 1;
  let tail: { from: number; above: number; shape: number; scale: number } | undefined;

  const fade = (factor: number) => {
    for (let b = 0; b < BINS; b++) counts[b]! *= factor;
    total *= factor;
    exposure *= factor;
    tail = undefined;
  };
  function fitted() {
    if (tail) return tail;
    // of few peaks all, from the lowest: a hair less, as they have faded
    const wanted = Math.min(MOST, Math.max(FEWEST, TAIL_SHARE * total), total * (1 - 1e-9));
    let [above, bin] = [0, BINS];
    while (bin > 0 && above < wanted) above += counts[--bin]!;
    // excesses in falling order: b0 is their mean, b1 weighs each by the share above it
    let [b0, b1, rank] = [0, 0, 0];
    for (let b = BINS - 1; b >= bin; b--) {
      const c = counts[b]!;
      if (c === 0) continue;
      const excess = (b + 0.5 - bin) / PER_UNIT;
      b0 += (c * excess) / above;
      b1 += (c * excess * (rank + c / 2)) / (above * above);
      rank += c;
    }
    const free = b0 > 2 * b1 ? 2 - b0 / (b0 - 2 * b1) : 0;
    const shape = Math.max(SHAPES[0], Math.min(SHAPES[1], (free * above) / (above + SHAPE_PRIOR)));
    tail = { from: bin / PER_UNIT, above, shape, scale: Math.max(1 / PER_UNIT, (1 - shape) * b0) };
    return tail;
  }

  return {
    /** Peaks that are remembered. */
    get peaks() {
      return total;
    },
    get exposure() {
      return exposure;
    },
    /** A peak of evidence in decimal orders; below 0 counts as 0. NaN teaches nothing. */
    learn(peak: number): void {
      if (Number.isNaN(peak)) return;
      counts[Math.min(BINS - 1, Math.max(0, Math.floor(peak * PER_UNIT)))]! += 1;
      total += 1;
      tail = undefined;
      if (total > 1.01 * memory) fade(memory / total);
    },
    /** Exposure goes by, whether it brought peaks or not. `keep`: share of the past that is remembered. */
    pass(more: number, keep = 1): void {
      exposure += more;
      kept *= keep;
      if (kept > 0.99) return;
      if (total > KEPT) fade(Math.max(kept, KEPT / total));
      kept = 1;
    },
    /** Peaks of at least this level that a unit of exposure brings; NaN while fewer than 10 are known. */
    rate(level: number): number {
      if (!(total >= KNOWN && exposure > 0)) return Number.NaN;
      const { from, above, shape, scale } = fitted();
      if (level < from) {
        let seen = 0;
        for (let b = Math.max(0, Math.round(level * PER_UNIT)); b < BINS; b++) seen += counts[b]!;
        return seen / exposure;
      }
      const x = (level - from) / scale;
      const left = Math.abs(shape) < 1e-6 ? Math.exp(-x) : Math.max(0, 1 + shape * x) ** (-1 / shape);
      return (above * left) / exposure;
    },
    save: (): ExceedanceState => ({
      exposure,
      kept,
      peaks: Array.from(counts.entries()).filter(([, c]) => c > 0),
    }),
    load(state: ExceedanceState): void {
      counts.fill(0);
      total = 0;
      for (const [bin, count] of state.peaks) {
        counts[bin] = count;
        total += count;
      }
      ({ exposure, kept } = state);
      tail = undefined;
    },
  };
}
