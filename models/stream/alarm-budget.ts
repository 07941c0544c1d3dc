/** Rows of a block: at most one alarm a group in it counts. */
export const BLOCK_ROWS = 200;

const PER_UNIT = 50;
const BINS = 4000;
/** Block maxima in the tail that is fitted, at most, and as a share of all. */
const MOST_PEAKS = 2000;
const TAIL_SHARE = 0.03;
/** Of few blocks a larger share is the tail: this many peaks, or a quarter of all. */
const FEW_PEAKS = 60;
const LEAST_PEAKS = 20;
/** Peaks that the prior on the shape is worth: evidence that is calibrated falls off exponentially, shape 0. */
const SHAPE_PRIOR = 400;
/** Blocks remembered: this many, or this many of each group. The past fades, as scores settle while series are learned. */
const MEMORY = 8000;
const MEMORY_EACH = 8;

/**
 * The level of evidence that keeps to a number of false incidents: block maxima of all groups of series together, a
 * histogram; the level is where the fitted tail of those crosses the wanted share of blocks. Because it is a quantile
 * of the maximum over all series, it is at once the correction for testing them all.
 * Peaks over a threshold with a generalised Pareto excess, by probability-weighted moments. Memory 32 kB, whatever the
 * number of series.
 * @see Siffer et al. 2017, KDD (SPOT); Hosking & Wallis 1987, Technometrics 29(3); Coles 2001, ch. 4 (return levels)
 */
export function alarmBudget() {
  const counts = new Float64Array(BINS);
  let total = 0;
  return {
    get blocks() {
      return total;
    },
    /** Block maxima of evidence, one of each group, >= 0 (decimal orders of improbability). */
    learn(maxima: Float64Array): void {
      for (const v of maxima) {
        if (!(v >= 0)) continue;
        counts[Math.min(BINS - 1, Math.floor(v * PER_UNIT))]!++;
        total++;
      }
      const most = Math.max(MEMORY, MEMORY_EACH * maxima.length);
      if (total <= most) return;
      for (let b = 0; b < BINS; b++) counts[b]! *= most / total;
      total = most;
    },
    /** The level that `share` of blocks exceed; Infinity where too little is known. */
    level(share: number): number {
      const peaks = Math.min(MOST_PEAKS, Math.max(TAIL_SHARE * total, Math.min(FEW_PEAKS, total / 4)));
      if (!(share > 0) || peaks < LEAST_PEAKS) return Number.POSITIVE_INFINITY;
      const wanted = share * total;
      let [above, bin] = [0, BINS];
      while (bin > 0 && above + counts[bin - 1]! <= peaks) above += counts[--bin]!;
      if (above < LEAST_PEAKS / 2 || bin === BINS) return Number.POSITIVE_INFINITY;
      if (wanted >= above) {
        // within what was seen
        let seen = above;
        while (bin > 0 && seen < wanted) seen += counts[--bin]!;
        return (bin + 0.5) / PER_UNIT;
      }
      const threshold = bin / PER_UNIT;
      // excesses in falling order, as counts: b0 is their mean, b1 weighs by the share above
      let [b0, b1, rank] = [0, 0, 0];
      for (let b = BINS - 1; b >= bin; b--) {
        const c = counts[b]!;
        if (c === 0) continue;
        const excess = (b + 0.5) / PER_UNIT - threshold;
        b0 += (c * excess) / above;
        b1 += (c * excess * (rank + c / 2)) / (above * above);
        rank += c;
      }
      const free = 2 - b0 / (b0 - 2 * b1);
      const shape = Math.max(-0.5, Math.min(0.5, (free * above) / (above + SHAPE_PRIOR)));
      const scale = (1 - shape) * b0;
      const ratio = above / wanted;
      const rise = Math.abs(shape) < 1e-6 ? scale * Math.log(ratio) : (scale / shape) * (ratio ** shape - 1);
      return Number.isFinite(rise) ? threshold + rise : Number.POSITIVE_INFINITY;
    },
  };
}
