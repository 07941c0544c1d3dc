/**
 * Harmonic mean of the tail probabilities of several detectors, row by row: out[i] = k / sum(1 / p[i]) over the k
 * detectors with an opinion; NaN where none has one. Holds up under dependence between detectors; for p well below
 * 0.05 it reads as a p value itself. `columns`: one [rows] per detector, p in (0, 1] or NaN; `out` [rows] may be one
 * of them. O(detectors * rows), no allocation. Throws `RangeError` on columns of unequal length.
 * @see Wilson 2019, PNAS 116(4)
 */
export function harmonicMean(columns: readonly Float64Array[], out: Float64Array): void {
  for (const column of columns)
    if (column.length !== out.length)
      throw new RangeError(`harmonic: a column has ${column.length} rows, out has ${out.length}`);
  for (let i = 0; i < out.length; i++) {
    let opinions = 0;
    let inverse = 0;
    for (let c = 0; c < columns.length; c++) {
      const p = columns[c]![i]!;
      if (Number.isNaN(p)) continue;
      opinions++;
      inverse += 1 / p;
    }
    out[i] = opinions === 0 ? Number.NaN : opinions / inverse;
  }
}
