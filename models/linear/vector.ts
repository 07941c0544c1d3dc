/**
 * A fitted model of one entity's feature vectors. Immutable: neither scoring nor explaining changes it.
 * Rows are row-major [rows, dims], each dimension in its own unit; a non-finite value is a gap. A gap counts as the
 * value that makes its row least strange, so it is no evidence by itself.
 */
export interface VectorModel {
  readonly name: string;
  readonly dims: number;
  /** Rows just before a row, in order of time, that its score rests on: 0 unless the model sees sequences. */
  readonly context: number;
  /**
   * Finite scores >= 0, [rows], higher is stranger; NaN = no opinion (more gaps than `maxGapShare`, or one of the first
   * `context` rows). Synchronous; a row after its context scores the same alone as among others. Give many rows at once.
   * @throws RangeError on a broken row
   */
  score(rows: Float64Array): Float64Array;
  /**
   * Each dimension's share in what makes one row strange, [dims]: how much less strange it would be with another value
   * there. >= 0, sum 1 (or all 0: no single value would help); NaN where the score is. `row` is [context + 1, dims]: the
   * row comes last, after its context.
   */
  contributions(row: Float64Array): Float64Array;
  /** Plain JSON: what `load` of the same kind takes. */
  save(): VectorState;
}

export interface VectorState {
  readonly kind: string;
  readonly version: 1;
  readonly inputs: InputState;
  /** What a neural model was trained on: tried first when it is loaded, since bits differ by backend. */
  readonly backend?: string;
  /** The model's own numbers, flat and row-major. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

/** See `inputs.ts`. */
export interface InputState {
  readonly center: readonly number[];
  readonly scale: readonly number[];
  readonly noise: readonly number[];
  readonly maxGapShare: number;
}

/** What a kind is taught with: rows of quiet times, or rows of all times and a label for each. */
export type Teaching = "quiet" | "labels";

/** One a row: 1 in an incident, 0 quiet. */
export type Labels = ArrayLike<number>;

/** How training searches for a kind's options: declared beside the model, so that a kind is one file. */
export interface Tuning<Options> {
  /** What one fit takes: below a second, seconds, or more for some thousand rows. Quick kinds are tried first. */
  readonly cost: "quick" | "moderate" | "slow";
  /** Options tried besides the defaults, the most promising first; plain numbers and strings. */
  readonly grid: readonly Options[];
}

export interface VectorModelKind<Options, Model extends VectorModel = VectorModel> extends Teachable<Options, Model> {
  readonly tuning: Tuning<Options>;
}

/** What can be fitted and loaded. */
export interface Teachable<Options, Model extends VectorModel = VectorModel> {
  readonly learns: Teaching;
  /**
   * Learns from rows in order of time: quiet ones, or labelled ones where `learns` says so (others take no labels).
   * @throws RangeError on broken rows, labels or options, or < 8 usable quiet rows
   */
  fit(rows: Float64Array, dims: number, options?: Options, labels?: Labels): Promise<Model>;
  /** @throws RangeError on a state of another kind or version */
  load(state: VectorState): Promise<Model>;
}

/** Number of rows. @throws RangeError unless they are whole */
export function rowsOf(name: string, rows: Float64Array, dims: number): number {
  if (!Number.isSafeInteger(dims) || dims < 1) throw new RangeError(`${name}: dims is ${dims}; give an integer >= 1`);
  if (rows.length % dims !== 0) throw new RangeError(`${name}: ${rows.length} values are no whole rows of ${dims}`);
  return rows.length / dims;
}

/** @throws RangeError unless `row` is one row after its context */
export function oneRow(name: string, row: Float64Array, dims: number, context = 0): void {
  const values = (context + 1) * dims;
  if (row.length !== values) throw new RangeError(`${name}: a row has ${row.length} values; give ${values}`);
}

/** Values of a state that `kind` can read. @throws RangeError on any other */
export function valuesOf<K extends string>(kind: string, state: VectorState, keys: readonly K[]) {
  if (state.kind !== kind || state.version !== 1)
    throw new RangeError(`${kind}: the state is of ${state.kind}, version ${state.version}; give ${kind}, version 1`);
  const value = (key: K) => {
    const held = state.values[key];
    if (!held) throw new RangeError(`${kind}: the state has no ${key}`);
    return Float64Array.from(held);
  };
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, Float64Array>;
}

/** Scales parts (>= 0) to shares in place: sum 1, or all 0. */
export function toShares(parts: Float64Array): Float64Array {
  const sum = parts.reduce((a, b) => a + b, 0);
  return sum > 0 ? parts.map((p) => p / sum) : parts.fill(0);
}
