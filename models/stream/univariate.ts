import { clampValue } from "../statistical/scale.ts";
import * as decision from "./alarm.ts";
import { AR_DOUBLES, ar, startAr, stepAr } from "./autoregression.ts";
import { CELLS_A_DOUBLE, packCells, unpackCells } from "./packed-cells.ts";
import type { SeriesScorer, SeriesScores } from "./scorer.ts";
import * as seasons from "./seasons.ts";
import { CHANGE, RATE, STILL_DOUBLES, stepStill, still, TOO_LONG } from "./stillness.ts";
import * as surprise from "./surprise.ts";
import { learnTail, TAIL_CELLS, tailOf } from "./tail.ts";

export interface UnivariateOptions extends decision.AlarmOptions {
  /** Rows over which energies are averaged for the score. */
  smoothing?: number;
  /** Rows that running means remember. */
  memory?: number;
  /** Deviations from the level beyond which a value is learned as if it were there: a glitch must not blind. */
  clip?: number;
  /** Powers of ten of improbability at which it raises an alarm that the series keeps still; Infinity for never. */
  stillness?: number;
}

/** Rows before deviations are believed. */
const WARM = 10;
const SHORT = 6;
const ROUGH = 48;
/** Surprise, in powers of ten, at the row where a series has kept still for too long. */
const STILL_SURPRISE = 3;

const ROWS = 0;
const LAST = 1;
const LEVEL = 2;
const LEVEL_VAR = 3;
const ERROR_MEAN = 4;
const ERROR_VAR = 5;
const ENERGY_SEASON = 6;
const ENERGY_AR = 7;
const ENERGY_WEIGHT = 8;
const SHORT_EMA = 9;
const SHORT_WEIGHT = 10;
const SHORT_MEAN = 11;
const SHORT_VAR = 12;
const ROUGH_EMA = 13;
const ROUGH_WEIGHT = 14;
const ROUGH_MEAN = 15;
const ROUGH_VAR = 16;
const COUNTED = 17;
const SCORE = 18;
const TAIL_COUNTED = 19;
const ALARM = 20;
const STILL = ALARM + decision.ALARM_DOUBLES;
const AR = STILL + STILL_DOUBLES;
const SEASON = AR + AR_DOUBLES;
const DOUBLES = SEASON + seasons.SEASON_DOUBLES;

/** The tail's cells, then those of the surprise. */
const PACKED = Math.ceil((TAIL_CELLS + surprise.SURPRISE_CELLS) / CELLS_A_DOUBLE);
const CELLS = PACKED * CELLS_A_DOUBLE;
/** Doubles of a saved state. */
const SAVED = DOUBLES + PACKED;

/** Distances are divided by the running deviation and a floor that keeps constants from being strange. */
const deviation = (variance: number, mean: number) => Math.sqrt(variance) + 1e-9 + 1e-6 * Math.abs(mean);

/**
 * One series at a time, any unit: a continuous score of how strange the last hundred rows or so are, and an alarm on rows
 * that are new to the series.
 *
 * Score: E = mean of the roots of two smoothed energies, of the season's residual and of the error of an autoregression,
 * each in its own usual deviations; E^2 / (1 + E^2), so 0.5 in normal running. Alarm: mean surprise of six coded views
 * of the row (level, residual, short mean, each alone; level in its phase of the season; short mean with roughness;
 * level with residual), less what earlier alarms have made usual. A value far out is new once, and less each time it
 * recurs.
 *
 * O(1) a row, about 1 microsecond. `docs/scoring.md` has figures.
 * @throws RangeError on options out of range
 */
