import type { RowScores, StreamModel } from "../stream/stream-model.ts";
import { energyJudge } from "./energy-judge.ts";

export interface BlendState<Part> {
  readonly kind: "blend";
  readonly version: 1;
  readonly dims: number;
  readonly parts: readonly Part[];
  readonly values: { readonly judge: readonly number[] };
}

const LEAST = 1e-12;

/**
 * Several models of the same rows as one: the mean of the logarithms of their energies (score = E / (1 + E)), so that what
 * one finds wildly strange counts, and what only one finds a little strange does not. Expected values are the first's.
 * @throws RangeError on no parts, or parts of other columns
 */
export function blend<State>(
  parts: readonly StreamModel<State>[],
  state?: BlendState<State>,
): StreamModel<BlendState<State>> {
  const dims = parts[0]?.dims;
  if (dims === undefined || parts.some((p) => p.dims !== dims))
    throw new RangeError("blend: give models, all of the same columns");
  const judge = energyJudge();
  if (state) judge.load(state.values.judge);

  function combine(timesMs: Float64Array, rows: Float64Array, out: RowScores, how: "observe" | "score"): Float64Array {
    const n = timesMs.length;
    const logs = new Float64Array(n);
    const column = () => new Float64Array(n);
    parts.forEach((part, k) => {
      const own: RowScores =
        k === 0 ? { ...out, score: column(), alarm: column() } : { score: column(), alarm: column() };
      part[how](timesMs, rows, own);
      for (let i = 0; i < n; i++) {
        const s = own.score[i]!;
        // a part without an opinion yet does not count
        logs[i]! += s > 0 ? Math.log(s / Math.max(1 - s, LEAST)) / parts.length : 0;
      }
    });
    return logs;
  }

  return {
    kind: "blend",
    dims,
    fit(timesMs, rows) {
      for (const part of parts) part.fit(timesMs, rows);
    },
    observe(timesMs, rows, out) {
      const logs = combine(timesMs, rows, out, "observe");
      for (let i = 0; i < timesMs.length; i++) judge.step(timesMs[i]!, logs[i]!, out, i);
    },
    score(timesMs, rows, out) {
      const logs = combine(timesMs, rows, out, "score");
      const before = judge.save();
      for (let i = 0; i < timesMs.length; i++) {
        judge.step(timesMs[i]!, logs[i]!, out, i);
        judge.load(before);
      }
    },
    save: () => ({
      kind: "blend",
      version: 1,
      dims,
      parts: parts.map((p) => p.save()),
      values: { judge: judge.save() },
    }),
  };
}
