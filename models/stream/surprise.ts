import {
  halve,
  LINE_CELLS,
  noveltyInPhase,
  noveltyOfOne,
  noveltyOfPair,
  PAIR_CELLS,
  PHASE_CELLS,
  PHASES,
  phaseRows,
} from "./novelty.ts";

/** Deviations of a row, what `surprise` takes, and its result: one array, as a number passed through a call may cost an object. */
export const views = new Float64Array(7);
export const LEVEL = 0;
export const SEASON = 1;
export const SHORT = 2;
export const ROUGH = 3;
/** Place in the season, in [0, 24). */
export const BUCKET = 4;
/** Rows counted in the tables; raised. */
export const COUNTED = 5;
export const SURPRISE = 6;

// what most rows touch lies together, as every page of memory that a row touches costs it
const LINES = PHASE_CELLS;
const PAIRS = LINES + 3 * LINE_CELLS;
export const SURPRISE_CELLS = PAIRS + PAIR_CELLS;
/** Largest count before tables are halved; below what a cell holds. */
const MOST_COUNT = 60_000;
/** Six views share the weight equally, and the tilings of each that of the view: 1 / 48 of a line's. */
const WEIGHT = 1 / (48 * Math.LN10);

/**
 * Mean surprise of six coded views of the row in `views`, in powers of ten: level, residual, short mean, each alone; short
 * mean with roughness; level with residual; level in its phase of the season. Learns the row.
 */
export function stepSurprise(cells: Uint16Array, at: number): void {
  let counted = views[COUNTED]!;
  if (counted >= MOST_COUNT) {
    halve(cells, at, at + SURPRISE_CELLS);
    counted /= 2;
  }
  const phase = ((views[BUCKET]! * PHASES) / 24) | 0;
  const inPhase = phaseRows(cells, at, phase);
  let lines = 1;
  for (let k = 0; k < 3; k++) lines *= noveltyOfOne(cells, at + LINES + k * LINE_CELLS, views[k]!, k < 2);
  let pairs = 1;
  for (let k = 0; k < 2; k++)
    pairs *= noveltyOfPair(cells, at + PAIRS, k, views[k === 0 ? SHORT : LEVEL]!, views[k === 0 ? ROUGH : SEASON]!);
  const phased = noveltyInPhase(cells, at, phase, views[LEVEL]!);
  // one logarithm of all, as its argument stays within 10^-60..10^230
  const all2 = (counted + 1) * (counted + 1);
  const own2 = (inPhase + 1) * (inPhase + 1);
  const all8 = all2 * all2 * (all2 * all2);
  const own8 = own2 * own2 * (own2 * own2);
  views[SURPRISE] =
    Math.log(
      ((all8 * all8 * all8) / (lines * pairs * pairs)) * ((all8 * all8 * own8) / (phased * phased * phased * phased)),
    ) * WEIGHT;
  views[COUNTED] = counted + 1;
}

/** Forgets what was usual in each phase: the season is another. */
export const forgetPhases = (cells: Uint16Array, at: number): void => {
  cells.fill(0, at, at + PHASE_CELLS);
};
