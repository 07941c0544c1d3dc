/** Chooses among candidates by cross-validation in time, within a budget, going on where an earlier search ended. */
import type { EntityHistory } from "../../core/history.ts";
import { labelsOf, slice } from "../../core/history.ts";
import { aucPr, vusPr } from "../measures/row-measures.ts";
import type { TrialResult } from "../registry/manifest.ts";
import { blendOf, type Candidate, candidatesFor } from "./candidate.ts";
import { fitCandidate } from "./fit.ts";
import { type Fold, mergedIncidents, timeFolds } from "./folds.ts";
import { withInjectedFaults } from "./inject.ts";

export interface Trial {
  readonly id: string;
  /** The measure for each entity and fold, in order. */
  readonly units: readonly number[];
  readonly error?: string;
}

export interface Journal {
  get(id: string): Trial | undefined;
  put(trial: Trial): Promise<void>;
}

export interface SearchOptions {
  readonly entities: readonly EntityHistory[];
  readonly seed: number;
  readonly budgetMs: number;
  /** Candidates tried at most; without it, all that the budget allows. */
  readonly mostTrials?: number | undefined;
  readonly now: () => number;
  readonly journal?: Journal | undefined;
  readonly progress?: (done: number, of: number, trial: Trial) => void;
}

export interface SearchResult {
  readonly chosen: Candidate;
  readonly why: string;
  readonly trials: readonly TrialResult[];
  readonly folds: number;
  readonly supervised: boolean;
  readonly complete: boolean;
  readonly measure: string;
}

interface Unit {
  readonly history: EntityHistory;
  readonly fold: Fold;
  readonly test: EntityHistory;
}

/** Entities that trials are made on at most; the final fit is of all. */
const MOST_ENTITIES = 8;
/** The volume takes a hundred times as long as the area. */
const MOST_VUS_ROWS = 60_000;
/** Gain that few units can't show by chance. */
const FEW_UNITS = 3;
const FEW_MARGIN = 0.05;

/**
 * The statistical scorer is kept unless another is better by more than the standard error of the difference.
 * @see Breiman et al. 1984, "Classification and regression trees" (the one-standard-error rule)
 */
export async function search(options: SearchOptions): Promise<SearchResult> {
  const { entities, seed, budgetMs, now, journal, progress = () => {} } = options;
  const { units, supervised } = unitsOf(entities, seed);
  const measure = units.every((u) => u.test.at.length <= MOST_VUS_ROWS) ? "VUS-PR" : "AUC-PR";
  const folds = new Set(units.map((u) => u.fold.cut)).size;
  const dims = Math.max(...entities.map((e) => e.columns.length));
  const labelled = supervised && units.some((u) => mergedIncidents(slice(u.history, 0, u.fold.cut)).length > 0);
  const all = candidatesFor(dims, labelled);
  const most = Math.max(1, Math.min(options.mostTrials ?? all.length + 1, all.length + 1));
  const started = now();
  const done = new Map<string, { candidate: Candidate; trial: Trial }>();
  let complete = true;
  const run = async (candidate: Candidate) => {
    const trial = journal?.get(candidate.id) ?? (await tried(candidate, units, seed, measure));
    await journal?.put(trial);
    done.set(candidate.id, { candidate, trial });
    progress(done.size, most, trial);
  };
  const [statistics, ...others] = all as [Candidate, ...Candidate[]];
  await run(statistics);
  if (units.length > 0) {
    for (const candidate of others.slice(0, most - 1)) {
      // what an earlier search found costs nothing
      if (now() - started >= budgetMs && !journal?.get(candidate.id)) {
        complete = false;
        break;
      }
      await run(candidate);
    }
    const best = ranked([...done.values()].filter((d) => d.candidate.kind === "vector"))[0];
    if (best && done.size < most && complete) await run(blendOf([statistics, best.candidate]));
    if (options.mostTrials !== undefined && options.mostTrials < all.length) complete = false;
  }
  const [base, top] = [done.get(statistics.id)!, ranked([...done.values()])[0]];
  const { chosen, why } = choose(base, top, units.length, measure);
  const trials = [...done.values()].map(({ trial }) => summary(trial));
  return { chosen, why, trials, folds, supervised, complete, measure };
}

