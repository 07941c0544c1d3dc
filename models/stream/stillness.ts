/**
 * How improbable it is that a series keeps so still: the run of rows whose change is far below the usual one, against the runs
 * that were complete before. Were their lengths exponential, the longest of n would be about their mean times ln n, so
 * a run of length L has the chance n^(-L / longest); it must pass the longest in any case. What is usual for the series (nights, a gauge that rarely moves) has
 * made long runs before. A stuck sensor, lost noise and a held limit look usual to everything that asks how far a value is.
 */
const USUAL_CHANGE = 0;
const RUN = 1;
const RUNS = 2;
const LONGEST = 3;
export const STILL_DOUBLES = 4;

/** Share of the usual change below which a row counts as still. */
const STILL = 0.25;

/** Rows by which a run must pass the length that is needed: short runs are often just as long as the longest. */
const MORE_ROWS = 1;

/** What `stepStill` takes, and its result: one array, as a number passed through a call may cost an object. */
export const still = new Float64Array(3);
/** Absolute change from the row before; weight of the row in running means. */
export const CHANGE = 0;
export const RATE = 1;
/** 1 on the row where a run becomes too long, else 0. */
export const TOO_LONG = 2;

/** `orders`: powers of ten of improbability at which a run is too long. `memory`: runs that are remembered. O(1). */
export function stepStill(data: Float64Array, at: number, orders: number, memory: number): void {
  const change = still[CHANGE]!;
  const usual = data[at + USUAL_CHANGE]!;
  const run = data[at + RUN]!;
  still[TOO_LONG] = 0;
  if (change < STILL * usual) {
    const longest = data[at + LONGEST]!;
    data[at + RUN] = run + 1;
    if (run >= longest) {
      // the first run, which is longer than none, has nothing to be compared with
      const times = orders / Math.log10(data[at + RUNS]! + 1);
      const needed = longest * (times > 1 ? times : 1) + MORE_ROWS;
      if (run <= needed && run + 1 > needed) still[TOO_LONG] = 1;
    }
  } else if (run > 0) {
    const runs = data[at + RUNS]!;
    const longest = data[at + LONGEST]! * (1 - 1 / memory);
    data[at + LONGEST] = run > longest ? run : longest;
    data[at + RUNS] = runs < memory ? runs + 1 : runs;
    data[at + RUN] = 0;
  }
  data[at + USUAL_CHANGE] = usual + (change - usual) * still[RATE]!;
}
