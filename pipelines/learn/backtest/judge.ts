import type {
  BacktestDifference,
  BacktestMeasure,
  BacktestModel,
  EntityResult,
  Measured,
} from "../../core/backtest.ts";
import { nabScore } from "../measures/nab.ts";
import { aucPr, bestF1, descending, rangeF1, segments, vusPr } from "../measures/row-measures.ts";
import { interval95, type Judged, type Resampled, resample } from "./bootstrap.ts";
import { ALARM, blocksOf, type EventSums, f1Of, precisionOf, type Replayed, recallOf } from "./events.ts";

export interface JudgeOptions {
  /** Alarms no further apart than this are one incident, on each entity's axis. */
  readonly mergeOf: (axis: "time" | "row") => number;
  /** Ms a unit of the axis; NaN where it is not known. */
  readonly unitMs: (axis: "time" | "row") => number;
  readonly seed: number;
}

export interface ModelRun {
  readonly label: string;
  readonly chosen: string;
  /** Same entities and rows for every model. */
  readonly replayed: readonly Replayed[];
  readonly drift: readonly EntityResult["drift"][];
}

const WEEK_MS = 7 * 86_400_000;
/** Beyond this the volume would take minutes. */
const MOST_VUS_ROWS = 200_000;
const CURVE_POINTS = 200;

const mean = (xs: readonly (number | null)[]) => {
  const known = xs.filter((x): x is number => x !== null && Number.isFinite(x));
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : null;
};
const median = (xs: readonly number[]) => {
  const s = [...xs].sort((a, b) => a - b);
  return s.length === 0 ? null : (s[(s.length - 1) >> 1]! + s[s.length >> 1]!) / 2;
};
const finite = (v: number) => (Number.isFinite(v) ? v : null);

/** Measures of every model, and which differences to the first are more than noise. */
export function judge(
  runs: readonly ModelRun[],
  options: JudgeOptions,
): { models: BacktestModel[]; differences: BacktestDifference[]; replicates: number } {
  const judged: Judged[] = runs.map(({ replayed }) => ({
    replayed,
    blocks: replayed.map((r) => blocksOf(r, { merge: options.mergeOf(r.axis) })),
  }));
  const axes = runs[0]?.replayed.map((r) => r.axis) ?? [];
  const resampled = resample(judged, {
    seed: options.seed,
    weekOf: (e) => options.unitMs(axes[e]!) / WEEK_MS,
    msOf: (e) => options.unitMs(axes[e]!),
  });
  const models = runs.map((run, m) => modelOf(run, judged[m]!, resampled[m]!, options));
  return {
    models,
    differences: differencesOf(models, resampled),
    replicates: resampled[0]?.recall?.length ?? 0,
  };
}

