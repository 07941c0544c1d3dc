import type { DetectorBank, Floors } from "../bank.ts";
import { atLeast, clampValue, flooredScale, MAX_SCORE } from "./scale.ts";
import { alwaysChanged, joinedRows, slotRows } from "./slot-rows.ts";

export interface SeasonalOptions extends Floors {
  /** Weight of the newest hour in the level that all hours share, 0 to 1. */
  levelWeight?: number;
  /** Days of an hour of the day, and weeks of an hour of the week, after which old ones fade, 1 to 100. */
  days?: number;
  weeks?: number;
  /** Without it each day is expected to be like any other. */
  weekly?: boolean;
  /** Samples over which the usual deviation is taken. */
  memory?: number;
  /** Samples with an expected value before the first opinion, >= 2. */
  warmup?: number;
  /** Level and usual deviation learn a deviation as at most so many usual ones. */
  clip?: number;
}

const HOUR_MS = 3_600_000;
const DAY = 24;
const WEEK = 7 * DAY;
/** Of hours since 1970, which began on a Thursday, to those since a Monday. */
const MONDAY = 3 * DAY;
/** Visits from which on a mean is an expectation. */
const KNOWN = 2;
/** Largest finite single: what is further from the first sample is taken for this. */
const MAX_SINGLE = 3.4028234663852886e38;
/** Last time that a Date can hold. */
const MAX_TIME_MS = 8.64e15;

/** Squared error of the line, as a share of the step's, below which it is followed: work that begins on the hour is a step. */
const LINE_SHARE = 0.8;
/** Share of the variance that a season leaves at most where it is proven. */
const PROVEN = 0.3;
/** Most that is counted: bytes that never look like a double that is no number. */
const MOST_VISITS = 100;

/** Doubles in the head of a row. All values are distances from the first sample. */
const ORIGIN = 0;
const LEVEL = 1;
/** Samples that had an expected value; mean squared deviation from what the hour, and the line between two, gives. */
const COMPARED = 2;
const STEP_SQUARE = 3;
const LINE_SQUARE = 4;
/** Of the hour at hand: which since 1970, samples, their sum. The first sample of all makes SAMPLES more than 0. */
const HOUR = 5;
const SAMPLES = 6;
const SUM = 7;
/** Of the same samples: mean, and mean squared distance from it. */
const MEAN = 8;
const MEAN_SQUARE = 9;
const HEAD = 10;
/** Singles: mean of each hour of the day, then of the week, less the level. Behind them as bytes how often each was seen. */
const MEANS = DAY + WEEK;
const PROFILE = MEANS / 2 + MEANS / 8;

/** Where the means of an hour since 1970 are. */
const dayOf = (hour: number) => hour % DAY;
const weekOf = (hour: number) => DAY + ((hour + MONDAY) % WEEK);

/**
 * Distance from what the series usually does at this time of the day and the week (UTC), in usual deviations: additive
 * exponential smoothing of hourly means. An hour of the week is expected to be as it was, or, until it has been seen in
 * two weeks, as that hour of the day; of an hour that has not been seen on two days there is no opinion. Once the week is
 * known, all hours share a level. Within an hour the means are a step, or a line from one to the next where that has
 * lately been clearly nearer. An hour is learned once it is over, and counts once, however many samples it has.
 * Needs the time of each call; without it nothing is learned and there is no opinion. O(1) a sample; 1,040 bytes a slot.
 * @see Winters 1960, Management Science 6(3); Hyndman et al. 2008, "Forecasting with Exponential Smoothing", ETS(A,N,A)
 */
