/**
 * Share of a series' own past energies at or above this one: a histogram of their logarithm, and beyond its top an
 * exponential in the logarithm (a power law). In (0, 1]; learns after it answers.
 * @see Pickands 1975, Ann. Statist. 3(1)
 */
const BINS = 96;
const PER_UNIT = 12;
const LEAST = -3;
export const TAIL_CELLS = BINS;
const MOST_COUNT = 60_000;

export function tailOf(
  cells: Uint16Array,
  first: number,
  data: Float64Array,
  counted: number,
  energy: number,
  learn: boolean,
): number {
  const place = (Math.log(energy + 1e-9) - LEAST) * PER_UNIT;
  const bin = place < 0 ? 0 : place >= BINS ? BINS - 1 : Math.floor(place);
  let above = 0;
  for (let b = BINS - 1; b > bin; b--) above += cells[first + b]!;
  const own = cells[first + bin]!;
  let total = data[counted]!;
  // a half row above all: no finite past makes a probability of zero
  const p = (above + own * (1 - Math.min(1, Math.max(0, place - bin))) + 0.5) / (total + 1);
  if (learn) {
    if (total >= MOST_COUNT) {
      total = 0;
      for (let b = 0; b < BINS; b++) {
        cells[first + b] = cells[first + b]! >> 1;
        total += cells[first + b]!;
      }
    }
    cells[first + bin] = cells[first + bin]! + 1;
    data[counted] = total + 1;
  }
  return p > 1 ? 1 : p;
}
