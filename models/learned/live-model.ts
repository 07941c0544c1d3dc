import type { VectorModel } from "../linear/vector.ts";
import { loadStreamModel, type StreamModelState } from "../stream/model.ts";
import type { RowScores } from "../stream/stream-model.ts";
import { type VectorModelName, vectorModels } from "../vector-model.ts";
import { embed, noPast } from "./embed.ts";
import type { LearnedState } from "./learned-model.ts";
import type { VectorRowState } from "./vector-row-model.ts";

/** What a model says of one row. NaN: nothing. */
export interface LiveOpinion {
  /** Strangeness of the last rows: 1 is the edge of the usual. */
  energy: number;
  /** The same of the last row alone, where the energy is a mean over several. */
  instant: number;
  /** Column that is furthest from what was expected of it, -1 where none is named; its expected value and usual deviation. */
  column: number;
  expected: number;
  scale: number;
  /** What the expected value follows: 0 nothing that repeats, -1 the hour of the day, else a learned period in rows. */
  period: number;
}

/** Rows that a shared model is to score, [context + 1, its dims]: the answer is the score of the last. */
export interface Question {
  readonly model: VectorModel;
  readonly rows: Float64Array;
}

/** Numbers that change as rows come. */
export type LiveState = { readonly [key: string]: readonly number[] | LiveState };

/**
 * A learned model as it runs on a stream: without the alarms of its own that `score` needs, and in two steps, so that the
 * questions of many entities to one model go to it together. `ask` and `answer` take turns, row by row; an opinion rests
 * on the rows so far alone, not on who else asked.
 */
export interface LiveModel {
  readonly dims: number;
  ask(timeMs: number, row: Float64Array): readonly Question[];
  /** `scores`: one for each question. */
  answer(timeMs: number, row: Float64Array, scores: ArrayLike<number>, out: LiveOpinion): void;
  /** Names the column that makes the last row strange, where `answer` has not; may cost as much as many rows. */
  explain(out: LiveOpinion): void;
  save(): LiveState;
}

/** Makes a running model from the trained state; with the numbers of an earlier one, it goes on from there. */
export type StartLive = (running?: LiveState) => LiveModel;

const LEAST = 1e-9;
const NEAR_ONE = 1e-12;
/** Rows over which the usual log E is followed, and how far above it a row must be to be left out of that. */
const DRIFT_ROWS = 6000;
const DRIFT_LIMIT = 1;
const MOST_LOG = 30;

export const noOpinion = (): LiveOpinion => ({
  energy: Number.NaN,
  instant: Number.NaN,
  column: -1,
  expected: Number.NaN,
  scale: Number.NaN,
  period: 0,
});

/** Loads what a trained state needs, once for all that start from it. @throws RangeError on a state that no model takes */
export async function liveModelOf(state: LearnedState, depth = 0): Promise<StartLive> {
  if (depth > 3) throw new RangeError("live model: blends of blends of blends are not made");
  if (state?.kind === "vector") return startVector(state);
  if (state?.kind !== "blend") {
    loadStreamModel(state);
    return (running) => streamLive(state, running);
  }
  const starts: StartLive[] = [];
  for (const part of state.parts) starts.push(await liveModelOf(part, depth + 1));
  return (running) => blendLive(starts.map((start, k) => start(running?.[k] as LiveState | undefined)));
}

const numbers = (state: LiveState | undefined, key: string, length: number): Float64Array | undefined => {
  const held = state?.[key];
  if (held === undefined) return undefined;
  if (!Array.isArray(held) || (length >= 0 && held.length !== length))
    throw new RangeError(`live model: the state has no proper ${key}`);
  return Float64Array.from(held as readonly number[]);
};

/** `StreamModelState`s change in some of their values only: what is as it was trained is not kept again. */
function streamLive(trained: StreamModelState, running?: LiveState): LiveModel {
  const values = running ? { ...trained.values, ...(running as StreamModelState["values"]) } : trained.values;
  const model = loadStreamModel({ ...trained, values });
  const time = new Float64Array(1);
  const one = () => new Float64Array(1);
  const scores = {
    score: one(),
    alarm: one(),
    expected: one(),
    scale: one(),
    period: one(),
    column: new Int32Array(1),
  } satisfies RowScores;
  const same = (a: readonly number[], b: readonly number[] | undefined) =>
    b !== undefined && a.length === b.length && a.every((v, i) => Object.is(v, b[i]));
  return {
    dims: model.dims,
    ask: () => [],
    answer(timeMs, row, _, out) {
      time[0] = timeMs;
      scores.period[0] = 0;
      model.observe(time, row, scores);
      const s = scores.score[0]!;
      const present = row.some(Number.isFinite);
      out.instant = Number.NaN;
      out.energy = present && s > 0 ? s / Math.max(1 - s, NEAR_ONE) : Number.NaN;
      out.column = present ? scores.column[0]! : -1;
      out.expected = scores.expected[0]!;
      out.scale = scores.scale[0]!;
      out.period = scores.period[0]!;
    },
    explain() {},
    save: () =>
      Object.fromEntries(Object.entries(model.save().values).filter(([key, v]) => !same(v, trained.values[key]))),
  };
}

async function startVector(state: VectorRowState): Promise<StartLive> {
  const kind = state.model?.kind;
  if (!Object.hasOwn(vectorModels, kind)) throw new RangeError(`live model: there is no vector model ${kind}`);
  const model = await vectorModels[kind as VectorModelName].load(state.model);
  const { dims, lags, smoothing } = state;
  const base = state.values.base[0] ?? 1;
  if (!(dims >= 1 && lags >= 1 && smoothing >= 1 && base > 0) || model.dims !== dims * lags)
    throw new RangeError(`live model: the model takes ${model.dims} values, not ${dims} columns times ${lags} rows`);
  return (running) => vectorLive(model, state, running);
}

