import type { RowScores, StreamModel, StreamModelState } from "./stream-model.ts";
import { type UnivariateOptions, univariateScorer } from "./univariate.ts";

/** The univariate scorer with one slot, as a model. */
export function univariateModel(state?: StreamModelState, options: UnivariateOptions = {}): StreamModel {
  const bank = univariateScorer(options);
  bank.resize(1);
  if (state) bank.loadBlock(0, 1, Float64Array.from(state.values.series ?? []));
  const slots = (rows: Float64Array) => new Uint32Array(rows.length);
  const fill = ({ column }: RowScores, rows: Float64Array) =>
    column?.forEach((_, i) => {
      column[i] = Number.isFinite(rows[i]) ? 0 : -1;
    });
  return {
    kind: "univariate",
    dims: 1,
    fit(timesMs, rows) {
      const out = { score: new Float64Array(rows.length), alarm: new Float64Array(rows.length) };
      bank.observe(slots(rows), timesMs, rows, out);
    },
    observe(timesMs, rows, out) {
      bank.observe(slots(rows), timesMs, rows, out);
      fill(out, rows);
    },
    score(timesMs, rows, out) {
      bank.score(slots(rows), timesMs, rows, out);
      fill(out, rows);
    },
    save: () => ({ kind: "univariate", version: 2, dims: 1, values: { series: Array.from(bank.saveBlock(0, 1)) } }),
  };
}
