import { levelAlarm } from "./level-alarm.ts";
import { recentRows } from "./recent-rows.ts";
import type { RowScores, StreamModel, StreamModelState } from "./stream-model.ts";
import { ENERGIES, startPast, type VarPast, type VarWork, varEnergies, workFor } from "./var-energies.ts";
import { fitVar, type VarFit } from "./var-fit.ts";

export interface MultivariateOptions {
  /** Columns that are told from one another: more are cut into groups of this size, in order. */
  groupDims?: number;
  /** Rows kept to learn from without a `fit`; by default 16,384, of many columns as many as make a million values. */
  memoryRows?: number;
  /** Rows before the first opinion without a `fit`, and then again at every doubling up to `memoryRows`. */
  firstRows?: number;
}

/** Rows over which each energy is averaged. */
const SMOOTHING = [5, 12] as const;
/** The change counts half as much again: of the four energies it alone does not look at where the row is. */
const CHANGE = 3;
const WEIGHTS = (ENERGIES + 0.5) * SMOOTHING.length;
/** An energy beyond this many times the usual is strange: without `fit`, such rows are not learned. */
const STRANGE = 8;
/** Rows that the usual energies remember, and how many times the usual one row can teach. */
const BASE_MEMORY = 5000;
const BASE_CLIP = 5;
/** Rows over which the usual log E is followed, and how far above it a row must be to be left out of that. */
const DRIFT_ROWS = 6000;
const DRIFT_LIMIT = 1;
const STRANGE_TO_LEVELS = Math.exp(DRIFT_LIMIT * ENERGIES);
/** The same for the level of each column of a fitted model, in rows; deviations that one row can teach. */
const LEVEL_ROWS = 2000;
const LEVEL_CLIP = 2;
/** Quantile of the fitted rows' energies that is their usual size: of the mean, a few wild rows would be most. */
const BASE_QUANTILE = 0.9;
const MOST_MEMORY_ROWS = 16_384;
const LEAST_MEMORY_ROWS = 1024;
const MEMORY_VALUES = 2 ** 20;
/** Few rows must not over-fit; see `VarOptions`. */
const COLD_RIDGE_ROWS = 0.3;
const LEAST_BASE = 1e-9;

const memoryFor = (dims: number): number =>
  Math.max(LEAST_MEMORY_ROWS, Math.min(MOST_MEMORY_ROWS, Math.floor(MEMORY_VALUES / dims)));

interface Group {
  readonly from: number;
  readonly dims: number;
  /** Its part of the last row, and of how far levels have moved. */
  readonly row: Float64Array;
  readonly drift: Float64Array;
  work: VarWork | undefined;
  fit: VarFit | undefined;
  past: VarPast | undefined;
}

/**
 * Several columns of one entity: a vector autoregression of the last three rows and the covariance of its errors and of
 * the values give four energies a row, each over its usual size and smoothed over 5 and 12 rows; E is the geometric mean
 * of the eight, the change counting half as much again, over its own slow drift, the score E / (1 + E). With `fit` the
 * model and the usual sizes are those of the fitted rows. Without, it learns on the way from the last rows that were not
 * strange. Levels of the columns and the usual log E follow rows that are not strange. An alarm is where log E rises above
 * a level.
 *
 * Any scale; a gap counts as the last value. (order + 1) dims^2 multiply-adds a row; (order + 1) dims^2 doubles a fit and
 * `memoryRows` rows without one.
 */
