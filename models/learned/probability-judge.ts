import type { RowScores } from "../stream/stream-model.ts";
import { type EnergyJudge, energyJudge } from "./energy-judge.ts";

/** At the boundary of the two classes an alarm is raised; only well below it another may follow. */
const RAISE = 0.5;
const REARM = 0.25;
const LEAST = 1e-3;

/**
 * Judges the probability of an incident that a model of labelled rows gives: it is the score itself. An alarm is the row
 * that first reaches 0.5 after the probability was below 0.25, each time anew: what looked so before was an incident, so it
 * must not become usual. The tail is that of usual rows' log odds.
 */
export function probabilityJudge(): EnergyJudge {
  const tails = energyJudge();
  const one = () => new Float64Array(1);
  const inner = { score: one(), alarm: one(), tail: one() };
  let [armed, last] = [1, 0];
  const logOdds = (p: number) => Math.log(Math.max(p, LEAST) / Math.max(1 - p, LEAST));
  return {
    step(timeMs, probability, out, i) {
      out.alarm[i] = 0;
      if (out.tail) out.tail[i] = Number.NaN;
      if (!Number.isNaN(probability)) {
        last = Math.max(0, Math.min(1, probability));
        if (armed === 1 && last >= RAISE) {
          out.alarm[i] = last;
          armed = 0;
        } else if (last < REARM) armed = 1;
        if (out.tail) {
          tails.step(timeMs, logOdds(last), inner, 0);
          out.tail[i] = inner.tail[0]!;
        } else tails.step(timeMs, logOdds(last), { score: inner.score, alarm: inner.alarm } satisfies RowScores, 0);
      }
      out.score[i] = last;
    },
    teach: (probabilities) => tails.teach(probabilities.map(logOdds)),
    save: () => [armed, last, ...tails.save()],
    load(state) {
      [armed, last] = [state[0] ?? 1, state[1] ?? 0];
      tails.load(state.slice(2));
    },
  };
}
