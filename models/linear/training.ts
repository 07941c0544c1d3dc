import { moments, precision } from "./covariance.ts";
import type { Inputs } from "./inputs.ts";
import { fillGaps, gapsOf } from "./quadratic.ts";

/** A training value counts at most this many deviations: a few wild rows must not shape the model. */
const CLIP = 8;
const LEAST_ROWS = 8;
const FILL_PASSES = 5;

/**
 * Standardised rows to learn from, in order. Rows with gaps are left out while at least half of the usable rows are
 * whole; otherwise gaps are filled with what the other values let expect. O(rows * dims^2).
 * @throws RangeError with fewer than 8 rows left
 * @see Beale & Little 1975, J. R. Stat. Soc. B 37(1)
 */
export function trainingRows(name: string, inputs: Inputs, rows: Float64Array): Float64Array {
  const { dims } = inputs;
  const usable: Float64Array[] = [];
  for (let r = 0; r < rows.length / dims; r++) {
    const z = new Float64Array(dims);
    if (inputs.standardise(rows, r, z)) usable.push(z.map((v) => Math.max(-CLIP, Math.min(CLIP, v))));
  }
  const whole = usable.filter((z) => gapsOf(z).length === 0);
  const chosen = 2 * whole.length >= usable.length ? whole : usable;
  if (chosen.length < LEAST_ROWS)
    throw new RangeError(`${name}: ${chosen.length} usable rows; give at least ${LEAST_ROWS}`);
  const out = new Float64Array(chosen.length * dims);
  for (const [r, z] of chosen.entries()) out.set(z, r * dims);
  if (chosen !== whole) fill(out, inputs);
  return out;
}

/** In place, from the median on. */
function fill(rows: Float64Array, { dims, noise }: Inputs): void {
  const views = Array.from({ length: rows.length / dims }, (_, r) => rows.subarray(r * dims, (r + 1) * dims));
  const work = views.map((row) => ({ row, gaps: gapsOf(row) })).filter(({ gaps }) => gaps.length > 0);
  for (const { row, gaps } of work) for (const d of gaps) row[d] = 0;
  for (let pass = 0; pass < FILL_PASSES; pass++) {
    const seen = moments(rows, dims);
    const form = precision(seen, noise);
    for (const { row, gaps } of work) {
      const x = row.map((v, d) => v - seen.mean[d]!);
      fillGaps(form, x, gaps);
      for (const d of gaps) row[d] = x[d]! + seen.mean[d]!;
    }
  }
}
