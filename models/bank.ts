/** A share of a bank's state, kept apart because it changes at other times than the rest. */
export interface StatePart {
  /** Unique within the bank. */
  readonly name: string;
  /** Slots [from, to), slot after slot. */
  saveBlock(from: number, to: number): Float64Array;
  loadBlock(from: number, to: number, state: Float64Array): void;
  /** Whether slots [from, to) may have changed since this was last asked. `from` and `to` are multiples of 256. */
  takeChanged(from: number, to: number): boolean;
}

/** Level and one usual deviation, in the unit of the series. */
export interface Expectation {
  readonly expected: number;
  readonly scale: number;
  /** Where it follows a season: after how long that repeats, milliseconds. */
  readonly periodMs?: number;
}

/**
 * One detector, many series. A slot is one series; a one-series detector is the bank with one slot.
 * Slots are `Uint32Array` ids below the size given to `resize`; the same slot may occur twice in a call and is then
 * learned in order. Values are in the unit of the series; scores are in the series' own usual deviations.
 * `timeMs`: of all rows of a call, milliseconds since 1970; only what follows the clock needs it.
 * Errors: a slot out of range or columns of unequal length throw `RangeError`.
 */
export interface DetectorBank {
  readonly name: string;
  /** Grows to at least `slots` slots, never shrinks; new slots are cold. Amortised O(new slots). */
  resize(slots: number): void;
  /** Raw score >= 0, at most 1e6; NaN = no opinion (cold slot, or a gap). Never changes state. Shapes: all [rows]. */
  score(slots: Uint32Array, values: Float64Array, out: Float64Array, timeMs?: number): void;
  /** Teaches; a non-finite value teaches nothing; never scores. Shapes: [rows]. */
  learn(slots: Uint32Array, values: Float64Array, timeMs?: number): void;
  /** undefined while cold. */
  expected(slot: number, timeMs?: number): Expectation | undefined;
  /**
   * Usual deviations from what a season lets expect about now, in this hour or a neighbour, whichever is nearest; NaN where
   * no season is proven. What is near is odd only to those who know of none. Pure.
   */
  offSeason?(slot: number, value: number, timeMs: number): number;
  /** State of slots [from, to), slot after slot: the saves of adjoining blocks join to the save of the whole. */
  saveBlock(from: number, to: number): Float64Array;
  /** The inverse of `saveBlock`; grows the bank to `to` where needed. */
  loadBlock(from: number, to: number, state: Float64Array): void;
  /** The same state in parts, for who saves often. */
  readonly parts: readonly StatePart[];
}

/** Least deviation the bank believes in; keeps a constant series from being an anomaly by division by zero. */
export interface Floors {
  /** Share of |level|, >= 0. */
  relFloor?: number;
  /** Unit of the series, >= 0. */
  absFloor?: number;
}
