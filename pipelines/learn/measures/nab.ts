/**
 * The NAB score: early alarms in a labelled window are worth up to 1, alarms outside cost.
 * @see Lavin & Ahmad 2015, "Evaluating real-time anomaly detection algorithms", ICMLA
 */

export const PROFILES = {
  standard: { truePositive: 1, falsePositive: 0.11, falseNegative: 1 },
  lowFalsePositives: { truePositive: 1, falsePositive: 0.22, falseNegative: 1 },
  lowFalseNegatives: { truePositive: 1, falsePositive: 0.11, falseNegative: 2 },
} as const;
export type Profile = keyof typeof PROFILES;

export interface NabFile {
  /** [rows]. */
  readonly score: Float64Array;
  /** [first row, last row], both inclusive, in order. */
  readonly windows: readonly (readonly [number, number])[];
  /** First row that is judged; by default `probation`. */
  readonly from?: number;
}

export interface NabResult {
  readonly score: number;
  /** Before it is scaled: what windows gave and alarms outside cost. */
  readonly sum: number;
  readonly windowsHit: number;
  readonly windows: number;
  readonly falseRows: number;
  readonly falseRowsPer1000: number;
  /** Of each window that was hit: where in it the first alarm is, 0 at its start and 1 at its end. */
  readonly delays: readonly number[];
}

/** Rows at the start that are not judged. */
export const probation = (rows: number): number => Math.min(Math.floor(0.15 * rows), 750);

const sigmoid = (x: number) => (x > 3 ? -1 : 2 / (1 + Math.exp(5 * x)) - 1);

/** NAB score of all files at one threshold (score >= threshold is an alarm row), 0 for no alarm, 100 for perfect. */
export function nabScore(files: readonly NabFile[], threshold: number, profile: Profile = "standard"): NabResult {
  const { truePositive, falsePositive, falseNegative } = PROFILES[profile];
  const top = sigmoid(-1);
  let [sum, reachable, windows, hit, falseRows, normalRows] = [0, 0, 0, 0, 0, 0];
  const delays: number[] = [];
  for (const { score, windows: own, from } of files) {
    const start = from ?? probation(score.length);
    windows += own.length;
    let last: readonly [number, number] | undefined;
    let next = 0;
    let [best, first] = [-falseNegative, Number.NaN];
    const close = (w: readonly [number, number]) => {
      if (w[1] < start) return;
      reachable++;
      sum += best;
      if (!Number.isNaN(first)) {
        hit++;
        delays.push(first);
      }
      [best, first] = [-falseNegative, Number.NaN];
    };
    for (let i = 0; i < score.length; i++) {
      const window = own[next];
      const inside = window !== undefined && i >= window[0];
      if (i >= start) {
        if (!inside) normalRows++;
        if ((score[i] as number) >= threshold) {
          if (inside) {
            const width = window[1] - window[0] + 1;
            best = Math.max(best, (sigmoid(-(window[1] - i + 1) / width) * truePositive) / top);
            if (Number.isNaN(first)) first = (i - window[0]) / width;
          } else {
            falseRows++;
            const far = last ? (i - last[1]) / Math.max(last[1] - last[0], 1e-9) : Number.POSITIVE_INFINITY;
            sum += sigmoid(far) * falsePositive;
          }
        }
      }
      if (window !== undefined && i === window[1]) {
        close(window);
        last = window;
        next++;
      }
    }
  }
  const base = -falseNegative * reachable;
  return {
    score: windows > 0 ? (100 * (sum - base)) / (windows * truePositive - base) : Number.NaN,
    sum,
    windowsHit: hit,
    windows,
    falseRows,
    falseRowsPer1000: normalRows > 0 ? (1000 * falseRows) / normalRows : 0,
    delays,
  };
}
