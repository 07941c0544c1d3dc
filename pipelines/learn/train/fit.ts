import { blend } from "../../../models/learned/blend.ts";
import { embed, noPast } from "../../../models/learned/embed.ts";
import type { LearnedModel } from "../../../models/learned/learned-model.ts";
import { vectorRowModel } from "../../../models/learned/vector-row-model.ts";
import type { VectorModel } from "../../../models/linear/vector.ts";
import { streamModel } from "../../../models/stream/model.ts";
import { type Teachable, vectorModels } from "../../../models/vector-model.ts";
import { type EntityHistory, labelsOf, slice } from "../../core/history.ts";
import { type Candidate, learnsLabels, type VectorCandidate } from "./candidate.ts";

/** Rows that a vector model learns from at most: spread evenly, so that every season is among them. */
const MOST_ROWS = 10_000;
/** The last rows, from which its scale and alarms learn. */
const SCALE_ROWS = 20_000;

/**
 * A model of the history's rows, labelled ones left out or told apart; the next row it sees need not follow on the last.
 * Same history, candidate and seed: the same model. @throws RangeError where the rows are too few for it
 */
export async function fitCandidate(candidate: Candidate, history: EntityHistory, seed: number): Promise<LearnedModel> {
  if (candidate.kind === "blend") {
    const parts: LearnedModel[] = [];
    for (const part of candidate.parts) parts.push(await fitCandidate(part, history, seed));
    return blend(parts);
  }
  const dims = history.columns.length;
  const labels = labelsOf(history);
  if (candidate.kind === "stream") {
    const model = streamModel(dims);
    model.fit(history.timesMs, withoutIncidents(history.values, dims, labels));
    return model;
  }
  return fitVector(candidate, history, labels, seed);
}

/** A gap teaches nothing. */
function withoutIncidents(values: Float64Array, dims: number, labels: Uint8Array): Float64Array {
  if (!labels.includes(1)) return values;
  const out = values.slice();
  labels.forEach((label, i) => {
    if (label === 1) out.fill(Number.NaN, i * dims, (i + 1) * dims);
  });
  return out;
}

/** Share of rows that a model of labels learns from when its probabilities of the rest are looked at. */
const TAUGHT_SHARE = 0.7;

async function fitVector(
  c: VectorCandidate,
  h: EntityHistory,
  labels: Uint8Array,
  seed: number,
): Promise<LearnedModel> {
  const dims = h.columns.length;
  const judge = learnsLabels(c.model) ? "probability" : "level";
  const form = { dims, lags: c.lags, smoothing: c.smoothing, judge } as const;
  const model = await taught(c, h, labels, seed);
  const last = (from: number) => {
    const at = Math.max(from, h.at.length - SCALE_ROWS);
    return [h.timesMs.subarray(at), withoutIncidents(h.values, dims, labels).subarray(at * dims)] as const;
  };
  const learned = vectorRowModel(model, form);
  // networks hold rows out by themselves
  if ((await vectorModels[c.model].tuning()).cost === "slow") {
    learned.fit(...last(0));
    return learned;
  }
  // the rows that taught it look quieter than any other: what is usual is learned from rows that it had not seen
  const cut = Math.floor(TAUGHT_SHARE * h.at.length);
  try {
    const early = await taught(c, slice(h, 0, cut), labels.subarray(0, cut), seed);
    const honest = vectorRowModel(early, form);
    honest.fit(...last(cut));
    return vectorRowModel(model, form, honest.save());
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    learned.fit(...last(0));
    return learned;
  }
}

async function taught(c: VectorCandidate, h: EntityHistory, labels: Uint8Array, seed: number): Promise<VectorModel> {
  const dims = h.columns.length;
  const width = dims * c.lags;
  const wide = embed(h.values, dims, c.lags, noPast(dims, c.lags));
  const byLabels = learnsLabels(c.model);
  const usable: number[] = [];
  // the first rows have no past; rows just after an incident have it in theirs
  let sinceIncident = c.lags;
  for (let i = 0; i < labels.length; i++) {
    sinceIncident = labels[i] === 1 ? 0 : sinceIncident + 1;
    if (i >= c.lags - 1 && ((byLabels && labels[i] === 1) || sinceIncident >= c.lags)) usable.push(i);
  }
  const chosen = byLabels ? usable : evenly(usable, MOST_ROWS);
  const rows = new Float64Array(chosen.length * width);
  chosen.forEach((i, k) => {
    rows.set(wide.subarray(i * width, (i + 1) * width), k * width);
  });
  // every kind takes the options of its own grid: a test goes through all of them
  const kind: Teachable<never> = vectorModels[c.model];
  const own = byLabels ? Uint8Array.from(chosen, (i) => labels[i]!) : undefined;
  return kind.fit(rows, width, { ...c.options, seed } as never, own);
}

function evenly(items: readonly number[], most: number): readonly number[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!);
}
