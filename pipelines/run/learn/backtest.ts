/** `faultwright backtest`: history through the models that `score` runs, row by row, judged against known incidents. */
import { type LearnedModel, loadLearned } from "../../../models/learned/learned-model.ts";
import { type StreamModel, streamModel } from "../../../models/stream/model.ts";
import type { BacktestReport, BacktestTimeline, EntityResult } from "../../core/backtest.ts";
import { PipelineError } from "../../core/errors.ts";
import { type EntityHistory, firstAt, labelsOf, slice } from "../../core/history.ts";
import type { Replayed } from "../../learn/backtest/events.ts";
import { judge, type ModelRun } from "../../learn/backtest/judge.ts";
import { segments } from "../../learn/measures/row-measures.ts";
import { fingerprintOf } from "../../learn/train/train.ts";
import { measureDrift } from "./models.ts";
import { type HistoryInput, inputName, readInput } from "./read-input.ts";
import { columnPlaces, type OpenedVersion, openVersion, trainedEntity } from "./registered-model.ts";

export interface BacktestOptions extends HistoryInput {
  /** References; "statistics" is the untrained scorer. The first is what others are compared with. */
  readonly models: readonly string[];
  /** Rows at the start of each entity that no model is judged on; by default 15 %, at most 750, where one starts cold. */
  readonly warmup?: number | undefined;
  /** Ms a row of files whose times are row numbers. */
  readonly stepMs?: number | undefined;
  /** Alarms no further apart than this are one incident. */
  readonly mergeMs: number;
  readonly dataDir: string;
  readonly seed: number;
  readonly now: () => number;
  readonly say: (note: string) => void;
}

const STATISTICS = "statistics";
const MERGE_ROWS = 30;
const MOST_TIMELINES = 6;
const TIMELINE_POINTS = 600;

interface Contender {
  readonly label: string;
  readonly chosen: string;
  readonly version: OpenedVersion | undefined;
}

/** @throws PipelineError on unfit input, an unknown or damaged version, or where no row is left to judge */
export async function backtest(options: BacktestOptions): Promise<BacktestReport> {
  const { dataDir, now, stepMs } = options;
  const input = inputName(options);
  const notes: string[] = [];
  const note = (text: string) => {
    notes.push(text);
    options.say(text);
  };
  const histories = await readInput({ ...options, say: note }, "test");
  const contenders: Contender[] = [];
  for (const reference of options.models.length > 0 ? options.models : [STATISTICS]) {
    const version = reference === STATISTICS ? undefined : await openVersion(reference, { dataDir, now });
    const label = version?.label ?? STATISTICS;
    contenders.push({ label, chosen: version?.manifest.chosen.id ?? "untrained statistics", version });
  }
  const runs = contenders.map((c) => ({
    label: c.label,
    chosen: c.chosen,
    replayed: [] as Replayed[],
    drift: [] as EntityResult["drift"][],
  }));
  for (const history of histories) {
    const starts = contenders.map((c) => ({ c, from: unseenFrom(c.version, history) }));
    const cold = contenders.some((c) => !usable(c.version, history));
    const warmup = options.warmup ?? (cold ? Math.min(Math.floor(0.15 * history.at.length), 750) : 0);
    const allLabels = labelsOf(history);
    let judgedFrom = Math.max(warmup, ...starts.map((s) => s.from));
    // an incident that began before can't be found at its start
    if (judgedFrom > 0 && allLabels[judgedFrom - 1] === 1)
      while (allLabels[judgedFrom] === 1 && startedBefore(history, judgedFrom)) judgedFrom++;
    if (judgedFrom >= history.at.length) {
      note(`${history.entity}: a model learned from all of its rows; it is not judged`);
      continue;
    }
    if (judgedFrom > warmup)
      note(`${history.entity}: the first ${judgedFrom} rows are not judged: a model learned from them`);
    const labels = allLabels.slice(judgedFrom);
    for (const [k, { c, from }] of starts.entries()) {
      const part = slice(history, from, history.at.length);
      const out = await replay(c, part, note);
      const drop = judgedFrom - from;
      const score = out.score.subarray(drop);
      runs[k]!.replayed.push({
        entity: history.entity,
        axis: history.axis,
        at: history.at.subarray(judgedFrom),
        labels,
        score,
        alarm: out.alarm.subarray(drop),
      });
      const late = slice(history, judgedFrom, history.at.length);
      const drift = c.version && (await measureDrift(c.version, late, score));
      runs[k]!.drift.push(
        drift ? drift.columns.filter((d) => d.psi >= 0.1).map(({ name, psi, level }) => ({ name, psi, level })) : null,
      );
    }
  }
  const replayed = runs[0]!.replayed;
  if (replayed.length === 0)
    throw new PipelineError("INPUT_INVALID", input, {
      detail: "no row is left to judge: the models learned from all of them",
      hint: "give later rows, or train with --until",
    });
  const unitMs = (axis: "time" | "row") => (axis === "time" ? 1 : (stepMs ?? Number.NaN));
  const mergeOf = (axis: "time" | "row") =>
    axis === "time" ? options.mergeMs : stepMs === undefined ? MERGE_ROWS : options.mergeMs / stepMs;
  if (replayed.some((r) => r.axis === "row") && stepMs === undefined)
    note("times are row numbers: give --step for times to detect and false incidents a week");
  const { models, differences, replicates } = judge(runs, { mergeOf, unitMs, seed: options.seed });
  const count = models[0]!.incidents;
  if (count === 0) note("no incident is known in the judged rows: only false incidents can be counted");
  else if (count < 10) note(`${count} incidents are few: intervals are wide, and may be wider than shown`);
  const span = replayed.reduce((sum, r) => sum + (r.at.at(-1)! - r.at[0]!) * unitMs(r.axis), 0);
  return {
    rows: replayed.reduce((n, r) => n + r.at.length, 0),
    weeks: Number.isFinite(span) ? span / (7 * 86_400_000) : null,
    incidents: count,
    replicates,
    models,
    differences,
    timelines: timelinesOf(runs),
    notes,
  };
}

