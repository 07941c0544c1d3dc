import type { ReferenceBins } from "../../../models/drift/population.ts";
import { clampValue } from "../../../models/statistical/scale.ts";

/** Windows that levels remember. */
const MEMORY_WINDOWS = 720;
/** A value counts at most this many deviations from the level. */
const CLIP = 3;
const FROM_MEAN_AD = 1.2533141373155001;
/** Deviations between the first and the ninth decile of a normal. */
const DECILES = 2.5631;

/** Level and usual deviation of each column: at first those of the training rows, by the deciles. NaN where unknown. */
export function startLevels(dims: number, reference: readonly ReferenceBins[]) {
  const level = new Float64Array(dims).fill(Number.NaN);
  const spread = new Float64Array(dims).fill(Number.NaN);
  for (let d = 0; d < dims; d++) {
    const edges = reference[d]?.edges ?? [];
    if (edges.length === 0) continue;
    level[d] = clampValue(edges[Math.floor((edges.length - 1) / 2)]!);
    spread[d] = clampValue(edges.at(-1)!) / DECILES - clampValue(edges[0]!) / DECILES;
  }
  return { level, spread };
}

/** Learns a row, in place; `seen`: rows before it that were learned. Gaps teach nothing. */
export function learnLevels(level: Float64Array, spread: Float64Array, row: Float64Array, seen: number): void {
  const rate = Math.max(1 / (seen + 10), 1 / MEMORY_WINDOWS);
  for (let d = 0; d < row.length; d++) {
    if (!Number.isFinite(row[d]!)) continue;
    const value = clampValue(row[d]!);
    if (Number.isNaN(level[d]!)) {
      level[d] = value;
      spread[d] = 0;
      continue;
    }
    const most = spread[d]! > 0 ? CLIP * spread[d]! : Number.POSITIVE_INFINITY;
    const off = Math.max(-most, Math.min(most, value - level[d]!));
    level[d]! += rate * off;
    spread[d]! += rate * (FROM_MEAN_AD * Math.abs(off) - spread[d]!);
  }
}
