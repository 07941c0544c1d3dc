import type { BacktestMeasure, Interval } from "../../core/backtest.ts";
import { nabScore } from "../measures/nab.ts";
import { descending, segments } from "../measures/row-measures.ts";
import { seeded } from "../train/inject.ts";
import { ALARM, type Block, type EventSums, f1Of, precisionOf, type Replayed, recallOf } from "./events.ts";

/** Entities of one model, in the same order and with the same rows for every model. */
export interface Judged {
  readonly replayed: readonly Replayed[];
  readonly blocks: readonly (readonly Block[])[];
}

export interface BootstrapOptions {
  readonly seed: number;
  /** Weeks a unit of the axis, or NaN where it is not known. */
  readonly weekOf: (entity: number) => number;
  /** Ms a unit of the axis, or NaN. */
  readonly msOf: (entity: number) => number;
  readonly replicates?: number;
}

export type Resampled = Partial<Record<BacktestMeasure, Float64Array>>;

const MOST_STEPS = 4e8;
const LEAST_REPLICATES = 100;

/**
 * Draws incidents, each with the quiet time up to the next, with replacement, the same for every model, and measures all
 * again: [replicates] for each measure and model. Entities keep their share in expectation.
 * @see Efron & Tibshirani 1993, "An introduction to the bootstrap"; Künsch 1989, Ann. Statist. 17(3) (blocks)
 */
export function resample(
  models: readonly Judged[],
  { seed, weekOf, msOf, replicates = 1000 }: BootstrapOptions,
): Resampled[] {
  const first = models[0];
  const count = first?.blocks.reduce((n, b) => n + b.length, 0) ?? 0;
  if (!first || count < 2) return models.map(() => ({}));
  const rows = first.replayed.reduce((n, r) => n + r.at.length, 0);
  const draws = Math.max(
    LEAST_REPLICATES,
    Math.min(replicates, Math.floor(MOST_STEPS / Math.max(1, rows * models.length))),
  );
  const ranked = models.map((m) => rankedRows(m));
  const flat = models.map((m) => m.blocks.flatMap((blocks, e) => blocks.map((block) => ({ block, week: weekOf(e) }))));
  const nab = models.map((m) => m.replayed.flatMap((r, e) => nabParts(r, m.blocks[e]!)));
  const delays = models.map((m) => {
    const all = m.blocks.flatMap((blocks, e) => blocks.map((b) => b.delay * msOf(e)));
    // a median of weighted values: sorted once
    return [...all.keys()]
      .filter((k) => !Number.isNaN(all[k]!))
      .sort((a, b) => all[a]! - all[b]!)
      .map((k) => ({ k, ms: all[k]! }));
  });
  const out = models.map(() => ({
    recall: new Float64Array(draws),
    precision: new Float64Array(draws),
    f1: new Float64Array(draws),
    falsePerWeek: new Float64Array(draws),
    timeToDetectMs: new Float64Array(draws),
    nab: new Float64Array(draws),
    pooledAucPr: new Float64Array(draws),
  }));
  const random = seeded(seed);
  const weights = new Float64Array(count);
  for (let r = 0; r < draws; r++) {
    weights.fill(0);
    for (let k = 0; k < count; k++) weights[Math.floor(random() * count)]!++;
    models.forEach((_, m) => {
      const sums: EventSums = { incidents: 0, found: 0, falseIncidents: 0, quiet: 0 };
      flat[m]!.forEach(({ block, week }, k) => {
        const w = weights[k]!;
        if (block.incident) sums.incidents += w;
        if (block.found) sums.found += w;
        sums.falseIncidents += w * block.falseIncidents;
        sums.quiet += w * block.quiet * week;
      });
      const into = out[m]!;
      into.recall[r] = recallOf(sums);
      into.precision[r] = precisionOf(sums);
      into.f1[r] = f1Of(sums);
      // entities run side by side
      into.falsePerWeek[r] = sums.quiet > 0 ? (sums.falseIncidents / sums.quiet) * first.replayed.length : Number.NaN;
      into.timeToDetectMs[r] = weightedMedian(delays[m]!, weights);
      const gained = nab[m]!.reduce((sum, part, k) => sum + weights[k]! * part, 0);
      into.nab[r] = sums.incidents > 0 ? (100 * (gained + sums.incidents)) / (2 * sums.incidents) : Number.NaN;
      into.pooledAucPr[r] = weightedAucPr(ranked[m]!, weights);
    });
  }
  return out;
}

function weightedMedian(sorted: readonly { readonly k: number; readonly ms: number }[], weights: Float64Array): number {
  const total = sorted.reduce((sum, { k }) => sum + weights[k]!, 0);
  let seen = 0;
  for (const { k, ms } of sorted) {
    seen += weights[k]!;
    if (total > 0 && 2 * seen >= total) return ms;
  }
  return Number.NaN;
}

/** What each block adds to the sum of the standard NAB score: its incident, and the alarms after it. */
export function nabParts({ alarm, labels }: Replayed, blocks: readonly Block[]): number[] {
  return blocks.map(({ from, to }) => {
    const windows = segments(labels.subarray(from, to));
    return nabScore([{ score: alarm.subarray(from, to), windows, from: 0 }], ALARM).sum;
  });
}

interface Ranked {
  /** Block, label and whether a lower score follows, by falling score. */
  readonly block: Uint32Array;
  readonly label: Uint8Array;
  readonly last: Uint8Array;
}

function rankedRows({ replayed, blocks }: Judged): Ranked {
  const n = replayed.reduce((s, r) => s + r.at.length, 0);
  const score = new Float64Array(n);
  const labels = new Uint8Array(n);
  const owner = new Uint32Array(n);
  let [at, id] = [0, 0];
  replayed.forEach((r, e) => {
    score.set(r.score, at);
    labels.set(r.labels, at);
    for (const { from, to } of blocks[e]!) owner.fill(id++, at + from, at + to);
    at += r.at.length;
  });
  const order = descending(score);
  return {
    block: Uint32Array.from(order, (i) => owner[i]!),
    label: Uint8Array.from(order, (i) => labels[i]!),
    last: Uint8Array.from(order, (i, k) => (k + 1 < n && score[order[k + 1]!] === score[i] ? 0 : 1)),
  };
}

function weightedAucPr({ block, label, last }: Ranked, weights: Float64Array): number {
  let [hits, rows, before, area] = [0, 0, 0, 0];
  for (let k = 0; k < block.length; k++) {
    const w = weights[block[k]!]!;
    rows += w;
    if (label[k] === 1) hits += w;
    if (last[k] === 1 && rows > 0) {
      area += (hits - before) * (hits / rows);
      before = hits;
    }
  }
  return hits > 0 ? area / hits : Number.NaN;
}

/** Middle 95 % of the finite values; null with fewer than 20. */
export function interval95(values: Float64Array | undefined): Interval | null {
  const sorted = values?.filter(Number.isFinite).sort();
  if (!sorted || sorted.length < 20) return null;
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
  return { low: at(0.025), high: at(0.975) };
}
