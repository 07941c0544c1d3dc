/**
 * How new values are: counts of visited bins of a few deviations, each over several shifted or scaled tilings, so that
 * neighbours share what was learned. Bins are about as wide as `step` up to three steps from 0 and double in width with
 * every two further bins. A table is a run of `Uint16Array` cells. The product of (count + prior) over the tilings is
 * returned, and the cells are raised: its logarithm against the rows seen is the surprise.
 * @see Sutton & Barto 2018, "Reinforcement learning", sec. 9.5 (tile coding)
 */
const LINEAR = 3;

/** Whole bin of z / step + offset, from -half to half. */
function binOf(v: number, half: number): number {
  const far = Math.abs(v);
  if (far > LINEAR) {
    const wide = LINEAR + 2 * Math.log2(far / LINEAR);
    const b = Math.floor((v < 0 ? -wide : wide) + 0.5);
    return b > half ? half : b < -half ? -half : b;
  }
  return Math.floor(v + 0.5);
}

const LINE_HALF = 20;
const LINE_BINS = 2 * LINE_HALF + 1;
export const LINE_CELLS = 8 * LINE_BINS;
const LINE_PRIOR = 0.05;
const PER_STEP = Float64Array.of(1 / 0.2, 1 / 0.2, 1 / 0.3, 1 / 0.3, 1 / 0.45, 1 / 0.45, 1 / 0.65, 1 / 0.65);

/** One deviation over eight tilings: four widths, each twice. */
export function noveltyOfOne(cells: Uint16Array, at: number, z: number): number {
  let product = 1;
  for (let q = 0; q < 8; q++) {
    const cell = at + q * LINE_BINS + LINE_HALF + binOf(z * PER_STEP[q]! + (q & 1) * 0.5, LINE_HALF);
    const count = cells[cell]!;
    product *= count + LINE_PRIOR;
    cells[cell] = count + 1;
  }
  return product;
}

const PAIR_HALF = 11;
const PAIR_BINS = 2 * PAIR_HALF + 1;
const PAIR_TILINGS = 4;
export const PAIR_CELLS = PAIR_TILINGS * PAIR_BINS * PAIR_BINS;
const PAIR_PRIOR = 0.1;
const PER_PAIR_STEP = 1 / 0.6;

/** Two deviations together, over four tilings shifted along both. */
export function noveltyOfPair(cells: Uint16Array, at: number, a: number, b: number): number {
  let product = 1;
  for (let q = 0; q < PAIR_TILINGS; q++) {
    const row = PAIR_HALF + binOf(a * PER_PAIR_STEP + q * 0.25 - 0.5, PAIR_HALF);
    const column = PAIR_HALF + binOf(b * PER_PAIR_STEP + ((q * 0.75) % 1) - 0.5, PAIR_HALF);
    const cell = at + (q * PAIR_BINS + row) * PAIR_BINS + column;
    const count = cells[cell]!;
    product *= count + PAIR_PRIOR;
    cells[cell] = count + 1;
  }
  return product;
}

export const PHASES = 12;
const PHASE_HALF = 20;
const PHASE_BINS = 2 * PHASE_HALF + 1;
/** Two tilings, and the rows seen in each phase at the end. */
export const PHASE_CELLS = PHASES * (2 * PHASE_BINS + 1);
const PHASE_PRIOR = 0.2;
const PER_PHASE_STEP = 1 / 0.5;

/** One deviation within one of `PHASES` phases of the season. Divide by `phaseRows` before, not by all rows. */
export function noveltyInPhase(cells: Uint16Array, at: number, phase: number, z: number): number {
  let product = 1;
  for (let q = 0; q < 2; q++) {
    let b = Math.floor(z * PER_PHASE_STEP + q * 0.5 + 0.5);
    b = b > PHASE_HALF ? PHASE_HALF : b < -PHASE_HALF ? -PHASE_HALF : b;
    const cell = at + (2 * phase + q) * PHASE_BINS + PHASE_HALF + b;
    const count = cells[cell]!;
    product *= count + PHASE_PRIOR;
    cells[cell] = count + 1;
  }
  cells[at + 2 * PHASES * PHASE_BINS + phase]! += 1;
  return product;
}

/** Rows learned in a phase. */
export const phaseRows = (cells: Uint16Array, at: number, phase: number): number =>
  cells[at + 2 * PHASES * PHASE_BINS + phase]!;

/** Halves every count: the table forgets, and no count overflows. */
export function halve(cells: Uint16Array, from: number, to: number): void {
  for (let i = from; i < to; i++) cells[i] = cells[i]! >> 1;
}
