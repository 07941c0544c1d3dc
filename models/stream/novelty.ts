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

/** Bins are looked up by 64ths of a deviation, as their edges take logarithms. */
const PER_DEVIATION = 64;
const MOST = 10;
const PLACES = 2 * MOST * PER_DEVIATION;

interface Tiling {
  readonly perStep: number;
  readonly offset: number;
}

/**
 * Cell of each place in each of some tilings, and that of places too far out for the table. Cells of neighbouring bins lie
 * together, `stride` apart, the tilings of a bin side by side: a row then touches few lines of memory.
 */
function tilings(list: readonly Tiling[], half: number, stride: number, beside: number) {
  const cell = (z: number, q: number) => {
    const { perStep, offset } = list[q]!;
    return (half + binOf(z * perStep + offset, half)) * stride + q * beside;
  };
  const table = Uint16Array.from({ length: PLACES * list.length }, (_, i) =>
    cell((Math.floor(i / list.length) + 0.5) / PER_DEVIATION - MOST, i % list.length),
  );
  return { table, cell };
}

const LINE_HALF = 20;
const LINE_BINS = 2 * LINE_HALF + 1;
export const LINE_CELLS = 8 * LINE_BINS;
const LINE_PRIOR = 0.05;
const line = tilings(
  [0.2, 0.3, 0.45, 0.65].flatMap((step) => [0, 0.5].map((offset) => ({ perStep: 1 / step, offset }))),
  LINE_HALF,
  8,
  1,
);
const LINE_TABLE = line.table;

/** A bin with fewer rows also expects this share of what the two bins inside it make likely. */
const FEW = 3;
const TAIL_SHARE = 0.5;

/**
 * One deviation over eight tilings: four widths, each twice. With `tails` a bin hardly visited expects some of what the bins
 * next to it towards 0 make likely, as if counts went on to fall in the same ratio: where values have heavy tails
 * a record is less of a surprise.
 */
export function noveltyOfOne(cells: Uint16Array, at: number, z: number, tails: boolean): number {
  const place = (z + MOST) * PER_DEVIATION;
  const inside = place >= 0 && place < PLACES;
  const first = inside ? 8 * Math.floor(place) : 0;
  let product = 1;
  for (let q = 0; q < 8; q++) {
    const own = inside ? LINE_TABLE[first + q]! : line.cell(z, q);
    const c = at + own;
    const count = cells[c]!;
    let expected = count + LINE_PRIOR;
    if (tails && count < FEW) {
      const bin = (own >> 3) - LINE_HALF;
      if (bin > 1 || bin < -1) {
        const inwards = bin > 0 ? -8 : 8;
        const next = cells[c + inwards]!;
        const second = cells[c + 2 * inwards]!;
        if (second > 0) expected += next < second ? (TAIL_SHARE * next * next) / second : TAIL_SHARE * next;
      }
    }
    product *= expected;
    cells[c] = count + 1;
  }
  return product;
}

const PAIR_HALF = 11;
const PAIR_BINS = 2 * PAIR_HALF + 1;
/** Tables of pairs that a series has, and tilings of each. */
const PAIR_TABLES = 2;
const PAIR_TILINGS = 4;
export const PAIR_CELLS = PAIR_TABLES * PAIR_TILINGS * PAIR_BINS * PAIR_BINS;
const PAIR_PRIOR = 0.1;
const shifted = (offsets: readonly number[], stride: number) =>
  tilings(
    offsets.map((offset) => ({ perStep: 1 / 0.6, offset: offset - 0.5 })),
    PAIR_HALF,
    stride,
    0,
  );
const along = shifted([0, 0.25, 0.5, 0.75], PAIR_BINS);
const across = shifted([0, 0.75, 0.5, 0.25], 1);
const ALONG_TABLE = along.table;
const ACROSS_TABLE = across.table;
/** Where the cells of a pair of bins are: in order of their distance from the middle, where most rows fall. */
const PAIR_PLACE = new Uint16Array(PAIR_BINS * PAIR_BINS);
const fromMiddle = (i: number) =>
  Math.max(Math.abs(Math.floor(i / PAIR_BINS) - PAIR_HALF), Math.abs((i % PAIR_BINS) - PAIR_HALF));
Array.from(PAIR_PLACE.keys())
  .sort((a, b) => fromMiddle(a) - fromMiddle(b) || a - b)
  .forEach((bins, place) => {
    PAIR_PLACE[bins] = place * PAIR_TABLES * PAIR_TILINGS;
  });

/** Two deviations together, over four tilings shifted along both. `table`: which of the series' pairs. */
export function noveltyOfPair(cells: Uint16Array, at: number, table: number, a: number, b: number): number {
  const placeA = (a + MOST) * PER_DEVIATION;
  const placeB = (b + MOST) * PER_DEVIATION;
  const insideA = placeA >= 0 && placeA < PLACES;
  const insideB = placeB >= 0 && placeB < PLACES;
  const firstA = insideA ? PAIR_TILINGS * Math.floor(placeA) : 0;
  const firstB = insideB ? PAIR_TILINGS * Math.floor(placeB) : 0;
  const first = at + table * PAIR_TILINGS;
  let product = 1;
  for (let q = 0; q < PAIR_TILINGS; q++) {
    const row = insideA ? ALONG_TABLE[firstA + q]! : along.cell(a, q);
    const column = insideB ? ACROSS_TABLE[firstB + q]! : across.cell(b, q);
    const c = first + PAIR_PLACE[row + column]! + q;
    const count = cells[c]!;
    product *= count + PAIR_PRIOR;
    cells[c] = count + 1;
  }
  return product;
}

export const PHASES = 12;
const PHASE_HALF = 20;
const PHASE_BINS = 2 * PHASE_HALF + 1;
/** Of each phase: the rows seen in it, then its bins, two tilings side by side. */
const ONE_PHASE = 1 + 2 * PHASE_BINS;
export const PHASE_CELLS = PHASES * ONE_PHASE;
const PHASE_PRIOR = 0.2;
const PER_PHASE_STEP = 1 / 0.5;

/** One deviation within one of `PHASES` phases of the season. Divide by `phaseRows` before, not by all rows. */
export function noveltyInPhase(cells: Uint16Array, at: number, phase: number, z: number): number {
  const first = at + phase * ONE_PHASE;
  let product = 1;
  for (let q = 0; q < 2; q++) {
    let b = Math.floor(z * PER_PHASE_STEP + q * 0.5 + 0.5);
    b = b > PHASE_HALF ? PHASE_HALF : b < -PHASE_HALF ? -PHASE_HALF : b;
    const cell = first + 1 + 2 * (PHASE_HALF + b) + q;
    const count = cells[cell]!;
    product *= count + PHASE_PRIOR;
    cells[cell] = count + 1;
  }
  cells[first]! += 1;
  return product;
}

/** Rows learned in a phase. */
export const phaseRows = (cells: Uint16Array, at: number, phase: number): number => cells[at + phase * ONE_PHASE]!;

/** Halves every count: the table forgets, and no count overflows. */
export function halve(cells: Uint16Array, from: number, to: number): void {
  for (let i = from; i < to; i++) cells[i] = cells[i]! >> 1;
}