export function multivariateModel(
  dims: number,
  { groupDims = 48, memoryRows = memoryFor(dims), firstRows = 32 }: MultivariateOptions = {},
  state?: StreamModelState,
): StreamModel {
  const name = "multivariate";
  const count = Math.ceil(dims / groupDims);
  const recent = recentRows(dims, memoryRows);
  const alarms = levelAlarm();
  const last = new Float64Array(dims);
  /** How far the level of each column has moved since it was fitted, in its deviations. */
  const drift = new Float64Array(dims);
  const groups: Group[] = Array.from({ length: count }, (_, g) => {
    const from = Math.floor((g * dims) / count);
    const own = Math.floor(((g + 1) * dims) / count) - from;
    return {
      from,
      dims: own,
      row: last.subarray(from, from + own),
      drift: drift.subarray(from, from + own),
      work: undefined,
      fit: undefined,
      past: undefined,
    };
  });
  const base = new Float64Array(ENERGIES).fill(1);
  const smooth = new Float64Array(ENERGIES * SMOOTHING.length);
  const weight = new Float64Array(SMOOTHING.length);
  /** Rows seen, rows scored, row of the next fit, 1 once fitted at once, last score, usual log E. */
  const counters = Float64Array.of(0, 0, firstRows, 0, 0, 0);
  const own = new Float64Array(ENERGIES);
  const sum = new Float64Array(ENERGIES);
  if (state) restore(state);

  /** Energies of the row in `last`, summed over the groups. */
  function energies(): void {
    sum.fill(0);
    for (const g of groups) {
      varEnergies(g.fit!, g.past!, g.row, g.drift, g.work!, own);
      for (let e = 0; e < ENERGIES; e++) sum[e]! += own[e]! * (e % 2 === 0 ? 1 : g.dims);
    }
    for (let e = 0; e < ENERGIES; e++) sum[e]! /= dims;
  }

  /** Fits every group to rows [n, dims]; then goes through their last ones, so that the past is in place. */
  function refit(rows: Float64Array, use: Uint8Array | undefined, ridgeRows: number): void {
    const n = rows.length / dims;
    drift.fill(0);
    for (const g of groups) {
      const part = count === 1 ? rows : new Float64Array(n * g.dims);
      if (count > 1)
        for (let i = 0; i < n; i++)
          for (let j = 0; j < g.dims; j++) part[i * g.dims + j] = rows[i * dims + g.from + j]!;
      g.fit = fitVar(part, g.dims, { ridgeRows }, use);
      g.past = startPast(g.fit);
      g.work = workFor(g.fit);
      for (let i = Math.max(0, n - 1 - g.fit.order); i < n; i++)
        varEnergies(g.fit, g.past, part.subarray(i * g.dims, (i + 1) * g.dims), g.drift, g.work, own);
    }
  }

  /** log E of the energies in `sum`; moves the smoothing on. */
  function smoothed(): number {
    let product = 1; // of eight numbers from 10^-6 to 10^16, and the root of two of them
    for (let s = 0; s < SMOOTHING.length; s++) {
      const share = 1 / SMOOTHING[s]!;
      weight[s]! += share * (1 - weight[s]!);
      for (let e = 0; e < ENERGIES; e++) {
        const at = s * ENERGIES + e;
        smooth[at]! += share * (sum[e]! / base[e]! - smooth[at]!);
        const factor = smooth[at]! / weight[s]! + 1e-6;
        product *= e === CHANGE ? factor * Math.sqrt(factor) : factor;
      }
    }
    return Math.log(product) / WEIGHTS;
  }

  function takeRow(rows: Float64Array, i: number): boolean {
    let present = 0;
    for (let j = 0; j < dims; j++) {
      const v = rows[i * dims + j]!;
      if (!Number.isFinite(v)) continue;
      last[j] = v > 1e150 ? 1e150 : v < -1e150 ? -1e150 : v;
      present++;
    }
    return present > 0;
  }

  function learnOnTheWay(): void {
    recent.push(last, !(counters[1]! > firstRows && strangeness() > STRANGE ** ENERGIES));
    if (counters[0] !== counters[2]) return;
    const { rows, use } = recent.inOrder();
    refit(rows, use, COLD_RIDGE_ROWS);
    counters[2] = counters[0]! + Math.min(counters[0]!, memoryRows);
  }

  /** Product of the row's energies over their usual size. */
  function strangeness(): number {
    let product = 1;
    for (let e = 0; e < ENERGIES; e++) product *= sum[e]! / base[e]! + 1e-6;
    return product;
  }

  /** Levels follow rows that are not strange, so that a model fitted long ago stays of use. */
  function learnLevels(): void {
    if (strangeness() >= STRANGE_TO_LEVELS) return;
    for (const g of groups) learnLevel(g.work!.z, g.fit!.valueMean, g.drift);
  }

  function learnLevel(z: Float64Array, usual: Float64Array, level: Float64Array): void {
    for (let j = 0; j < level.length; j++) {
      const off = z[j]! - usual[j]!;
      level[j]! += (off > LEVEL_CLIP ? LEVEL_CLIP : off < -LEVEL_CLIP ? -LEVEL_CLIP : off) / LEVEL_ROWS;
    }
  }

  function learnBase(): void {
    const n = counters[1]!;
    const rate = Math.max(1 / n, 1 / BASE_MEMORY);
    for (let e = 0; e < ENERGIES; e++) {
      const v = n < 10 ? sum[e]! : Math.min(sum[e]!, BASE_CLIP * base[e]!);
      base[e] = Math.max(LEAST_BASE, n === 1 ? v : base[e]! + (v - base[e]!) * rate);
    }
  }

  /** One row; `learn` also moves what is learned on the way. */
  function step(rows: Float64Array, i: number, out: RowScores): void {
    const present = takeRow(rows, i);
    const ready = groups[0]!.fit !== undefined;
    if (out.column) out.column[i] = -1;
    if (out.expected) out.expected[i] = Number.NaN;
    if (out.scale) out.scale[i] = Number.NaN;
    if (out.tail) out.tail[i] = Number.NaN;
    out.alarm[i] = 0;
    if (present) {
      counters[0]!++;
      if (ready) {
        energies();
        counters[1]!++;
        if (counters[3] === 0) learnBase();
        learnLevels();
        const log = smoothed() - counters[5]!;
        if (log < DRIFT_LIMIT) counters[5]! += log / DRIFT_ROWS;
        const e = Math.exp(Math.min(log, 30));
        counters[4] = e / (1 + e);
        if (out.tail) out.tail[i] = alarms.tail(log);
        out.alarm[i] = alarms.step(log);
        if (out.column) explain(out, i);
      }
      if (counters[3] === 0) learnOnTheWay();
    }
    out.score[i] = counters[4]!;
  }

  /** The column whose value is furthest from its forecast, or moved furthest. */
  function explain(out: RowScores, i: number): void {
    let most = 0;
    for (const g of groups) {
      const fit = g.fit!;
      for (let j = 0; j < g.dims; j++) {
        const off = Math.max(Math.abs(g.work!.error[j]! * fit.errorUnit[j]!), Math.abs(g.work!.change[j]!));
        if (!(off > most)) continue;
        most = off;
        out.column![i] = g.from + j;
        if (out.expected)
          out.expected[i] = fit.mean[j]! + (drift[g.from + j]! + g.work!.z[j]! - g.work!.error[j]!) / fit.unit[j]!;
        if (out.scale) out.scale[i] = 1 / (fit.errorUnit[j]! * fit.unit[j]!);
      }
    }
  }

  function check(timesMs: Float64Array, rows: Float64Array): number {
    const n = timesMs.length;
    if (rows.length !== n * dims) throw new RangeError(`${name}: ${rows.length} values are not ${n} rows of ${dims}`);
    return n;
  }

  function save(): StreamModelState {
    const values: Record<string, number[]> = {
      last: Array.from(last),
      drift: Array.from(drift),
      base: Array.from(base),
      smooth: Array.from(smooth),
      weight: Array.from(weight),
      counters: Array.from(counters),
      alarms: alarms.save(),
      ...recent.save(),
    };
    groups.forEach((g, i) => {
      if (!g.fit || !g.past) return;
      for (const [key, value] of Object.entries(g.fit))
        if (typeof value !== "number") values[`${key}${i}`] = Array.from(value);
      values[`past${i}`] = [g.past.rows, ...g.past.values];
    });
    return { kind: name, version: 2, dims, values };
  }

  function restore({ values, dims: held }: StreamModelState): void {
    if (held !== dims) throw new RangeError(`${name}: the state has ${held} columns, not ${dims}`);
    const get = (key: string, length?: number) => {
      const v = values[key];
      if (!v || (length !== undefined && v.length !== length))
        throw new RangeError(`${name}: the state has no proper ${key}`);
      return Float64Array.from(v);
    };
    for (const [key, into] of Object.entries({ last, drift, base, smooth, weight, counters }))
      into.set(get(key, into.length));
    alarms.load(Array.from(get("alarms")));
    recent.load(values);
    groups.forEach((g, i) => {
      if (!values[`mean${i}`]) return;
      const weights = get(`weights${i}`);
      const order = (weights.length / g.dims - 1) / g.dims;
      const square = g.dims * g.dims;
      g.fit = {
        dims: g.dims,
        order,
        mean: get(`mean${i}`, g.dims),
        unit: get(`unit${i}`, g.dims),
        weights,
        errorMean: get(`errorMean${i}`, g.dims),
        errorWhitener: get(`errorWhitener${i}`, square),
        errorUnit: get(`errorUnit${i}`, g.dims),
        valueMean: get(`valueMean${i}`, g.dims),
        valueWhitener: get(`valueWhitener${i}`, square),
        changeUnit: get(`changeUnit${i}`, g.dims),
      };
      const past = get(`past${i}`, 1 + order * g.dims);
      g.work = workFor(g.fit);
      g.past = { rows: past[0]!, values: past.slice(1) };
    });
  }

  return {
    kind: name,
    dims,
    fit(timesMs, rows) {
      const n = check(timesMs, rows);
      const filled = new Float64Array(rows.length);
      let kept = 0;
      for (let i = 0; i < n; i++)
        if (takeRow(rows, i)) {
          filled.set(last, kept * dims);
          kept++;
        }
      if (kept < 4 * firstRows) {
        // too little to rely on: learn on the way, beginning with these
        const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
        for (let i = 0; i < n; i++) step(rows, i, out);
        return;
      }
      const used = filled.subarray(0, kept * dims);
      refit(used, undefined, 0);
      for (const g of groups) g.past = startPast(g.fit!);
      // the usual size of each energy, then log E of the same rows, for the alarms
      const all = new Float64Array(kept * ENERGIES);
      for (let i = 0; i < kept; i++) {
        last.set(used.subarray(i * dims, (i + 1) * dims));
        energies();
        all.set(sum, i * ENERGIES);
      }
      for (let e = 0; e < ENERGIES; e++) {
        const sorted = Float64Array.from({ length: kept }, (_, i) => all[i * ENERGIES + e]!).sort();
        base[e] = Math.max(sorted[Math.floor(BASE_QUANTILE * (kept - 1))]!, LEAST_BASE);
      }
      for (let i = 0; i < kept; i++) {
        sum.set(all.subarray(i * ENERGIES, (i + 1) * ENERGIES));
        alarms.learn(smoothed());
      }
      smooth.fill(0);
      weight.fill(0);
      counters[0] = kept;
      counters[3] = 1;
      // the next row need not follow on the last of these
      for (const g of groups) g.past = startPast(g.fit!);
    },
    observe(timesMs, rows, out) {
      const n = check(timesMs, rows);
      for (let i = 0; i < n; i++) step(rows, i, out);
    },
    score(timesMs, rows, out) {
      const n = check(timesMs, rows);
      const before = save();
      for (let i = 0; i < n; i++) {
        step(rows, i, out);
        restore(before);
      }
    },
    save,
  };
}
