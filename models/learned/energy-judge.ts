import type { RowScores } from "../stream/stream-model.ts";
import { univariateScorer } from "../stream/univariate.ts";

/** Rows over which the usual log E is followed, and how far above it a row must be to be left out of that. */
const DRIFT_ROWS = 6000;
const DRIFT_LIMIT = 1;
const MOST_LOG = 30;

export interface EnergyJudge {
  /** Judges log E of one row (E = 1 is the edge of the usual), then learns it. NaN keeps the last score and teaches nothing. */
  step(timeMs: number, logEnergy: number, out: RowScores, i: number): void;
  /** Learns usual log energies, in order of time. */
  teach(logEnergies: Float64Array): void;
  save(): number[];
  /** @throws RangeError on a state of another form */
  load(state: readonly number[]): void;
}

/** Score E / (1 + E), an alarm where log E is new and high, and the tail of both: what a raw strangeness lacks. */
export function energyJudge(): EnergyJudge {
  const alarms = univariateScorer({ stillness: Number.POSITIVE_INFINITY });
  alarms.resize(1);
  const slot = new Uint32Array(1);
  const [time, value, one] = [new Float64Array(1), new Float64Array(1), () => new Float64Array(1)];
  const inner = { score: one(), alarm: one(), expected: one(), tail: one() };
  let [drift, last] = [0, 0];
  return {
    step(timeMs, logEnergy, out, i) {
      out.alarm[i] = 0;
      if (out.tail) out.tail[i] = Number.NaN;
      if (!Number.isNaN(logEnergy)) {
        const log = Math.max(-MOST_LOG, Math.min(MOST_LOG, logEnergy - drift));
        if (log < DRIFT_LIMIT) drift += Math.max(-DRIFT_LIMIT, log) / DRIFT_ROWS;
        const e = Math.exp(log);
        last = e / (1 + e);
        time[0] = timeMs;
        value[0] = log;
        alarms.observe(slot, time, value, inner);
        // NaN while the alarms are cold
        if (log > inner.expected[0]!) out.alarm[i] = inner.alarm[0]!;
        if (out.tail) out.tail[i] = inner.tail[0]!;
      }
      out.score[i] = last;
    },
    teach(logEnergies) {
      time[0] = Number.NaN;
      for (const log of logEnergies) {
        value[0] = Math.max(-MOST_LOG, Math.min(MOST_LOG, log));
        alarms.observe(slot, time, value, inner);
      }
    },
    save: () => [drift, last, ...alarms.saveBlock(0, 1)],
    load(state) {
      if (!(state.length > 2)) throw new RangeError("learned model: the state of its alarms is missing");
      [drift, last] = [state[0]!, state[1]!];
      alarms.loadBlock(0, 1, Float64Array.from(state.slice(2)));
    },
  };
}