function vectorLive(model: VectorModel, trained: VectorRowState, running?: LiveState): LiveModel {
  const { dims, lags, smoothing } = trained;
  const width = dims * lags;
  const { context } = model;
  const base = trained.values.base[0] ?? 1;
  /** Models of labelled rows give the probability of an incident: its odds are what the others call energy. */
  const odds = (trained as { readonly probability?: boolean }).probability === true;
  const past = numbers(running, "past", (lags - 1) * dims) ?? noPast(dims, lags);
  let before = numbers(running, "context", -1) ?? new Float64Array(0);
  const smooth = numbers(running, "smooth", 2) ?? new Float64Array(2);
  let drift = numbers(running, "drift", 1)?.[0] ?? 0;
  let last = new Float64Array(0);
  return {
    dims,
    ask(_, row) {
      const wide = embed(row, dims, lags, past);
      const all = new Float64Array(before.length + width);
      all.set(before);
      all.set(wide, before.length);
      const keep = context * width;
      before = keep === 0 ? before : all.slice(Math.max(0, all.length - keep));
      last = all;
      return all.length === (context + 1) * width ? [{ model, rows: all }] : [];
    },
    answer(_, __, scores, out) {
      out.column = -1;
      out.expected = out.scale = out.energy = out.instant = Number.NaN;
      out.period = 0;
      const raw = scores[0] ?? Number.NaN;
      if (!Number.isFinite(raw)) return;
      smooth[0]! += (raw - smooth[0]!) / smoothing;
      smooth[1]! += (1 - smooth[1]!) / smoothing;
      const mean = smooth[0]! / smooth[1]!;
      const logOf = (v: number) => {
        const e = odds ? v / Math.max(1 - v, NEAR_ONE) : v / base;
        return Math.max(-MOST_LOG, Math.min(MOST_LOG, Math.log(Math.max(e, LEAST)) - drift));
      };
      const log = logOf(mean);
      out.instant = Math.exp(logOf(raw));
      if (!odds && log < DRIFT_LIMIT) drift += Math.max(-DRIFT_LIMIT, log) / DRIFT_ROWS;
      out.energy = Math.exp(log);
    },
    explain(out) {
      if (last.length !== (context + 1) * width) return;
      const sums = new Float64Array(dims);
      model.contributions(last).forEach((share, k) => {
        sums[k % dims]! += share;
      });
      let best = -1;
      for (let d = 0; d < dims; d++) if (sums[d]! > (best < 0 ? 0 : sums[best]!)) best = d;
      out.column = best;
    },
    save: () => ({
      past: Array.from(past),
      ...(context > 0 ? { context: Array.from(before) } : {}),
      smooth: Array.from(smooth),
      drift: [drift],
    }),
  };
}

/** The mean of the logarithms of the parts' energies; a part without an opinion counts as usual. */
function blendLive(parts: readonly LiveModel[]): LiveModel {
  const dims = parts[0]?.dims;
  if (dims === undefined || parts.some((p) => p.dims !== dims))
    throw new RangeError("live model: a blend needs models, all of the same columns");
  let asked: number[] = [];
  const own = noOpinion();
  return {
    dims,
    ask(timeMs, row) {
      const questions = parts.map((p) => p.ask(timeMs, row));
      asked = questions.map((q) => q.length);
      return questions.flat();
    },
    answer(timeMs, row, scores, out) {
      let [at, logs, opinions, instants, instant] = [0, 0, 0, 0, 0];
      Object.assign(out, noOpinion());
      parts.forEach((part, k) => {
        const count = asked[k] ?? 0;
        part.answer(timeMs, row, Array.prototype.slice.call(scores, at, at + count), own);
        at += count;
        if (!Number.isNaN(own.energy)) {
          logs += Math.log(Math.max(own.energy, NEAR_ONE)) / parts.length;
          opinions++;
        }
        if (!Number.isNaN(own.instant)) {
          instant += Math.log(Math.max(own.instant, NEAR_ONE));
          instants++;
        }
        if (out.column < 0 && own.column >= 0) Object.assign(out, own);
      });
      out.energy = opinions > 0 ? Math.exp(logs) : Number.NaN;
      out.instant = instants > 0 ? Math.exp(instant / instants) : Number.NaN;
    },
    explain(out) {
      for (const part of parts) if (out.column < 0) part.explain(out);
    },
    save: () => Object.fromEntries(parts.map((p, k) => [String(k), p.save()])),
  };
}

/**
 * Scores of questions, each model asked once: rows of many entities in one call, which neural models take in micro-batches.
 * A row scores the same alone as among others, so who asks together does not matter.
 */
export function answerAll(questions: readonly Question[]): Float64Array {
  const out = new Float64Array(questions.length).fill(Number.NaN);
  const byModel = new Map<VectorModel, number[]>();
  questions.forEach(({ model }, i) => {
    const list = byModel.get(model);
    if (list) list.push(i);
    else byModel.set(model, [i]);
  });
  for (const [model, list] of byModel) {
    const size = questions[list[0]!]!.rows.length;
    const rows = new Float64Array(list.length * size);
    list.forEach((i, k) => {
      rows.set(questions[i]!.rows, k * size);
    });
    const scores = model.score(rows);
    const each = size / model.dims;
    list.forEach((i, k) => {
      out[i] = scores[(k + 1) * each - 1]!;
    });
  }
  return out;
}
