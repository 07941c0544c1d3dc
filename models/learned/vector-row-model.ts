import type { VectorModel, VectorState } from "../linear/vector.ts";
import type { RowScores, StreamModel } from "../stream/stream-model.ts";
import { embed, noPast } from "./embed.ts";
import { energyJudge } from "./energy-judge.ts";
import { levelJudge } from "./level-judge.ts";
import { probabilityJudge } from "./probability-judge.ts";

export interface VectorRowState {
  readonly kind: "vector";
  readonly version: 1;
  readonly dims: number;
  readonly lags: number;
  readonly smoothing: number;
  readonly judge?: JudgeName;
  readonly model: VectorState;
  readonly values: Readonly<Record<"base" | "context" | "judge" | "past" | "smooth", readonly number[]>>;
}

export interface VectorRowOptions {
  readonly dims: number;
  /** Rows side by side that the model sees; the newest first. */
  readonly lags: number;
  /** Rows over which its score is averaged. */
  readonly smoothing: number;
  /**
   * What is made of its score: an energy with alarms where it is new (`energy`), or above a level too (`level`); or the probability of
   * an incident that models of labelled rows give, which needs no other scale.
   */
  readonly judge?: JudgeName;
}

const JUDGES = { energy: energyJudge, level: levelJudge, probability: probabilityJudge } as const;
export type JudgeName = keyof typeof JUDGES;

/** Quantile of the fitted rows' scores that is E = 1: of the mean, a few wild rows would be most. */
const BASE_QUANTILE = 0.9;
const LEAST = 1e-9;
const LEAST_BASE = 1e-3;
/** Rows scored at a time: what an embedding may take. */
const BATCH = 8192;
/** Only rows clearly above the usual are explained: finding the column costs as much as many scores. */
const EXPLAIN_FROM = 0.6;

/**
 * A fitted model of single rows as a causal model of a stream: its score is averaged over the last `smoothing` rows and
 * put on the scale of the streaming models, on which one threshold serves all. `fit` takes usual rows: it sets that scale
 * and teaches the alarms; the model itself stays. Memory: the model, `lags` rows and 17 kB.
 */
