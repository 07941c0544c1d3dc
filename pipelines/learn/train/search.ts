/** Chooses among candidates by cross-validation in time, within a budget, going on where an earlier search ended. */
import type { EntityHistory } from "../../core/history.ts";
import { labelsOf, slice } from "../../core/history.ts";
import { aucPr, vusPr } from "../measures/row-measures.ts";
import type { TrialResult } from "../registry/manifest.ts";
import { blendOf, type Candidate, type CandidateKind, candidatesFor } from "./candidate.ts";
import { fitCandidate } from "./fit.ts";
import { type Fold, mergedIncidents, timeFolds } from "./folds.ts";
import { withInjectedFaults } from "./inject.ts";

/** A candidate on the entities and folds so far: a trial that was stopped goes on where it was. */
export interface Trial {
  readonly id: string;
  /** The measure for each entity and fold, in order; null where it could not learn: no incident before the cut, too few rows. */
  readonly units: readonly (number | null)[];
  /** Why it could not, the first time. */
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
  /** Only these kinds: the best of them is chosen, statistics only where they are among them. */
  readonly kinds?: readonly CandidateKind[] | undefined;
  /** Candidates tried at most; without it, all that the budget allows. */
  readonly mostTrials?: number | undefined;
  readonly now: () => number;
  readonly journal?: Journal | undefined;
  readonly progress?: (progress: SearchProgress) => void;
}

