/**
 * Share of a series' own past energies at or above this one: a histogram of their logarithm, twelve bins a unit. Bins
 * hold 16 bits; when they are full they are halved, so that the far past fades.
 */
const BINS = 96;
const PER_UNIT = 12;
const LEAST = -3;
export const TAIL_CELLS = BINS;
const MOST_COUNT = 60_000;

const placeOf = (logEnergy: number): number => {
  const place = (logEnergy - LEAST) * PER_UNIT;
  return place > 0 ? (place < BINS ? place : BINS - 1e-9) : 0;
};

/** In (0, 1]: half a row more than was seen, so that no finite past makes it 0. `total`: rows in the histogram. */
export function tailOf(cells: Uint16Array, first: number, total: number, logEnergy: number): number {
  const place = placeOf(logEnergy);
  const bin = Math.floor(place);
  let above = 0.5 + cells[first + bin]! * (1 - (place - bin));
  for (let b = BINS - 1; b > bin; b--) above += cells[first + b]!;
  const p = above / (total + 1);
  return p < 1 ? p : 1;
}

/** Adds an energy; gives the new total. */
export function learnTail(cells: Uint16Array, first: number, total: number, logEnergy: number): number {
  let left = total;
  if (left >= MOST_COUNT) {
    left = 0;
    for (let b = first; b < first + BINS; b++) {
      cells[b] = cells[b]! >> 1;
      left += cells[b]!;
    }
  }
  cells[first + Math.floor(placeOf(logEnergy))]! += 1;
  return left + 1;
}

/** Energy that a share of those in the histogram lies above: the upper edge of its bin. */
export function quantileOf(cells: Uint16Array, first: number, total: number, above: number): number {
  let left = above * total;
  let bin = BINS - 1;
  while (bin > 0 && left >= cells[first + bin]!) left -= cells[first + bin--]!;
  return LEAST + (bin + 1) / PER_UNIT;
}
