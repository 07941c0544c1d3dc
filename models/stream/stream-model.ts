/** What a model says of each row; columns of one length, [rows]. The optional ones are filled where they are given. */
export interface RowScores {
  /** Strangeness in [0, 1]; 0.5 is as usual. 0 while the model is cold. */
  readonly score: Float64Array;
  /** 0, or at least 0.5 on a row that raises a new alarm; at most 1. */
  readonly alarm: Float64Array;
  /** Share of the model's past with at least this score, in (0, 1]. */
  readonly tail?: Float64Array;
  /** The column that is furthest from what was expected of it, -1 for none; its expected value and one usual deviation. */
  readonly column?: Int32Array;
  readonly expected?: Float64Array;
  readonly scale?: Float64Array;
  /** What the expected value follows, where the model knows: 0 nothing that repeats, -1 the hour of the day, else a period in rows. */
  readonly period?: Float64Array;
}

/**
 * A model of one entity with one column or several. Causal: what is said of a row depends on `fit`'s rows and on the rows
 * up to it, not on later rows nor on how rows are cut into calls. Bounded memory. Values in any unit; a non-finite value
 * is a gap. Rows are row-major [rows, dims]; `timesMs` [rows] since 1970, NaN where unknown.
 */
export interface StreamModel<State = StreamModelState> {
  readonly kind: string;
  readonly dims: number;
  /** Learns a usual past at once, in order of time, before the first row is observed. */
  fit(timesMs: Float64Array, rows: Float64Array): void;
  /** Scores each row before it is learned. @throws RangeError on columns of unequal length */
  observe(timesMs: Float64Array, rows: Float64Array, out: RowScores): void;
  /** The same, and nothing is learned. */
  score(timesMs: Float64Array, rows: Float64Array, out: RowScores): void;
  /** Finite numbers only, as JSON keeps them: what `loadStreamModel` takes. */
  save(): State;
}

export interface StreamModelState {
  readonly kind: "univariate" | "multivariate";
  readonly version: 2;
  readonly dims: number;
  readonly values: Readonly<Record<string, readonly number[]>>;
}