/** First row that the version has not learned from. */
function unseenFrom(version: OpenedVersion | undefined, history: EntityHistory): number {
  const trained = version && trainedEntity(version, history.entity);
  if (!trained) return 0;
  if (trained.axis === "time" && history.axis === "time" && trained.to !== null) {
    let from = firstAt(history.at, trained.to);
    while (from < history.at.length && history.at[from] === trained.to) from++;
    return from;
  }
  // row numbers begin anew in every file: only the rows themselves tell whether they are those of the training
  return fingerprintOf(history) === trained.fingerprint ? Math.min(trained.rows, history.at.length) : 0;
}

/** Whether a row belongs to an incident that holds the row before it too. */
const startedBefore = ({ at, incidents }: EntityHistory, row: number): boolean =>
  incidents.some((i) => i.start <= at[row - 1]! && i.end > at[row]!);

function usable(version: OpenedVersion | undefined, history: EntityHistory): boolean {
  const trained = version && trainedEntity(version, history.entity);
  return trained !== undefined && columnPlaces(trained, history.columns) !== undefined;
}

async function replay({ label, version }: Contender, h: EntityHistory, say: (note: string) => void) {
  const [n, width] = [h.at.length, h.columns.length];
  const trained = version && trainedEntity(version, h.entity);
  const from = trained && columnPlaces(trained, h.columns);
  const state = trained && version?.states[trained.entity];
  let model: LearnedModel | StreamModel = streamModel(width);
  let values = h.values;
  if (state && from) {
    model = await loadLearned(state);
    values = new Float64Array(n * from.length);
    for (let i = 0; i < n; i++)
      for (let k = 0; k < from.length; k++) values[i * from.length + k] = h.values[i * width + from[k]!]!;
  } else if (version)
    say(`${h.entity}: ${label} has no model for it; it is replayed through statistics from a cold start`);
  const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
  model.observe(h.timesMs, values, out);
  return out;
}

/** The entities with most incidents, thinned to what a chart can show. */
function timelinesOf(runs: readonly ModelRun[]): BacktestTimeline[] {
  const first = runs[0]!.replayed;
  const order = first
    .map((r, e) => ({ e, incidents: segments(r.labels).length }))
    .sort((a, b) => b.incidents - a.incidents || a.e - b.e)
    .slice(0, MOST_TIMELINES);
  return order.map(({ e }) => {
    const r = first[e]!;
    const n = r.at.length;
    const step = Math.max(1, Math.ceil(n / TIMELINE_POINTS));
    return {
      entity: r.entity,
      axis: r.axis,
      from: r.at[0]!,
      to: r.at[n - 1]!,
      incidents: segments(r.labels).map(([a, b]) => [r.at[a]!, r.at[Math.min(b + 1, n - 1)]!] as const),
      models: runs.map((run) => {
        const { score, alarm } = run.replayed[e]!;
        const points: [number, number][] = [];
        for (let i = 0; i < n; i += step)
          points.push([r.at[i]!, score.subarray(i, i + step).reduce((a, b) => Math.max(a, b), 0)]);
        return {
          label: run.label,
          score: points,
          alarms: Array.from(alarm.keys())
            .filter((i) => alarm[i]! >= 0.5)
            .map((i) => r.at[i]!),
        };
      }),
    };
  });
}