const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
const standardError = (xs: readonly number[]) => {
  const m = mean(xs);
  return xs.length > 1 ? Math.sqrt(xs.reduce((s, x) => s + (x - m) ** 2, 0) / (xs.length - 1) / xs.length) : null;
};

type Done = { candidate: Candidate; trial: Trial };
const ranked = (trials: readonly Done[]) =>
  trials
    .filter(({ trial }) => trial.error === undefined && trial.units.length > 0)
    .sort((a, b) => mean(b.trial.units) - mean(a.trial.units));

function choose(base: Done, top: Done | undefined, units: number, measure: string) {
  const keep = (why: string) => ({ chosen: base.candidate, why });
  if (units === 0) return keep("there are too few rows to judge by: statistics, which need no choice");
  if (!top || top.candidate.id === base.candidate.id) return keep(`no candidate had a higher ${measure}`);
  const gains = top.trial.units.map((v, u) => v - (base.trial.units[u] ?? 0));
  const gain = mean(gains);
  const margin = units < FEW_UNITS ? FEW_MARGIN : (standardError(gains) ?? FEW_MARGIN);
  const by = `${top.candidate.id} had ${measure} ${gain >= 0 ? "+" : ""}${gain.toFixed(3)} against statistics`;
  return gain > margin
    ? { chosen: top.candidate, why: `${by}, more than the standard error ${margin.toFixed(3)}` }
    : keep(`${by}, within the standard error ${margin.toFixed(3)}: the simpler is kept`);
}

function summary({ id, units, error }: Trial): TrialResult {
  return {
    id,
    mean: units.length > 0 ? mean(units) : null,
    standardError: units.length > 0 ? standardError(units) : null,
    units: units.length,
    ...(error === undefined ? {} : { error }),
  };
}

/** What candidates are judged on. Where no incident is known, the judged part of each fold gets faults. */
function unitsOf(entities: readonly EntityHistory[], seed: number): { units: Unit[]; supervised: boolean } {
  const withIncidents = entities.filter((e) => e.incidents.length > 0);
  const pick = (from: readonly EntityHistory[]) =>
    from.length <= MOST_ENTITIES
      ? from
      : Array.from({ length: MOST_ENTITIES }, (_, k) => from[Math.floor((k * from.length) / MOST_ENTITIES)]!);
  const make = (from: readonly EntityHistory[], inject: boolean): Unit[] =>
    from.flatMap((history, e) =>
      timeFolds(history).flatMap((fold, k) => {
        const part = slice(history, fold.cut, fold.end);
        const test = inject ? withInjectedFaults(part, seed + 7919 * e + k) : part;
        const labels = labelsOf(test);
        return labels.includes(1) && labels.includes(0) ? [{ history, fold, test }] : [];
      }),
    );
  const known = make(pick(withIncidents), false);
  if (known.length > 0) return { units: known, supervised: true };
  return { units: make(pick(entities), true), supervised: false };
}

async function tried(candidate: Candidate, units: readonly Unit[], seed: number, measure: string): Promise<Trial> {
  const values: number[] = [];
  for (const { history, fold, test } of units) {
    try {
      const model = await fitCandidate(candidate, slice(history, 0, fold.cut), seed);
      const n = test.at.length;
      const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
      model.observe(test.timesMs, test.values, out);
      const labels = labelsOf(test);
      values.push(measure === "VUS-PR" ? vusPr(labels, out.score) : aucPr(labels, out.score));
    } catch (error) {
      // too few rows, or no incident before the cut: not for this history
      if (!(error instanceof RangeError)) throw error;
      return { id: candidate.id, units: [], error: error.message };
    }
  }
  return { id: candidate.id, units: values };
}
