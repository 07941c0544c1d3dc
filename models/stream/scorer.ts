/** What a streaming scorer says of each row; columns of one length, [rows]. NaN where it has no opinion. */
export interface SeriesScores {
  /** Strangeness of the last rows together, in [0, 1]; 0.5 is as usual for this series. */
  readonly score: Float64Array;
  /** 0, or at least 0.5 on a row that raises a new alarm; at most 1. */
  readonly alarm: Float64Array;
  /** What the value was expected to be, and one usual deviation from it, in the unit of the series. */
  readonly expected?: Float64Array;
  readonly scale?: Float64Array;
  /** What the expected value follows: 0 nothing that repeats, -1 the hour of the day, else a learned period in rows. */
  readonly period?: Float64Array;
  /** Share of the series' own past with at least this score, in (0, 1]; NaN at a gap. */
  readonly tail?: Float64Array;
}

/**
 * Scores many series as their rows arrive: a slot is one series. Causal: what is said of a row depends on it and on the
 * rows of its slot before it, never on later rows, on other slots, or on how rows are cut into calls.
 */
export interface SeriesScorer {
  readonly name: string;
  /** Bytes of state a slot, whatever the number of rows. */
  readonly bytesPerSeries: number;
  /** Grows to at least `slots` slots, never shrinks; new slots are cold. */
  resize(slots: number): void;
  /**
   * Scores each row before it is learned, in order; a slot may occur several times. `timesMs` since 1970, NaN where
   * unknown; a non-finite value is a gap: it keeps the last score and teaches nothing. @throws RangeError on columns of
   * unequal length or an unknown slot
   */
  observe(slots: Uint32Array, timesMs: Float64Array, values: Float64Array, out: SeriesScores): void;
  /** The same, learning nothing. */
  score(slots: Uint32Array, timesMs: Float64Array, values: Float64Array, out: SeriesScores): void;
  /** State of slots [from, to), slot after slot, finite doubles: the saves of adjoining blocks join. */
  saveBlock(from: number, to: number): Float64Array;
  loadBlock(from: number, to: number, state: Float64Array): void;
}