function modelOf(run: ModelRun, { replayed, blocks }: Judged, draws: Resampled, options: JudgeOptions): BacktestModel {
  const sums: EventSums = { incidents: 0, found: 0, falseIncidents: 0, quiet: 0 };
  const delays: number[] = [];
  const entities = replayed.map((r, e): EntityResult & { rowF1: number | null } => {
    const own = blocks[e]!;
    const unit = options.unitMs(r.axis);
    const late = own.filter((b) => b.found).map((b) => b.delay * unit);
    delays.push(...late);
    const result = {
      incidents: own.filter((b) => b.incident).length,
      found: own.filter((b) => b.found).length,
      falseIncidents: own.reduce((n, b) => n + b.falseIncidents, 0),
    };
    const quiet = own.reduce((n, b) => n + b.quiet, 0) * unit;
    sums.incidents += result.incidents;
    sums.found += result.found;
    sums.falseIncidents += result.falseIncidents;
    sums.quiet += quiet;
    const judgeable = result.incidents > 0 && r.labels.includes(0);
    const row = (of: () => number) => (judgeable ? finite(of()) : null);
    return {
      entity: r.entity,
      ...result,
      recall: finite(recallOf({ ...result, quiet })),
      precision: finite(precisionOf({ ...result, quiet })),
      f1: finite(f1Of({ ...result, quiet })),
      falsePerWeek: quiet > 0 ? (result.falseIncidents / quiet) * WEEK_MS : null,
      medianDelayMs: finite(median(late) ?? Number.NaN),
      nab: finite(nabOf([r])),
      aucPr: row(() => aucPr(r.labels, r.score)),
      vusPr: r.at.length > MOST_VUS_ROWS ? null : row(() => vusPr(r.labels, r.score)),
      rangeF1: row(() => rangeF1(r.labels, r.score)),
      rowF1: row(() => bestF1(r.labels, r.score).f1),
      drift: run.drift[e] ?? null,
    };
  });
  const curve = curveOf(replayed);
  const one = (value: number | null, draws?: Float64Array): Measured => ({ value, interval: interval95(draws) });
  const measures: Record<BacktestMeasure, Measured> = {
    recall: one(finite(recallOf(sums)), draws.recall),
    precision: one(finite(precisionOf(sums)), draws.precision),
    f1: one(finite(f1Of(sums)), draws.f1),
    falsePerWeek: one(
      sums.quiet > 0 ? (sums.falseIncidents / sums.quiet) * WEEK_MS * replayed.length : null,
      draws.falsePerWeek,
    ),
    timeToDetectMs: one(finite(median(delays) ?? Number.NaN), draws.timeToDetectMs),
    nab: one(finite(nabOf(replayed)), draws.nab),
    pooledAucPr: one(curve.area, draws.pooledAucPr),
    aucPr: one(mean(entities.map((e) => e.aucPr))),
    vusPr: one(mean(entities.map((e) => e.vusPr))),
    rowF1: one(mean(entities.map((e) => e.rowF1))),
    rangeF1: one(mean(entities.map((e) => e.rangeF1))),
  };
  const { incidents, found, falseIncidents } = sums;
  return {
    label: run.label,
    chosen: run.chosen,
    measures,
    incidents,
    found,
    falseIncidents,
    entities: entities.map(({ rowF1: _, ...e }) => e),
    curve: curve.points,
  };
}

/** At the alarms that were raised. */
const nabOf = (replayed: readonly Replayed[]) =>
  nabScore(
    replayed.map((r) => ({ score: r.alarm, windows: segments(r.labels), from: 0 })),
    ALARM,
  ).score;

function curveOf(replayed: readonly Replayed[]): { area: number | null; points: [number, number][] } {
  const n = replayed.reduce((s, r) => s + r.at.length, 0);
  const [score, labels] = [new Float64Array(n), new Uint8Array(n)];
  let at = 0;
  for (const r of replayed) {
    score.set(r.score, at);
    labels.set(r.labels, at);
    at += r.at.length;
  }
  const positives = labels.reduce((a, b) => a + b, 0);
  if (positives === 0) return { area: null, points: [] };
  const order = descending(score);
  const points: [number, number][] = [];
  let hits = 0;
  order.forEach((i, k) => {
    hits += labels[i]!;
    if (k + 1 < n && score[order[k + 1]!] === score[i]) return;
    const recall = hits / positives;
    if (recall - (points.at(-1)?.[0] ?? -1) >= 1 / CURVE_POINTS || k + 1 === n) points.push([recall, hits / (k + 1)]);
  });
  return { area: finite(aucPr(labels, score)), points };
}

function differencesOf(models: readonly BacktestModel[], resampled: readonly Resampled[]): BacktestDifference[] {
  const [base, ...others] = models;
  if (!base) return [];
  return others.flatMap((model, k) =>
    (["f1", "recall", "precision", "falsePerWeek", "timeToDetectMs", "nab", "pooledAucPr"] as const).flatMap(
      (measure) => {
        const [mine, theirs] = [resampled[k + 1]![measure], resampled[0]![measure]];
        const [a, b] = [model.measures[measure].value, base.measures[measure].value];
        const interval = mine && theirs ? interval95(mine.map((v, r) => v - theirs[r]!)) : null;
        if (a === null || b === null || !interval) return [];
        const withinNoise = interval.low <= 0 && interval.high >= 0;
        return [{ measure, model: model.label, against: base.label, difference: a - b, interval, withinNoise }];
      },
    ),
  );
}
