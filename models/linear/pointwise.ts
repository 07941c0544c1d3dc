import type { Filler } from "./filler.ts";
import type { Inputs } from "./inputs.ts";
import { gapsOf } from "./quadratic.ts";
import { oneRow, rowsOf, toShares, type VectorModel } from "./vector.ts";

/** Scores >= 0 of the first `count` whole standardised rows of `z`, into `out` from `at` on. */
export type RowScorer = (z: Float64Array, count: number, out: Float64Array, at: number) => void;

/** Rows standardised at once: bounds memory, and keeps them in the cache. */
const CHUNK_ROWS = 256;

/**
 * The part that models of single rows share, given how whole standardised rows score: gaps are filled with what the
 * other values let expect; a dimension contributes what the score loses when it has its expected value instead.
 * `clip`: a value counts at most this many deviations.
 */
export function pointwise(
  name: string,
  inputs: Inputs,
  filler: Filler,
  scorer: RowScorer,
  clip = Number.POSITIVE_INFINITY,
): Omit<VectorModel, "save"> {
  const { dims } = inputs;
  const z = new Float64Array(dims);
  const chunk = new Float64Array(CHUNK_ROWS * dims);

  /** Row `index`, standardised, whole and clipped, into `z`. False: no opinion. */
  function read(rows: Float64Array, index: number): boolean {
    if (!inputs.standardise(rows, index, z)) return false;
    filler.fill(z);
    for (let d = 0; d < dims; d++) z[d] = Math.max(-clip, Math.min(clip, z[d]!));
    return true;
  }

  return {
    name,
    dims,
    context: 0,
    score(rows) {
      const out = new Float64Array(rowsOf(name, rows, dims));
      for (let first = 0; first < out.length; first += CHUNK_ROWS) {
        const count = Math.min(CHUNK_ROWS, out.length - first);
        const silent: number[] = [];
        for (let i = 0; i < count; i++) {
          if (!read(rows, first + i)) {
            silent.push(first + i);
            z.fill(0);
          }
          chunk.set(z, i * dims);
        }
        scorer(chunk, count, out, first);
        for (const r of silent) out[r] = Number.NaN;
      }
      return out;
    },
    contributions(row) {
      oneRow(name, row, dims);
      if (!inputs.standardise(row, 0, z)) return new Float64Array(dims).fill(Number.NaN);
      const gaps = new Set(gapsOf(z));
      read(row, 0);
      const variants = new Float64Array((dims + 1) * dims);
      for (let v = 0; v <= dims; v++) variants.set(z, v * dims);
      for (let d = 0; d < dims; d++)
        variants[d * dims + d] = Math.max(-clip, Math.min(clip, gaps.has(d) ? z[d]! : filler.expected(z, d)));
      const scores = new Float64Array(dims + 1);
      scorer(variants, dims + 1, scores, 0);
      return toShares(z.map((_, d) => Math.max(0, scores[dims]! - scores[d]!)));
    },
  };
}
