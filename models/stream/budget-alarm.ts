import { exceedance } from "../combine/exceedance.ts";
import { tailBank } from "../statistical/tail.ts";

const WEEK_MS = 7 * 86_400_000;
/** Rows of a block: one peak of each is learned, and it alarms once. */
const BLOCK = 80;
/** Rows before the first alarm. */
const WARMUP = 200;
/** A peak far beyond the level is an event rather than noise: it is learned as this much above. */
const CAP = 0.3;

/**
 * Alarms of one series of scores that keep to a number a week where nothing happens: a score is weighed against the tail
 * of the series' own past scores, and the level is the one that peaks of blocks of 80 rows reached so often before,
 * extrapolated (`exceedance`). Until 30 blocks are known, evidence counts as if rows were independent. Causal: gives 0, or
 * 0.5 to 1 on a row that raises an alarm; the value ranks them. Memory 4 kB.
 */
export function budgetAlarm({ perWeek }: { perWeek: number }) {
  if (!(perWeek > 0)) throw new RangeError(`budget-alarm: perWeek is ${perWeek}; give alarms a week > 0`);
  const tail = tailBank({ memory: 20_000 });
  tail.resize(1);
  const slot = Uint32Array.of(0);
  const raw = new Float64Array(1);
  const p = new Float64Array(1);
  const peaks = exceedance();
  let [firstMs, lastMs, rows] = [Number.NaN, Number.NaN, 0];
  let [inBlock, peak, sinceAlarm] = [0, 0, BLOCK];
  let level = Number.POSITIVE_INFINITY;

  const findLevel = () => {
    const weeks = (lastMs - firstMs) / WEEK_MS;
    if (!(weeks > 0)) return Number.POSITIVE_INFINITY;
    if (Number.isNaN(peaks.rate(0))) return Math.max(2, Math.log10(rows / weeks / perWeek));
    // exposure counts blocks
    const blocksAWeek = rows / BLOCK / weeks;
    for (let l = 0.5; l < 30; l += 0.05) if (peaks.rate(l) * blocksAWeek <= perWeek) return l;
    return 30;
  };

  return {
    /** Rows are in order of time; a row without a time or score counts for nothing. */
    step(timeMs: number, score: number): number {
      if (!Number.isFinite(timeMs) || !(score > 0 && score < 1)) return 0;
      if (Number.isNaN(firstMs)) firstMs = timeMs;
      lastMs = Math.max(timeMs, Number.isNaN(lastMs) ? timeMs : lastMs);
      rows += 1;
      sinceAlarm += 1;
      raw[0] = score / (1 - score);
      tail.score(slot, raw, p);
      tail.learn(slot, raw);
      const evidence = Number.isNaN(p[0]!) ? 0 : -Math.log10(Math.max(p[0]!, 1e-300));
      peak = Math.max(peak, evidence);
      if (++inBlock === BLOCK) {
        if (rows > WARMUP) {
          peaks.learn(Math.min(peak, level + CAP));
          peaks.pass(1);
        }
        [inBlock, peak] = [0, 0];
        level = findLevel();
      }
      if (rows <= WARMUP || !(evidence > level) || sinceAlarm < BLOCK) return 0;
      sinceAlarm = 0;
      return evidence / (evidence + level);
    },
    get level() {
      return level;
    },
  };
}
