import { learnTail, quantileOf, TAIL_CELLS, tailOf } from "./tail.ts";

/**
 * Natural log of energy, 0 for the edge of what is usual, at which an alarm is raised; at less, but not below 0, where one
 * row in a thousand comes near: rows that are looked at for that, and how far above those it is.
 */
const LEVEL = 1;
const RARE = 0.001;
const RARE_ROWS = 1000;
const BEYOND_RARE = 0.5;
const EVERY = 64;
/** How much an earlier alarm raises that, and the rows in which this fades to a third. */
const HABITUATION = 0.2;
const FADE = Math.exp(-1 / 2000);
/** Another alarm may follow once the energy was this much below. */
const REARM = 0.5;
/** Rows at the start that raise no alarm. */
const WARMUP = 100;

export interface LevelAlarm {
  /** Judges log E of one row and learns it; gives 0, or an alarm in [0.5, 1) that ranks by how far it is above the level. */
  step(logEnergy: number): number;
  /** Learns a usual one: it is no alarm, whatever it is. */
  learn(logEnergy: number): void;
  /** Share of the log energies learned that were at or above this one, in (0, 1]. */
  tail(logEnergy: number): number;
  save(): number[];
  /** @throws RangeError on a state of another form */
  load(state: readonly number[]): void;
}

/**
 * Alarms on an energy whose usual size is known, as that of several columns is: where it rises above a level, a fixed one or
 * that of a calm system. What alarms often has to rise further, as a nervous system would else be told of again and again. Memory 0.3 kB.
 */
export function levelAlarm(): LevelAlarm {
  const cells = new Uint16Array(TAIL_CELLS);
  let [rows, habit, armed, total, calm] = [0, 0, 1, 0, LEVEL];
  const learn = (logEnergy: number): void => {
    total = learnTail(cells, 0, total, logEnergy);
    if (++rows % EVERY === 0 && rows >= RARE_ROWS)
      calm = Math.max(0, Math.min(LEVEL, quantileOf(cells, 0, total, RARE) + BEYOND_RARE));
  };
  return {
    learn,
    step(logEnergy) {
      learn(logEnergy);
      habit *= FADE;
      const level = calm + HABITUATION * habit;
      if (logEnergy < level) {
        if (logEnergy < level - REARM) armed = 1;
        return 0;
      }
      if (armed === 0) return 0;
      armed = 0;
      habit++;
      return rows > WARMUP ? 1 / (1 + Math.exp(level - logEnergy)) : 0;
    },
    tail: (logEnergy) => tailOf(cells, 0, total, logEnergy),
    save: () => [rows, habit, armed, total, calm, ...cells],
    load(state) {
      if (state.length !== 5 + TAIL_CELLS) throw new RangeError("multivariate: the state of its alarms is missing");
      [rows, habit, armed, total, calm] = state as [number, number, number, number, number];
      cells.set(state.slice(5));
    },
  };
}
