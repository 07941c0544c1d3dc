import { binOf, driftLevel, populationStability, type ReferenceBins } from "../../../models/drift/population.ts";
import type { ModelDrift } from "../../core/live-models.ts";

/** Windows that counts remember, two hours of ten seconds each, and how many it takes to say anything. */
const MEMORY_WINDOWS = 720;
const LEAST_VALUES = 200;
const KEPT = 1 - 1 / MEMORY_WINDOWS;

/** How the values of one entity's columns, and the score, lie in the bins of the training rows. 88 bytes a column. */
export function driftCounts(
  reference: readonly ReferenceBins[],
  thenRows: number,
  saved?: readonly (readonly number[])[],
) {
  const counts = reference.map(({ edges }, k) => {
    const own = new Float64Array(edges.length + 1);
    if (saved?.[k]?.length === own.length) own.set(saved[k]);
    return own;
  });
  return {
    /** `value` non-finite: a gap, which counts nowhere. */
    add(k: number, value: number): void {
      const own = counts[k];
      if (!own || !Number.isFinite(value)) return;
      for (let b = 0; b < own.length; b++) own[b] = own[b]! * KEPT;
      own[binOf(reference[k]!.edges, value)]! += 1;
    },
    of(k: number): ModelDrift {
      const { name, shares } = reference[k]!;
      const psi = populationStability(shares, counts[k]!, { thenValues: thenRows, leastValues: LEAST_VALUES });
      return { name, psi: Number.isNaN(psi) ? null : Number(psi.toPrecision(6)), level: driftLevel(psi) };
    },
    length: counts.length,
    save: () => counts.map((c) => Array.from(c)),
  };
}
export type DriftCounts = ReturnType<typeof driftCounts>;
