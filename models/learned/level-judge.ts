import { type EnergyJudge, energyJudge } from "./energy-judge.ts";

/** Share of usual rows whose excesses are the tail, and share of rows that may lie above the level. */
const TAIL_SHARE = 0.02;
const ABOVE = 1e-4;
const LEAST_ROWS = 200;

/**
 * As the energy judge, with an alarm too where log E rises above a level that one usual row in 10,000 reaches: an exponential
 * tail over the 98 % quantile of the taught rows. Another may follow once it was below that quantile. So what comes again is
 * told again, which novelty alone leaves out. Fewer than 200 taught rows set no level.
 * @see Siffer et al. 2017, KDD (SPOT), with shape 0
 */
export function levelJudge(): EnergyJudge {
  const inner = energyJudge();
  let [level, rearm, armed] = [Number.POSITIVE_INFINITY, 0, 1];
  return {
    step(timeMs, logEnergy, out, i) {
      inner.step(timeMs, logEnergy, out, i);
      if (logEnergy >= level) {
        if (armed === 1) out.alarm[i] = Math.max(0.5, out.alarm[i]!, out.score[i]!);
        armed = 0;
      } else if (logEnergy < rearm) armed = 1;
    },
    teach(logEnergies) {
      inner.teach(logEnergies);
      if (logEnergies.length < LEAST_ROWS) return;
      const sorted = logEnergies.slice().sort();
      const from = Math.floor((1 - TAIL_SHARE) * sorted.length);
      rearm = sorted[from]!;
      const tail = sorted.subarray(from);
      const excess = tail.reduce((sum, v) => sum + v - rearm, 0) / tail.length;
      level = rearm + excess * Math.log(TAIL_SHARE / ABOVE);
    },
    // infinities do not pass through JSON
    save: () => [Math.min(level, Number.MAX_VALUE), rearm, armed, ...inner.save()],
    load(state) {
      [level, rearm, armed] = [state[0] ?? Number.MAX_VALUE, state[1] ?? 0, state[2] ?? 1];
      inner.load(state.slice(3));
    },
  };
}