export function seasonal({
  levelWeight = 0.1,
  days = 7,
  weeks = 4,
  weekly = true,
  memory = 2000,
  warmup = 30,
  clip = 3,
  relFloor = 0.02,
  absFloor = 1e-9,
}: SeasonalOptions = {}): DetectorBank {
  const name = "seasonal";
  if (!(levelWeight >= 0 && levelWeight <= 1))
    throw new RangeError(`${name}: levelWeight is ${levelWeight}; give 0 to 1`);
  for (const [key, value] of Object.entries({ days, weeks }))
    if (!(Number.isSafeInteger(value) && value >= 1 && value <= MOST_VISITS))
      throw new RangeError(`${name}: ${key} is ${value}; give an integer from 1 to ${MOST_VISITS}`);
  atLeast(name, "memory", memory, 2);
  atLeast(name, "warmup", warmup, 2);
  atLeast(name, "clip", clip, 1);
  atLeast(name, "relFloor", relFloor, 0);
  atLeast(name, "absFloor", absFloor, 0);
  const head = slotRows("head", HEAD);
  const profile = slotRows("profile", PROFILE, () => {
    means = new Float32Array(profile.data.buffer);
    visits = new Uint8Array(profile.data.buffer);
  });
  const rows = joinedRows(name, head, profile);
  let means = new Float32Array(0);
  let visits = new Uint8Array(0);

  const ofWeek = (slot: number, week: number): boolean =>
    weekly && visits[(slot * PROFILE * 2 + MEANS) * 4 + week]! >= KNOWN;
  /** Mean that is expected at places `day` and `week` of the profile of a slot, less the level; NaN for none. */
  const meanOf = (slot: number, day: number, week: number): number => {
    if (ofWeek(slot, week)) return means[slot * PROFILE * 2 + week]!;
    return visits[(slot * PROFILE * 2 + MEANS) * 4 + day]! >= KNOWN ? means[slot * PROFILE * 2 + day]! : Number.NaN;
  };
  /** What a call asks about: this hour, the nearer neighbour, and how much that one weighs in the line between them. */
  const asked = { day: 0, week: 0, sideDay: 0, sideWeek: 0, weight: 0, step: 0, line: 0 };
  /** The hour since 1970; NaN where there is no time. */
  const askAt = (timeMs: number | undefined): number => {
    if (timeMs === undefined || !(timeMs >= 0 && timeMs <= MAX_TIME_MS)) return Number.NaN;
    const hour = Math.floor(timeMs / HOUR_MS);
    const into = timeMs / HOUR_MS - hour;
    const side = hour + WEEK + (into < 0.5 ? -1 : 1);
    asked.day = dayOf(hour);
    asked.week = weekOf(hour);
    asked.sideDay = dayOf(side);
    asked.sideWeek = weekOf(side);
    asked.weight = Math.abs(into - 0.5);
    return hour;
  };
  /** Leaves in `asked` what is expected of a slot, as step and as line; false where nothing is. */
  const expect = (slot: number): boolean => {
    const step = meanOf(slot, asked.day, asked.week);
    if (Number.isNaN(step)) return false;
    const side = meanOf(slot, asked.sideDay, asked.sideWeek);
    const level = head.data[slot * HEAD + LEVEL]!;
    asked.step = level + step;
    asked.line = Number.isNaN(side) ? asked.step : asked.step + asked.weight * (side - step);
    return true;
  };
  const isLine = (at: number): boolean => head.data[at + LINE_SQUARE]! < LINE_SHARE * head.data[at + STEP_SQUARE]!;
  const nearer = (at: number): number => (isLine(at) ? asked.line : asked.step);
  const scaleOf = (at: number, level: number): number => {
    const square = head.data[at + (isLine(at) ? LINE_SQUARE : STEP_SQUARE)]!;
    return flooredScale(Math.sqrt(square), level, relFloor, absFloor);
  };

  const teach = (slot: number, place: number, value: number, most: number): void => {
    const at = slot * PROFILE * 2;
    const visit = (at + MEANS) * 4 + place;
    const seen = visits[visit]!;
    const weight = 1 / (seen < most ? seen + 1 : most);
    means[at + place] = clampSingle(means[at + place]! + (value - means[at + place]!) * weight);
    if (seen < MOST_VISITS) visits[visit] = seen + 1;
  };
  /** An hour is over: its mean teaches the level and the profile. */
  const fold = (slot: number): void => {
    const { data } = head;
    const at = slot * HEAD;
    const mean = clampSingle(data[at + SUM]! / data[at + SAMPLES]!);
    const level = data[at + LEVEL]!;
    const [day, week] = [dayOf(data[at + HOUR]!), weekOf(data[at + HOUR]!)];
    const known = meanOf(slot, day, week);
    // While a weekend is still expected to be like any day, the level would follow it down and up again.
    if (!Number.isNaN(known) && (ofWeek(slot, week) || !weekly)) {
      // A fault of hours is not to become the level.
      const most = data[at + COMPARED]! >= warmup ? clip * scaleOf(at, data[at + ORIGIN]! + level + known) : MAX_SINGLE;
      const off = mean - level - known;
      data[at + LEVEL] = clampSingle(level + levelWeight * (off > most ? most : off < -most ? -most : off));
    }
    teach(slot, day, mean - level, days);
    teach(slot, week, mean - level, weeks);
    profile.touch(slot);
  };

  return {
    name,
    ...rows,
    parts: [alwaysChanged(head), profile],
    score(slots, values, out, timeMs) {
      head.sameLength(slots, values, out);
      const { data } = head;
      const timed = askAt(timeMs) >= 0;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i]! * HEAD;
        const compared = data[at + COMPARED]!;
        if (compared === undefined) head.refuse(slots[i]!);
        if (!(timed && compared >= warmup && Number.isFinite(values[i]!)) || !expect(slots[i]!)) {
          out[i] = Number.NaN;
          continue;
        }
        const usual = data[at + ORIGIN]! + nearer(at);
        const far = Math.abs(clampValue(values[i]!) - usual);
        const score = far > 0 ? far / scaleOf(at, usual) : 0;
        out[i] = score < MAX_SCORE ? score : MAX_SCORE;
      }
    },
    learn(slots, values, timeMs) {
      head.sameLength(slots, values);
      const { data } = head;
      const hour = askAt(timeMs);
      const least = 1 / memory;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i]!;
        const at = slot * HEAD;
        if (data[at] === undefined) head.refuse(slot);
        if (!(hour >= 0 && Number.isFinite(values[i]!))) continue;
        const value = clampValue(values[i]!);
        if (data[at + SAMPLES] === 0) data[at + ORIGIN] = value;
        else if (data[at + HOUR] !== hour) {
          fold(slot);
          data[at + SAMPLES] = 0;
          data[at + SUM] = 0;
        }
        const far = clampSingle(value - data[at + ORIGIN]!);
        data[at + HOUR] = hour;
        data[at + SAMPLES] = data[at + SAMPLES]! + 1;
        data[at + SUM] = data[at + SUM]! + far;
        if (!expect(slot)) continue;
        const n = data[at + COMPARED]!;
        const most = n >= warmup ? clip * scaleOf(at, data[at + ORIGIN]! + nearer(at)) : Number.POSITIVE_INFINITY;
        const weight = Math.max(1 / (n + 1), least);
        data[at + COMPARED] = n + 1;
        const off = far - data[at + MEAN]!;
        data[at + MEAN] = data[at + MEAN]! + weight * off;
        data[at + MEAN_SQUARE] = (1 - weight) * (data[at + MEAN_SQUARE]! + weight * off * off);
        const step = Math.min(Math.abs(far - asked.step), most);
        const line = Math.min(Math.abs(far - asked.line), most);
        data[at + STEP_SQUARE] = data[at + STEP_SQUARE]! + weight * (step * step - data[at + STEP_SQUARE]!);
        data[at + LINE_SQUARE] = data[at + LINE_SQUARE]! + weight * (line * line - data[at + LINE_SQUARE]!);
      }
    },
    offSeason(slot, value, timeMs) {
      const at = slot * HEAD;
      const { data } = head;
      const square = data[at + (isLine(at) ? LINE_SQUARE : STEP_SQUARE)]!;
      const proven = data[at + COMPARED]! >= warmup && square < PROVEN * data[at + MEAN_SQUARE]!;
      let least = Number.NaN;
      if (!proven || !Number.isFinite(value)) return least;
      // Work does not begin on the minute, and clocks are changed.
      for (const aside of [0, -HOUR_MS, HOUR_MS]) {
        if (!(askAt(timeMs + aside) >= 0 && expect(slot))) continue;
        const usual = data[at + ORIGIN]! + nearer(at);
        const off = Math.min(Math.abs(clampValue(value) - usual) / scaleOf(at, usual), MAX_SCORE);
        if (!(off >= least)) least = off;
      }
      return least;
    },
    expected(slot, timeMs) {
      const at = slot * HEAD;
      if (!(askAt(timeMs) >= 0 && head.data[at + COMPARED]! >= warmup && expect(slot))) return undefined;
      const usual = head.data[at + ORIGIN]! + nearer(at);
      return {
        expected: usual,
        scale: scaleOf(at, usual),
        periodMs: HOUR_MS * (ofWeek(slot, asked.week) ? WEEK : DAY),
      };
    },
  };
}

const clampSingle = (far: number): number => (far > MAX_SINGLE ? MAX_SINGLE : far < -MAX_SINGLE ? -MAX_SINGLE : far);