export function vectorRowModel(
  model: VectorModel,
  { dims, lags, smoothing, judge: judged = "energy" }: VectorRowOptions,
  state?: VectorRowState,
): StreamModel<VectorRowState> {
  const name = "vector";
  if (!(Number.isSafeInteger(lags) && lags >= 1))
    throw new RangeError(`${name}: lags is ${lags}; give an integer >= 1`);
  if (!(smoothing >= 1)) throw new RangeError(`${name}: smoothing is ${smoothing}; give rows >= 1`);
  if (model.dims !== dims * lags)
    throw new RangeError(`${name}: the model takes ${model.dims} values, not ${dims} columns times ${lags} rows`);
  /** Rows before a row that a model of sequences rests on. */
  const context = (model as { context?: number }).context ?? 0;
  const width = dims * lags;
  if (!Object.hasOwn(JUDGES, judged)) throw new RangeError(`${name}: there is no judge ${judged}`);
  const judge = JUDGES[judged]();
  let before = new Float64Array(0);
  let past = noPast(dims, lags);
  /** Mean of the last scores, its weight. */
  let smooth = new Float64Array(2);
  let base = 1;
  if (state) {
    if (state.dims !== dims) throw new RangeError(`${name}: the state has ${state.dims} columns, not ${dims}`);
    past = Float64Array.from(state.values.past);
    smooth = Float64Array.from(state.values.smooth);
    base = state.values.base[0] ?? 1;
    before = Float64Array.from(state.values.context);
    if (past.length !== (lags - 1) * dims || smooth.length !== 2 || !(base > 0) || before.length > context * width)
      throw new RangeError(`${name}: the state does not fit ${dims} columns and ${lags} rows`);
    judge.load(state.values.judge);
  }

  /** Rows side by side after their context, and the score of each but the context. */
  const scored = (rows: Float64Array) => {
    const wide = embed(rows, dims, lags, past);
    if (context === 0) return { wide, raw: model.score(wide), offset: 0 };
    const all = new Float64Array(before.length + wide.length);
    all.set(before);
    all.set(wide, before.length);
    const offset = before.length / width;
    before = all.slice(Math.max(0, all.length - context * width));
    return { wide: all, raw: model.score(all).subarray(offset), offset };
  };
  const averaged = (raw: number): number => {
    if (!Number.isFinite(raw)) return Number.NaN;
    smooth[0]! += (raw - smooth[0]!) / smoothing;
    smooth[1]! += (1 - smooth[1]!) / smoothing;
    return smooth[0]! / smooth[1]!;
  };
  const scaled = (e: number) => (judged === "probability" ? e : Math.log(Math.max(e, LEAST) / base));
  const rowsIn = (timesMs: Float64Array, rows: Float64Array) => {
    if (rows.length !== timesMs.length * dims)
      throw new RangeError(`${name}: ${rows.length} values are not ${timesMs.length} rows of ${dims}`);
    return timesMs.length;
  };

  function observe(timesMs: Float64Array, rows: Float64Array, out: RowScores): void {
    const n = rowsIn(timesMs, rows);
    for (let from = 0; from < n; from += BATCH) {
      const to = Math.min(n, from + BATCH);
      const { wide, raw, offset } = scored(rows.subarray(from * dims, to * dims));
      for (let i = from; i < to; i++) {
        const e = averaged(raw[i - from]!);
        judge.step(timesMs[i]!, scaled(e), out, i);
        if (out.expected) out.expected[i] = Number.NaN;
        if (out.scale) out.scale[i] = Number.NaN;
        if (!out.column) continue;
        out.column[i] = -1;
        if (out.score[i]! < EXPLAIN_FROM || !Number.isFinite(raw[i - from]!)) continue;
        const row = offset + i - from;
        out.column[i] = largest(model.contributions(wide.slice((row - context) * width, (row + 1) * width)), dims);
      }
    }
  }

  const save = (): VectorRowState => ({
    kind: name,
    version: 1,
    dims,
    lags,
    smoothing,
    ...(judged === "energy" ? {} : { judge: judged }),
    model: model.save(),
    values: {
      base: [base],
      context: Array.from(before),
      judge: judge.save(),
      past: Array.from(past),
      smooth: Array.from(smooth),
    },
  });
  return {
    kind: name,
    dims,
    fit(timesMs, rows) {
      const n = rowsIn(timesMs, rows);
      const energies: number[] = [];
      for (let from = 0; from < n; from += BATCH) {
        const part = rows.subarray(from * dims, Math.min(n, from + BATCH) * dims);
        for (const raw of scored(part).raw) {
          const e = averaged(raw);
          if (!Number.isNaN(e)) energies.push(e);
        }
      }
      const sorted = Float64Array.from(energies).sort();
      base = Math.max(sorted[Math.floor(BASE_QUANTILE * (sorted.length - 1))] ?? 1, LEAST_BASE);
      judge.teach(Float64Array.from(energies, scaled));
      // the next row need not follow on the last of these
      past.fill(Number.NaN);
      smooth.fill(0);
      before = new Float64Array(0);
    },
    observe,
    score(timesMs, rows, out) {
      const n = rowsIn(timesMs, rows);
      const held = { past: past.slice(), smooth: smooth.slice(), judge: judge.save(), before };
      const one = <T extends Float64Array | Int32Array>(column: T | undefined, i: number) =>
        column && { at: column.subarray(i, i + 1) as T };
      for (let i = 0; i < n; i++) {
        const view: RowScores = {
          score: out.score.subarray(i, i + 1),
          alarm: out.alarm.subarray(i, i + 1),
          ...(out.tail && { tail: one(out.tail, i)!.at }),
          ...(out.column && { column: one(out.column, i)!.at }),
          ...(out.expected && { expected: one(out.expected, i)!.at }),
          ...(out.scale && { scale: one(out.scale, i)!.at }),
        };
        observe(timesMs.subarray(i, i + 1), rows.subarray(i * dims, (i + 1) * dims), view);
        past.set(held.past);
        smooth.set(held.smooth);
        before = held.before;
        judge.load(held.judge);
      }
    },
    save,
  };
}

/** Column with the largest share over all lags; -1 where there is none. */
function largest(shares: Float64Array, dims: number): number {
  const sums = new Float64Array(dims);
  for (let k = 0; k < shares.length; k++) sums[k % dims]! += shares[k]!;
  let best = -1;
  for (let d = 0; d < dims; d++) if (sums[d]! > (best < 0 ? 0 : sums[best]!)) best = d;
  return best;
}