export interface SearchProgress {
  /** Trials made, and to make at most; a trial's part in the first. */
  readonly done: number;
  readonly of: number;
  readonly trial: Trial;
  readonly elapsedMs: number;
  readonly budgetMs: number;
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
/** Standard errors by which another must be better than statistics; of faults that were put in, which real ones may not resemble. */
const ERRORS_REAL = 1;
const ERRORS_INJECTED = 2.5;

/**
 * The statistical scorer is kept unless another is better by more than the standard error of the difference, by 2.5 of them
 * without known incidents: of two choices by one, on machines whose incidents were then looked at, both were for the worse.
 * @throws RangeError where `kinds` were asked for and none of them can learn from these rows
 * @see Breiman et al. 1984, "Classification and regression trees" (the one-standard-error rule)
 */
export async function search(options: SearchOptions): Promise<SearchResult> {
  const { entities, seed, budgetMs, now, journal, kinds, progress = () => {} } = options;
  const { units, supervised } = unitsOf(entities, seed);
  const measure = units.every((u) => u.test.at.length <= MOST_VUS_ROWS) ? "VUS-PR" : "AUC-PR";
  const folds = new Set(units.map((u) => u.fold.cut)).size;
  const dims = Math.max(...entities.map((e) => e.columns.length));
  const labelled = supervised && units.some((u) => mergedIncidents(slice(u.history, 0, u.fold.cut)).length > 0);
  const all = (await candidatesFor(dims, labelled)).filter(
    (c) => c.kind !== "vector" || !kinds || kinds.includes(c.model),
  );
  const most = Math.max(1, Math.min(options.mostTrials ?? all.length + 1, all.length + 1));
  const started = now();
  const outOfTime = () => now() - started >= budgetMs;
  const done: Done[] = [];
  let complete = true;
  /** False where the budget ended it. Whether time is left is asked before each fit; what an earlier search found is free. */
  const run = async (candidate: Candidate, must = false): Promise<boolean> => {
    let trial: Trial = journal?.get(candidate.id) ?? { id: candidate.id, units: [] };
    const tell = () => {
      const part = units.length > 0 ? trial.units.length / units.length : 1;
      progress({ done: done.length + part, of: most, trial, elapsedMs: now() - started, budgetMs });
    };
    for (let u = trial.units.length; u < units.length; u++) {
      if (!must && outOfTime()) return false;
      trial = await withUnit(trial, candidate, units[u]!, seed, measure);
      await journal?.put(trial);
      tell();
    }
    tell();
    done.push({ candidate, trial });
    return true;
  };
  const [statistics, ...others] = all as [Candidate, ...Candidate[]];
  await run(statistics, true);
  const base = done[0]!;
  if (units.length > 0) {
    for (const candidate of others.slice(0, most - 1)) {
      if (await run(candidate)) continue;
      complete = false;
      break;
    }
    const best = ranked(done, base).find((d) => d.candidate.kind === "vector");
    if (best && done.length < most && complete && !kinds) complete = await run(blendOf([statistics, best.candidate]));
    if (options.mostTrials !== undefined && options.mostTrials < all.length) complete = false;
  }
  const { chosen, why } =
    kinds && !kinds.includes("statistics")
      ? chooseAmong(kinds, all, done, base, measure)
      : choose(base, ranked(done, base)[0], {
          units: units.length,
          measure,
          errors: supervised ? ERRORS_REAL : ERRORS_INJECTED,
        });
  const trials = done.map(({ trial }) => summary(trial, base.trial));
  return { chosen, why, trials, folds, supervised, complete, measure };
}

const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
const standardError = (xs: readonly number[]) => {
  const m = mean(xs);
  return xs.length > 1 ? Math.sqrt(xs.reduce((s, x) => s + (x - m) ** 2, 0) / (xs.length - 1) / xs.length) : null;
};
const known = (units: readonly (number | null)[]) => units.filter((v): v is number => v !== null);

type Done = { readonly candidate: Candidate; readonly trial: Trial };

/** Against the statistics of the same entities and folds: others may be easier. */
function gainsOf(trial: Trial, base: Trial): number[] {
  return trial.units.flatMap((v, u) => {
    const b = base.units[u];
    return v === null || b === null || b === undefined ? [] : [v - b];
  });
}

/** By gain. What could learn on less than half of the entities and folds has shown too little to be chosen. */
function ranked(trials: readonly Done[], base: Done, leastShare = 0.5): Done[] {
  return trials
    .map((d) => ({ d, gains: gainsOf(d.trial, base.trial) }))
    .filter(({ gains }) => gains.length > 0 && gains.length >= leastShare * base.trial.units.length)
    .map(({ d, gains }) => ({ d, gain: mean(gains) }))
    .sort((a, b) => b.gain - a.gain)
    .map(({ d }) => d);
}

function choose(
  base: Done,
  top: Done | undefined,
  { units, measure, errors }: { readonly units: number; readonly measure: string; readonly errors: number },
) {
  const keep = (why: string) => ({ chosen: base.candidate, why });
  if (units === 0) return keep("there are too few rows to judge by: statistics, which need no choice");
  if (!top || top.candidate.id === base.candidate.id) return keep(`no candidate had a higher ${measure}`);
  const gains = gainsOf(top.trial, base.trial);
  const gain = mean(gains);
  const margin = gains.length < FEW_UNITS ? FEW_MARGIN : errors * (standardError(gains) ?? FEW_MARGIN);
  const of = gains.length < units ? ` on ${gains.length} of ${units} parts` : "";
  const by = `${top.candidate.id} had ${measure} ${gain >= 0 ? "+" : ""}${gain.toFixed(3)} against statistics${of}`;
  const allowed = `${errors === 1 ? "the standard error" : `${errors} standard errors,`} ${margin.toFixed(3)}`;
  return gain > margin
    ? { chosen: top.candidate, why: `${by}, more than ${allowed}` }
    : keep(`${by}, within ${allowed}: the simpler is kept`);
}

/** @throws RangeError where none of the kinds can learn from these rows */
function chooseAmong(
  kinds: readonly CandidateKind[],
  all: readonly Candidate[],
  done: readonly Done[],
  base: Done,
  measure: string,
) {
  const asked = done.filter((d) => d !== base);
  const [top] = ranked(asked, base, 0);
  if (top) {
    const gain = mean(gainsOf(top.trial, base.trial));
    const against = `${measure} ${gain >= 0 ? "+" : ""}${gain.toFixed(3)} against statistics`;
    return { chosen: top.candidate, why: `the best of ${kinds.join(", ")}, as asked: ${against}` };
  }
  const [, first] = all;
  if (!first) throw new RangeError(`${kinds.join(", ")} learn from labelled incidents, and none is known early enough`);
  const error = asked.find((d) => d.trial.error !== undefined)?.trial.error;
  if (error !== undefined) throw new RangeError(error);
  return { chosen: first, why: `${first.id}, as asked: there are too few rows to judge by, or no time was left` };
}

function summary(trial: Trial, base: Trial): TrialResult {
  const { id, error } = trial;
  const units = known(trial.units);
  const gains = gainsOf(trial, base);
  return {
    id,
    mean: units.length > 0 ? mean(units) : null,
    standardError: units.length > 0 ? standardError(units) : null,
    gain: gains.length > 0 ? mean(gains) : null,
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

async function withUnit(
  trial: Trial,
  candidate: Candidate,
  { history, fold, test }: Unit,
  seed: number,
  measure: string,
): Promise<Trial> {
  try {
    const model = await fitCandidate(candidate, slice(history, 0, fold.cut), seed);
    const n = test.at.length;
    const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
    model.observe(test.timesMs, test.values, out);
    const labels = labelsOf(test);
    const value = measure === "VUS-PR" ? vusPr(labels, out.score) : aucPr(labels, out.score);
    return { ...trial, units: [...trial.units, value] };
  } catch (error) {
    // too few rows, or no incident before the cut: not for this part
    if (!(error instanceof RangeError)) throw error;
    return { ...trial, units: [...trial.units, null], error: trial.error ?? error.message };
  }
}
