/**
 * The period of a series in rows, learned as it goes: a ring of 256 block means whose blocks double in length when it is
 * full, and the highest peak of its autocorrelation, looked for each time the ring has grown by half. O(1) a row on
 * average (256 * 85 multiply-adds a 128 blocks), 261 doubles a series.
 */
const BLOCKS = 256;
const CYCLES = 3;
const LEAST_LAG = 4;
/** Autocorrelation of a peak, and how far it must rise above the trough before it. Independent noise has deviation 0.06. */
const LEAST_PEAK = 0.4;
const LEAST_RISE = 0.25;

const FILLED = 0;
const ROWS_A_BLOCK = 1;
const BLOCK_SUM = 2;
const BLOCK_ROWS = 3;
const PERIOD = 4;
const RING = 5;
export const PERIOD_DOUBLES = RING + BLOCKS;
/** Blocks double up to this many rows: a period of at most 85 * 2^14 rows is found. */
const MOST_ROWS_A_BLOCK = 2 ** 14;

const centred = new Float64Array(BLOCKS);

export function startPeriod(data: Float64Array, at: number): void {
  data.fill(0, at, at + PERIOD_DOUBLES);
  data[at + ROWS_A_BLOCK] = 1;
}

/** Rows a period, 0 while none is known. */
export const periodOf = (data: Float64Array, at: number): number => data[at + PERIOD]!;

/** Learns a row; true when the period was looked for again (it may have changed, or be known to be none). */
export function stepPeriod(data: Float64Array, at: number, value: number): boolean {
  const sum = data[at + BLOCK_SUM]! + value;
  const rows = data[at + BLOCK_ROWS]! + 1;
  const length = data[at + ROWS_A_BLOCK]!;
  if (rows < length) {
    data[at + BLOCK_SUM] = sum;
    data[at + BLOCK_ROWS] = rows;
    return false;
  }
  data[at + BLOCK_SUM] = 0;
  data[at + BLOCK_ROWS] = 0;
  let filled = data[at + FILLED]!;
  data[at + RING + filled] = sum / rows;
  filled++;
  const look = filled === BLOCKS || filled === (BLOCKS * 3) / 4;
  if (look) data[at + PERIOD] = peakLag(data, at + RING, filled) * length;
  if (filled === BLOCKS) {
    filled = BLOCKS / 2;
    if (length < MOST_ROWS_A_BLOCK) {
      for (let i = 0; i < filled; i++)
        data[at + RING + i] = (data[at + RING + 2 * i]! + data[at + RING + 2 * i + 1]!) / 2;
      data[at + ROWS_A_BLOCK] = 2 * length;
    } else data.copyWithin(at + RING, at + RING + filled, at + RING + BLOCKS);
  }
  data[at + FILLED] = filled;
  return look;
}

/** Calls `visit` with the mean of every remembered block and the number of rows from its middle to the present row. */
export function eachBlock(data: Float64Array, at: number, visit: (mean: number, age: number) => void): void {
  const filled = data[at + FILLED]!;
  const length = data[at + ROWS_A_BLOCK]!;
  const open = data[at + BLOCK_ROWS]!;
  for (let i = 0; i < filled; i++) visit(data[at + RING + i]!, open + (filled - i - 0.5) * length - 0.5);
}

/** Lag of the first high peak of the autocorrelation, to a fraction of a block; 0 for none. */
function peakLag(data: Float64Array, ring: number, filled: number): number {
  let mean = 0;
  for (let i = 0; i < filled; i++) mean += data[ring + i]! / filled;
  let power = 0;
  for (let i = 0; i < filled; i++) {
    const d = data[ring + i]! - mean;
    centred[i] = d;
    power += d * d;
  }
  if (!(power > 0 && power < Number.POSITIVE_INFINITY)) return 0;
  const most = Math.floor(filled / CYCLES);
  const correlation = (lag: number) => {
    // four sums, as each addition waits for the one before it
    let sum = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    let i = lag;
    for (; i + 3 < filled; i += 4) {
      sum += centred[i]! * centred[i - lag]!;
      sum1 += centred[i + 1]! * centred[i + 1 - lag]!;
      sum2 += centred[i + 2]! * centred[i + 2 - lag]!;
      sum3 += centred[i + 3]! * centred[i + 3 - lag]!;
    }
    for (; i < filled; i++) sum += centred[i]! * centred[i - lag]!;
    sum += sum1 + sum2 + sum3;
    return (sum * filled) / ((filled - lag) * power);
  };
  let [best, bestLag, trough] = [LEAST_PEAK, 0, 1];
  let [left, here] = [correlation(1), correlation(2)];
  for (let lag = 2; lag < most; lag++) {
    const right = correlation(lag + 1);
    trough = Math.min(trough, here);
    // a later multiple of the same period must be clearly better to be preferred
    if (
      lag >= LEAST_LAG &&
      here >= left &&
      here > right &&
      here > best * (bestLag > 0 ? 1.1 : 1) &&
      here > trough + LEAST_RISE
    ) {
      best = here;
      const bend = left - 2 * here + right;
      bestLag = lag + (bend < 0 ? (0.5 * (left - right)) / bend : 0);
    }
    left = here;
    here = right;
  }
  return bestLag;
}
