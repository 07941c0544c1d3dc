/** Which groups of anomalies may become incidents, so that chance alone makes as many a week as the user can bear. */
import { type ExceedanceState, exceedance } from "../../models/combine/exceedance.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";

const WEEK_MS = 7 * 86_400_000;
/** Before it has seen a day and 30 anomalies, it has no opinion. */
const LEAST_MS = 86_400_000;
/** Shares of the budget for one anomaly alone, for two at once, for three ...: each is a test, and all are made. */
const SHARES = [0.6, 0.2, 0.1, 0.06, 0.04] as const;
/** What one false incident more or less than the budget changes, as a power of e; and how far that may go. */
const GAIN = 0.05;
const MOST_CORRECTION = [-1.5, 3] as const;
/** Time constant of the number of series times windows a week, ms. */
const RATE_MS = 6 * 3_600_000;

export interface AlertBudgetOptions {
  readonly falseIncidentsPerWeek: number;
  /** Anomalies within this time count as being at once, ms. */
  readonly joinMs: number;
}

/**
 * The rate at which anomalies reach a level of evidence is learned over all series of the system, from those that ended
 * without an incident and from incidents that nobody took up (`models/combine/exceedance.ts`): at once the correction for
 * testing all series, whatever their noise. A group of k anomalies of at least that evidence comes by chance
 * rate^k join^(k-1) / (k-1)! times a week (a scan statistic); it opens where that is within the budget. What the model
 * misses, dependence between series above all, shows in the number of incidents, and a slow correction takes it out
 * (adaptive conformal inference). Event time only: a replay decides the same. Memory: 4 kB.
 * @see Naus 1982, J. Amer. Stat. Assoc. 77 (scan statistics); Gibbs & Candes 2021, NeurIPS
 */
export function alertBudget({ falseIncidentsPerWeek: budget, joinMs }: AlertBudgetOptions) {
  const peaks = exceedance();
  let startMs = 0;
  let nowMs = 0;
  let rowsPerMs = 0;
  let correction = 0;
  const correct = (by: number) => {
    correction = Math.min(MOST_CORRECTION[1], Math.max(MOST_CORRECTION[0], correction + by));
  };
  const ready = () => startMs > 0 && nowMs - startMs >= LEAST_MS;
  const perWeek = (level: number) => peaks.rate(level) * rowsPerMs * WEEK_MS;

  return {
    get budget() {
      return budget;
    },
    /** Time passes, with so many values of series; `learning`: anomalies would be told apart now. */
    pass(toMs: number, rows: number, learning: boolean): void {
      if (nowMs === 0) startMs = nowMs = toMs;
      const dt = toMs - nowMs;
      if (dt <= 0) return;
      nowMs = toMs;
      // Within the first time constant the plain mean.
      const known = Math.min(RATE_MS, Math.max(dt, nowMs - startMs));
      rowsPerMs += (rows / dt - rowsPerMs) * (1 - Math.exp(-dt / known));
      if (learning) peaks.pass(rows);
      if (ready()) correct((-GAIN * budget * dt) / WEEK_MS);
    },
    /** An anomaly came to its end, or an incident that nobody took up: `evidence` of its strongest sign. */
    learn: (evidence: number): void => peaks.learn(evidence),
    /** An incident was false, as far as is known. */
    spent(): void {
      if (ready()) correct(GAIN);
    },
    /** It was none of the false ones after all. */
    refund(): void {
      if (ready()) correct(-GAIN);
    },
    /**
     * How often a week chance brings such a group; `evidence`: of its anomalies, falling. Undefined while too little is
     * known.
     */
    chancePerWeek(evidence: readonly number[]): number | undefined {
      if (!ready() || Number.isNaN(perWeek(0))) return undefined;
      let least = Number.POSITIVE_INFINITY;
      for (let k = 0; k < Math.min(SHARES.length, evidence.length); k++) {
        const rate = perWeek(evidence[k]!);
        // all k of them at least as strong as the weakest
        const times = k === 0 ? rate : (rate * ((rate * joinMs) / WEEK_MS) ** k) / factorial(k);
        least = Math.min(least, times / SHARES[k]!);
      }
      return least * Math.exp(correction);
    },
    /** What one anomaly alone needs to open an incident; NaN while too little is known. */
    get loneLevel(): number {
      if (!ready()) return Number.NaN;
      for (let level = 0; level < 40; level += 0.1)
        if ((perWeek(level) / SHARES[0]) * Math.exp(correction) <= budget) return level;
      return Number.NaN;
    },
    snapshot(put) {
      put("state", toChunk({ peaks: peaks.save(), startMs, nowMs, rowsPerMs, correction }));
    },
    restore(chunks) {
      const bytes = chunks.get("state");
      if (!bytes) return;
      type Saved = { startMs: number; nowMs: number; rowsPerMs: number; correction: number; peaks: ExceedanceState };
      const saved = fromChunk<Saved>(bytes);
      peaks.load(saved.peaks);
      ({ startMs, nowMs, rowsPerMs, correction } = saved);
    },
  } satisfies Stateful & Record<string, unknown>;
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
