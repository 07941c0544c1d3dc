import { type Filler, fitFiller } from "./filler.ts";
import { fitInputs, type InputOptions, type Inputs } from "./inputs.ts";
import { trainingRows } from "./training.ts";
import { type Labels, rowsOf } from "./vector.ts";

/** As training rows: a value counts at most this many deviations. */
export const CLIP = 8;

export interface LabelledRows {
  readonly inputs: Inputs;
  readonly filler: Filler;
  /** Whole standardised rows, quiet ones first, [rows, dims]. */
  readonly rows: Float64Array;
  /** 1 in an incident, 0 quiet, [rows]. */
  readonly labels: Uint8Array;
}

/**
 * Rows for a supervised model: standardised as quiet rows are, gaps filled, at most `maxRows` of them: spread evenly
 * over time, incidents kept as long as they are at most half. O(rows * dims^2).
 * @throws RangeError unless every row has a label of 0 or 1, with >= 8 usable quiet rows and one in an incident
 */
export function labelledRows(
  name: string,
  rows: Float64Array,
  dims: number,
  labels: Labels | undefined,
  { maxRows, ...options }: InputOptions & { maxRows: number },
): LabelledRows {
  const n = rowsOf(name, rows, dims);
  if (labels?.length !== n)
    throw new RangeError(`${name}: ${labels?.length ?? 0} labels for ${n} rows; give one for each`);
  const of: [number[], number[]] = [[], []];
  for (let r = 0; r < n; r++) {
    const label = labels[r];
    if (label !== 0 && label !== 1) throw new RangeError(`${name}: label ${r} is ${label}; give 0 or 1`);
    of[label].push(r);
  }
  const [quiet, odd] = of;
  if (quiet.length === 0 || odd.length === 0)
    throw new RangeError(
      `${name}: learns from quiet rows and rows in incidents; there are ${quiet.length} and ${odd.length}`,
    );
  if (!(maxRows >= 16)) throw new RangeError(`${name}: maxRows is ${maxRows}; give a number >= 16`);
  const oddKept = evenly(odd, Math.max(maxRows >> 1, maxRows - quiet.length));
  const quietRows = take(rows, dims, evenly(quiet, maxRows - oddKept.length));
  const inputs = fitInputs(name, quietRows, dims, options);
  const usual = trainingRows(name, inputs, quietRows);
  const filler = fitFiller(usual, inputs);
  const strange: number[] = [];
  const z = new Float64Array(dims);
  for (const r of oddKept) {
    if (!inputs.standardise(rows, r, z)) continue;
    filler.fill(z);
    for (const v of z) strange.push(Math.max(-CLIP, Math.min(CLIP, v)));
  }
  if (strange.length === 0) throw new RangeError(`${name}: every row in an incident has too many gaps`);
  const all = new Float64Array(usual.length + strange.length);
  all.set(usual);
  all.set(strange, usual.length);
  return { inputs, filler, rows: all, labels: new Uint8Array(all.length / dims).fill(1, usual.length / dims) };
}

/** At most `most` of the items, evenly spread. */
export function evenly(items: readonly number[], most: number): number[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!);
}

export function take(rows: Float64Array, dims: number, of: readonly number[]): Float64Array {
  const out = new Float64Array(of.length * dims);
  for (const [i, r] of of.entries()) out.set(rows.subarray(r * dims, (r + 1) * dims), i * dims);
  return out;
}

/** The same for rows without labels. */
export function thinned(rows: Float64Array, dims: number, most: number): Float64Array {
  const n = rows.length / dims;
  return n <= most ? rows : take(rows, dims, evenly([...Array(n).keys()], most));
}
