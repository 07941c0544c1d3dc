import { type EntityHistory, firstAt, labelsOf } from "../../core/history.ts";

/** Rows [0, cut) teach, rows [cut, end) judge. */
export interface Fold {
  readonly cut: number;
  readonly end: number;
}

export interface FoldOptions {
  readonly most?: number;
  /** Share of rows before the first cut, at least, where incidents allow. */
  readonly leastTrain?: number;
}

const LEAST_TRAIN_ROWS = 64;
const LEAST_TEST_ROWS = 16;

/**
 * Cuts of one history in time: every fold learns from all rows before its cut and is judged up to the next. An incident is
 * never cut in two, and each fold is judged on whole incidents: cross-validation by incident from a rolling origin.
 * Without incidents, equal parts. Empty where there are too few rows.
 * @see Tashman 2000, Int. J. Forecasting 16(4)
 */
export function timeFolds(history: EntityHistory, { most = 3, leastTrain = 0.3 }: FoldOptions = {}): Fold[] {
  const n = history.at.length;
  if (n < LEAST_TRAIN_ROWS + LEAST_TEST_ROWS) return [];
  const runs = mergedIncidents(history);
  const usual = Math.max(LEAST_TRAIN_ROWS, Math.floor(leastTrain * n));
  if (runs.length === 0) {
    const step = Math.floor((n - usual) / most);
    if (step < LEAST_TEST_ROWS) return [{ cut: usual, end: n }];
    return Array.from({ length: most }, (_, k) => ({
      cut: usual + k * step,
      end: k === most - 1 ? n : usual + (k + 1) * step,
    }));
  }
  // where all incidents are early, less is learned from
  const late = runs.filter(([from]) => from >= usual);
  const judged = late.length > 0 ? late : runs.filter(([from]) => from >= LEAST_TRAIN_ROWS);
  if (judged.length === 0) return [];
  const folds = Math.min(most, judged.length);
  const cuts: number[] = [];
  for (let k = 0; k < folds; k++) {
    const at = Math.floor((k * judged.length) / folds);
    const first = judged[at]!;
    const before = runs[runs.indexOf(first) - 1];
    const free = Math.max(before?.[1] ?? 0, late.length > 0 && k === 0 ? usual : LEAST_TRAIN_ROWS);
    cuts.push(Math.min(first[0], Math.ceil((free + first[0]) / 2)));
  }
  return cuts.map((cut, k) => ({ cut, end: cuts[k + 1] ?? n }));
}

/** Incidents as rows [from, to), joined where they touch. */
export function mergedIncidents(history: EntityHistory): [number, number][] {
  const labels = labelsOf(history);
  const out: [number, number][] = [];
  for (const { start, end } of history.incidents) {
    const [from, to] = [firstAt(history.at, start), firstAt(history.at, end)];
    if (to <= from || labels[from] !== 1) continue;
    const last = out.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}