export function univariateScorer({
  smoothing = 100,
  memory = 20_000,
  clip = 50,
  stillness = 4,
  ...alarmOptions
}: UnivariateOptions = {}): SeriesScorer {
  const name = "univariate";
  if (!(smoothing >= 1)) throw new RangeError(`${name}: smoothing is ${smoothing}; give rows >= 1`);
  if (!(memory >= 100)) throw new RangeError(`${name}: memory is ${memory}; give rows >= 100`);
  if (!(clip >= 10)) throw new RangeError(`${name}: clip is ${clip}; give deviations >= 10`);
  if (!(stillness > 0)) throw new RangeError(`${name}: stillness is ${stillness}; give powers of ten > 0`);
  const decide = decision.stepAlarm(alarmOptions);
  const { season } = seasons;
  const { views } = surprise;
  const { alarm } = decision;
  let size = 0;
  let data = new Float64Array(0);
  let cells = new Uint16Array(0);

  function resize(slots: number): void {
    if (!Number.isSafeInteger(slots) || slots < 0)
      throw new RangeError(`${name}: ${slots} slots; give an integer >= 0`);
    if (slots <= size) return;
    if (slots * DOUBLES > data.length) {
      const capacity = Math.max(slots, 2 * (data.length / DOUBLES));
      const [wider, more] = [new Float64Array(capacity * DOUBLES), new Uint16Array(capacity * CELLS)];
      wider.set(data);
      more.set(cells);
      data = wider;
      cells = more;
    }
    for (let slot = size; slot < slots; slot++) {
      startAr(data, slot * DOUBLES + AR);
      seasons.startSeason(data, slot * DOUBLES + SEASON);
    }
    size = slots;
  }

  /** One row: reads and writes the state of one slot. */
  function step(slot: number, timesMs: Float64Array, values: Float64Array, out: SeriesScores, row: number): void {
    const at = slot * DOUBLES;
    const first = slot * CELLS;
    const raw = values[row]!;
    if (!Number.isFinite(raw)) {
      out.score[row] = data[at + ROWS]! > 0 ? data[at + SCORE]! : 0;
      out.alarm[row] = 0;
      if (out.expected) out.expected[row] = Number.NaN;
      if (out.scale) out.scale[row] = Number.NaN;
      if (out.period) out.period[row] = 0;
      if (out.tail) out.tail[row] = Number.NaN;
      return;
    }
    const seen = data[at + ROWS]!;
    const warm = seen >= WARM;
    const newest = 1 / (seen + 1);
    const rate = newest > 1 / memory ? newest : 1 / memory;
    const level = data[at + LEVEL]!;
    const levelDev = deviation(data[at + LEVEL_VAR]!, level);
    let value = clampValue(raw);
    let d = value - level;
    if (warm) {
      const far = clip * levelDev;
      if (d > far) value = level + far;
      else if (d < -far) value = level - far;
      d = value - level;
    }
    const u = d / levelDev;
    const zLevel = warm ? u : 0;

    season[seasons.TIME_MS] = timesMs[row]!;
    season[seasons.VALUE] = value;
    season[seasons.RATE] = rate;
    seasons.stepSeason(data, at + SEASON, memory);
    const expected = season[seasons.EXPECTED]!;
    const residualDev = deviation(season[seasons.SQUARE]!, expected);
    const zSeason = warm ? season[seasons.RESIDUAL]! / residualDev : 0;
    if (season[seasons.CHANGED]! > 0) surprise.forgetPhases(cells, first + TAIL_CELLS);

    ar.values[ar.INPUT] = seen < 2 ? 0 : u > 20 ? 20 : u < -20 ? -20 : u;
    stepAr(data, at + AR);
    const error = ar.values[ar.ERROR]!;
    data[at + LEVEL] = level + d * rate;
    data[at + LEVEL_VAR] = data[at + LEVEL_VAR]! + (d * (value - data[at + LEVEL]!) - data[at + LEVEL_VAR]!) * rate;
    const errorMean = data[at + ERROR_MEAN]!;
    const offset = error - errorMean;
    const zError = warm ? offset / deviation(data[at + ERROR_VAR]!, errorMean) : 0;
    data[at + ERROR_MEAN] = errorMean + offset * rate;
    data[at + ERROR_VAR] =
      data[at + ERROR_VAR]! + (offset * (error - data[at + ERROR_MEAN]!) - data[at + ERROR_VAR]!) * rate;

    const share = 1 / smoothing;
    const weight = data[at + ENERGY_WEIGHT]! + share * (1 - data[at + ENERGY_WEIGHT]!);
    const bySeason = data[at + ENERGY_SEASON]! + share * (zSeason * zSeason - data[at + ENERGY_SEASON]!);
    const byError = data[at + ENERGY_AR]! + share * (zError * zError - data[at + ENERGY_AR]!);
    data[at + ENERGY_WEIGHT] = weight;
    data[at + ENERGY_SEASON] = bySeason;
    data[at + ENERGY_AR] = byError;
    const energy = 0.5 * (Math.sqrt(bySeason / weight) + Math.sqrt(byError / weight));
    const score = (energy * energy) / (1 + energy * energy);
    data[at + SCORE] = score;
    out.score[row] = score;

    const shortWeight = data[at + SHORT_WEIGHT]! + (1 - data[at + SHORT_WEIGHT]!) / SHORT;
    const shortEma = data[at + SHORT_EMA]! + (value - data[at + SHORT_EMA]!) / SHORT;
    data[at + SHORT_WEIGHT] = shortWeight;
    data[at + SHORT_EMA] = shortEma;
    const shortMean = data[at + SHORT_MEAN]!;
    d = shortEma / shortWeight - shortMean;
    const zShort = warm ? d / deviation(data[at + SHORT_VAR]!, shortMean) : 0;
    data[at + SHORT_MEAN] = shortMean + d * rate;
    data[at + SHORT_VAR] = data[at + SHORT_VAR]! + (d * d * (1 - rate) - data[at + SHORT_VAR]!) * rate;

    const change = seen > 0 ? value - data[at + LAST]! : 0;
    const roughWeight = data[at + ROUGH_WEIGHT]! + (1 - data[at + ROUGH_WEIGHT]!) / ROUGH;
    const roughEma = data[at + ROUGH_EMA]! + (change * change - data[at + ROUGH_EMA]!) / ROUGH;
    data[at + ROUGH_WEIGHT] = roughWeight;
    data[at + ROUGH_EMA] = roughEma;
    const rough = Math.log(Math.sqrt(roughEma / roughWeight) + 0.01 * deviation(data[at + LEVEL_VAR]!, level));
    const roughMean = data[at + ROUGH_MEAN]!;
    d = rough - roughMean;
    const zRough = warm ? d / deviation(data[at + ROUGH_VAR]!, roughMean) : 0;
    data[at + ROUGH_MEAN] = roughMean + d * rate;
    data[at + ROUGH_VAR] = data[at + ROUGH_VAR]! + (d * d * (1 - rate) - data[at + ROUGH_VAR]!) * rate;
    data[at + LAST] = value;
    still[CHANGE] = Math.abs(change);
    still[RATE] = rate;
    stepStill(data, at + STILL, stillness, memory);

    views[surprise.LEVEL] = zLevel;
    views[surprise.SEASON] = zSeason;
    views[surprise.SHORT] = zShort;
    views[surprise.ROUGH] = zRough;
    views[surprise.BUCKET] = season[seasons.BUCKET]!;
    views[surprise.COUNTED] = data[at + COUNTED]!;
    surprise.stepSurprise(cells, first + TAIL_CELLS);
    data[at + COUNTED] = views[surprise.COUNTED]!;
    data[at + ROWS] = seen + 1;
    alarm[decision.SEEN] = seen;
    const strange = views[surprise.SURPRISE]!;
    alarm[decision.SURPRISE] = still[TOO_LONG]! > 0 && strange < STILL_SURPRISE ? STILL_SURPRISE : strange;
    decide(data, at + ALARM);
    out.alarm[row] = alarm[decision.RAISED]!;
    if (out.expected) out.expected[row] = warm ? expected : Number.NaN;
    if (out.scale) out.scale[row] = warm ? residualDev : Number.NaN;
    if (out.period) out.period[row] = warm ? seasons.followed(data, at + SEASON, data[at + LEVEL_VAR]!) : 0;
    const logEnergy = Math.log(energy + 1e-9);
    const total = data[at + TAIL_COUNTED]!;
    if (out.tail) out.tail[row] = warm ? tailOf(cells, first, total, logEnergy) : 1;
    if (warm) data[at + TAIL_COUNTED] = learnTail(cells, first, total, logEnergy);
  }

  function check(slots: Uint32Array, timesMs: Float64Array, values: Float64Array, out: SeriesScores): void {
    const rows = slots.length;
    checkColumn(rows, timesMs);
    checkColumn(rows, values);
    checkColumn(rows, out.score);
    checkColumn(rows, out.alarm);
    checkColumn(rows, out.expected);
    checkColumn(rows, out.scale);
    checkColumn(rows, out.period);
    checkColumn(rows, out.tail);
  }
  function checkColumn(rows: number, column: Float64Array | undefined): void {
    if (column && column.length !== rows)
      throw new RangeError(`${name}: ${rows} slots but ${column.length} values; give columns of one length`);
  }
  function refuse(slot: number): never {
    throw new RangeError(`${name}: slot ${slot} of ${size}; call resize first`);
  }
  function range(from: number, to: number): void {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from)
      throw new RangeError(`${name}: no block [${from}, ${to})`);
  }

  return {
    name,
    bytesPerSeries: 8 * DOUBLES + 2 * CELLS,
    resize,
    observe(slots, timesMs, values, out) {
      check(slots, timesMs, values, out);
      for (let row = 0; row < slots.length; row++) {
        const slot = slots[row]!;
        if (slot >= size) refuse(slot);
        step(slot, timesMs, values, out, row);
      }
    },
    score(slots, timesMs, values, out) {
      check(slots, timesMs, values, out);
      const [state, counts] = [new Float64Array(DOUBLES), new Uint16Array(CELLS)];
      for (let row = 0; row < slots.length; row++) {
        const slot = slots[row]!;
        if (slot >= size) refuse(slot);
        state.set(data.subarray(slot * DOUBLES, (slot + 1) * DOUBLES));
        counts.set(cells.subarray(slot * CELLS, (slot + 1) * CELLS));
        step(slot, timesMs, values, out, row);
        data.set(state, slot * DOUBLES);
        cells.set(counts, slot * CELLS);
      }
    },
    saveBlock(from, to) {
      range(from, to);
      if (to > size) throw new RangeError(`${name}: block [${from}, ${to}) of ${size} slots`);
      const out = new Float64Array((to - from) * SAVED);
      for (let slot = from; slot < to; slot++) {
        const base = (slot - from) * SAVED;
        out.set(data.subarray(slot * DOUBLES, (slot + 1) * DOUBLES), base);
        packCells(cells, slot * CELLS, out, base + DOUBLES, PACKED);
      }
      return out;
    },
    loadBlock(from, to, state) {
      range(from, to);
      const need = (to - from) * SAVED;
      if (state.length !== need)
        throw new RangeError(`${name}: block [${from}, ${to}) takes ${need} doubles, not ${state.length}`);
      resize(to);
      for (let slot = from; slot < to; slot++) {
        const base = (slot - from) * SAVED;
        data.set(state.subarray(base, base + DOUBLES), slot * DOUBLES);
        unpackCells(state, base + DOUBLES, cells, slot * CELLS, PACKED);
      }
    },
  };
}
