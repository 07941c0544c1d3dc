/** Counters that only ever grow, as a scrape of Prometheus gives them, to what they grow by. */

const COUNTER = /(^|_)(total|count|sum|bucket)$/i;
/** Samples from which growth is more than chance, share of steps that may fall (a restart), and that have to rise. */
const LEAST = 8;
const MOST_FALLS = 0.02;
const LEAST_RISES = 0.5;

/**
 * Growth a second since the sample before, gaps bridged, of a series whose name and course are those of a cumulative
 * counter; after a fall it has begun anew from 0. Any other series as it is. `timesMs`: ascending. O(n).
 */
export function grownBy(metric: string, values: Float64Array, timesMs: Float64Array): Float64Array {
  if (!COUNTER.test(metric)) return values;
  const out = new Float64Array(values.length).fill(Number.NaN);
  let [steps, falls, rises, last] = [0, 0, 0, -1];
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (!Number.isFinite(v)) continue;
    if (last >= 0) {
      const before = values[last] as number;
      steps += 1;
      if (v < before) falls += 1;
      else if (v > before) rises += 1;
      const seconds = ((timesMs[i] as number) - (timesMs[last] as number)) / 1000;
      out[i] = (v < before ? v : v - before) / seconds;
    }
    last = i;
  }
  // One restart is no proof against it, however short the recording.
  const grows = steps >= LEAST && falls <= Math.max(1, MOST_FALLS * steps) && rises >= LEAST_RISES * steps;
  return grows ? out : values;
}
