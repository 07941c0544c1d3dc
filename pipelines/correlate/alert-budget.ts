/** Which groups of anomalies may become incidents, so that chance alone makes as many a week as the user can bear. */
import { type ExceedanceState, exceedance } from "../../models/combine/exceedance.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";

const WEEK_MS = 7 * 86_400_000;
/** Before it has seen a day and 10 anomalies, it has no opinion. */
const LEAST_MS = 86_400_000;
/** Shares of the budget for one anomaly alone, for two at once, for three ...: each is a test, and all are made. */
const SHARES = [0.8, 0.1, 0.05, 0.03, 0.02] as const;
/** What one false incident more or less than the budget changes at least, as a power of e; and how far that may go. */
const GAIN = 0.05;
const MOST_CORRECTION = 3;
/** Incidents, allowed or seen, that the model without a correction is worth. */
const TRUST = 4;
/** Time constant of what was learned of chance; at first half its age: detectors that are new bring peaks that never come again. */
const MEMORY_MS = 2 * WEEK_MS;
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
 * misses, dependence between series above all, shows in the number of incidents, and a correction takes it out: that of
 * stochastic approximation at first, later of a constant gain (adaptive conformal inference). Event time only: a replay decides the same. Memory: 4 kB.
 * @see Naus 1982, J. Amer. Stat. Assoc. 77 (scan statistics); Gibbs & Candes 2021, NeurIPS
 */
export function alertBudget({ falseIncidentsPerWeek: budget, joinMs }: AlertBudgetOptions) {
  const peaks = exceedance();
  let startMs = 0;
  let nowMs = 0;
  let rowsPerMs = 0;
  let correction = 0;
  /** Incidents that it rests on: half of those allowed and half of those seen. */
  let weighed = 0;
  /** By so many incidents more than allowed. The first ones move it most. */
  const correct = (incidents: number) => {
    const by = incidents * Math.max(GAIN, 1 / (TRUST + weighed));
    weighed += Math.abs(incidents) / 2;
    correction = Math.min(MOST_CORRECTION, Math.max(-MOST_CORRECTION, correction + by));
  };
  const perWeek = (level: number) => peaks.rate(level) * rowsPerMs * WEEK_MS;
  /** It has seen a day, and enough of chance. */
  const known = () => startMs > 0 && nowMs - startMs >= LEAST_MS && !Number.isNaN(peaks.rate(0));

  const rarest = (evidence: readonly number[]) => {
    let [least, telling] = [Number.POSITIVE_INFINITY, 0];
    for (let k = 0; k < Math.min(SHARES.length, evidence.length); k++) {
      // all k + 1 of them at least as strong as the weakest
      const rate = perWeek(evidence[k]!);
      const times = (rate * ((rate * joinMs) / WEEK_MS) ** k) / factorial(k) / SHARES[k]!;
      if (times < least) [least, telling] = [times, k + 1];
    }
    return { perWeek: least * Math.exp(correction), telling };
  };

  return {
    get budget() {
      return budget;
    },
    /** Anomalies that the rate rests on. */
    get peaks() {
      return peaks.peaks;
    },
    get correction() {
      return correction;
    },
    /** Time passes, with so many values of series. */
    pass(toMs: number, rows: number): void {
      if (nowMs === 0) startMs = nowMs = toMs;
      const dt = toMs - nowMs;
      if (dt <= 0) return;
      nowMs = toMs;
      // Within the first time constant the plain mean.
      const span = Math.min(RATE_MS, Math.max(dt, nowMs - startMs));
      rowsPerMs += (rows / dt - rowsPerMs) * (1 - Math.exp(-dt / span));
      peaks.pass(rows, Math.exp(-dt / Math.min(MEMORY_MS, Math.max(LEAST_MS, (nowMs - startMs) / 2))));
      // where all may open already, quiet is no sign that more should: it would only delay the way back
      if (known() && (perWeek(0) / SHARES[0]) * Math.exp(correction) > budget) correct((-budget * dt) / WEEK_MS);
    },
    /** An anomaly came to its end, or an incident that nobody took up: `evidence` of its strongest sign. */
    learn: (evidence: number): void => peaks.learn(evidence),
    /** An incident was false, as far as is known. */
    spent(): void {
      if (known()) correct(1);
    },
    /** It was none of the false ones after all. */
    refund(): void {
      if (known()) correct(-1);
    },
    /**
     * How often a week chance brings such a group; `evidence`: of its anomalies, falling. Undefined while too little is
     * known.
     */
    chancePerWeek(evidence: readonly number[]): number | undefined {
      return known() ? rarest(evidence).perWeek : undefined;
    },
    /** How many of its anomalies, the strongest, make it the rarest. */
    tellingOf: (evidence: readonly number[]): number => (known() ? rarest(evidence).telling : evidence.length),
    /** What one anomaly alone needs to open an incident; NaN while too little is known. */
    get loneLevel(): number {
      if (!known()) return Number.NaN;
      for (let level = 0; level < 40; level += 0.1)
        if ((perWeek(level) / SHARES[0]) * Math.exp(correction) <= budget) return level;
      return Number.NaN;
    },
    snapshot(put) {
      put("state", toChunk({ peaks: peaks.save(), startMs, nowMs, rowsPerMs, correction, weighed }));
    },
    restore(chunks) {
      const bytes = chunks.get("state");
      if (!bytes) return;
      type Saved = Record<"startMs" | "nowMs" | "rowsPerMs" | "correction" | "weighed", number>;
      const saved = fromChunk<Saved & { peaks: ExceedanceState }>(bytes);
      peaks.load(saved.peaks);
      ({ startMs, nowMs, rowsPerMs, correction, weighed } = saved);
    },
  } satisfies Stateful & Record<string, unknown>;
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
