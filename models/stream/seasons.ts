import { eachBlock, PERIOD_DOUBLES, periodOf, startPeriod, stepPeriod } from "./period.ts";

/**
 * What a series does at this time of its season: means of 24 buckets of the day (where times are known) and of 24 buckets
 * of a period learned from the rows, each predicted from the bucket and its neighbours (weights 1, 2, 1). The learned
 * period is used while it has lately predicted better than the day.
 */
const BUCKETS = 24;
const DAY_MS = 86_400_000;
/** Squared error of the learned period, as a share of the day's, at which it takes over and is given up. */
const TAKE = 0.5;
const KEEP = 1;
/** Rows over which the two are compared. */
const COMPARED_ROWS = 1000;

const MEAN = 0;
const DAY_SQUARE = 1;
const OWN_SQUARE = 2;
const OWN_ROWS = 3;
const DAY_ERROR = 4;
const OWN_ERROR = 5;
const LENGTH = 6;
const POSITION = 7;
const CHOSEN = 8;
/** Profiles: of each bucket the number of rows and their mean, side by side. */
const DAY = 9;
const OWN = DAY + 2 * BUCKETS;
const FINDER = OWN + 2 * BUCKETS;
export const SEASON_DOUBLES = FINDER + PERIOD_DOUBLES;

/** What `stepSeason` takes and leaves behind, in one array: a number passed through a call may cost an object. */
export const season = new Float64Array(8);
/** Of the row; the weight of the row in running means. */
export const TIME_MS = 0;
export const VALUE = 1;
export const RATE = 2;
/** Value less prediction, before the value was learned; the usual square of that; the prediction. */
export const RESIDUAL = 3;
export const SQUARE = 4;
export const EXPECTED = 5;
/** Place in the season, in [0, 24). */
export const BUCKET = 6;
/** 1 where the season was just changed for another, else 0. */
export const CHANGED = 7;

export function startSeason(data: Float64Array, at: number): void {
  data.fill(0, at, at + SEASON_DOUBLES);
  startPeriod(data, at + FINDER);
}

function predict(data: Float64Array, profile: number, bucket: number, otherwise: number): number {
  const before = bucket === 0 ? BUCKETS - 1 : bucket - 1;
  const after = bucket === BUCKETS - 1 ? 0 : bucket + 1;
  let sum = 0;
  let weight = 0;
  if (data[profile + 2 * bucket]! > 0) {
    sum += 2 * data[profile + 2 * bucket + 1]!;
    weight += 2;
  }
  if (data[profile + 2 * before]! > 0) {
    sum += data[profile + 2 * before + 1]!;
    weight++;
  }
  if (data[profile + 2 * after]! > 0) {
    sum += data[profile + 2 * after + 1]!;
    weight++;
  }
  return weight > 0 ? sum / weight : otherwise;
}

function teach(data: Float64Array, profile: number, bucket: number, value: number, most: number): void {
  let count = data[profile + 2 * bucket]! + 1;
  if (count > most) count = most;
  data[profile + 2 * bucket] = count;
  const mean = data[profile + 2 * bucket + 1]!;
  data[profile + 2 * bucket + 1] = mean + (value - mean) / count;
}

/** Hour of the day. Not by %, which is a call. */
function bucketOfDay(timeMs: number): number {
  let ofDay = timeMs - Math.floor(timeMs * (1 / DAY_MS)) * DAY_MS;
  if (ofDay >= DAY_MS)
    ofDay -= DAY_MS; // the product may have been rounded down
  else if (ofDay < 0) ofDay += DAY_MS;
  return Math.floor(ofDay / (DAY_MS / BUCKETS));
}

/** Takes the row from `season` and leaves its results there. `memory`: rows that running means remember. */
export function stepSeason(data: Float64Array, at: number, memory: number): void {
  const timeMs = season[TIME_MS]!;
  const value = season[VALUE]!;
  const rate = season[RATE]!;
  const most = memory / BUCKETS;
  const mean = data[at + MEAN]! + (value - data[at + MEAN]!) * rate;
  data[at + MEAN] = mean;
  const timed = timeMs > 0 && timeMs < 1e15;
  let bucket = timed ? bucketOfDay(timeMs) : 0;
  const profile = at + DAY;
  let expected = timed ? predict(data, profile, bucket, mean) : mean;
  let residual = value - expected;
  let square = data[at + DAY_SQUARE]!;
  const dayError = residual * residual;
  data[at + DAY_SQUARE] = square + (dayError - square) * rate;
  if (timed) teach(data, profile, bucket, value, most);

  season[CHANGED] = 0;
  const length = data[at + LENGTH]!;
  if (length > 0) {
    let position = data[at + POSITION]! + 1;
    if (position >= length) position -= length;
    data[at + POSITION] = position;
    const own = at + OWN;
    let place = Math.floor((position * BUCKETS) / length);
    if (place >= BUCKETS) place = BUCKETS - 1;
    const forecast = predict(data, own, place, mean);
    const error = value - forecast;
    const ownSquare = data[at + OWN_SQUARE]!;
    const rows = data[at + OWN_ROWS]! + 1;
    data[at + OWN_ROWS] = rows;
    const newest = 1 / rows;
    data[at + OWN_SQUARE] = ownSquare + (error * error - ownSquare) * (newest > rate ? newest : rate);
    const compare = newest > 1 / COMPARED_ROWS ? newest : 1 / COMPARED_ROWS;
    const day = data[at + DAY_ERROR]! + (dayError - data[at + DAY_ERROR]!) * compare;
    const ours = data[at + OWN_ERROR]! + (error * error - data[at + OWN_ERROR]!) * compare;
    data[at + DAY_ERROR] = day;
    data[at + OWN_ERROR] = ours;
    teach(data, own, place, value, most);
    const chosen = data[at + CHOSEN]! > 0;
    const better = rows > length && ours < (chosen ? KEEP : TAKE) * day;
    if (better !== chosen) {
      data[at + CHOSEN] = better ? 1 : 0;
      season[CHANGED] = 1;
    }
    if (better) {
      bucket = place;
      expected = forecast;
      residual = error;
      square = ownSquare;
    }
  }
  if (stepPeriod(data, at + FINDER, value)) renew(data, at, most);
  season[RESIDUAL] = residual;
  season[SQUARE] = square;
  season[EXPECTED] = expected;
  season[BUCKET] = bucket;
}

/** Takes over a period that was found: its profile from what is remembered, so that it is of use at once. */
function renew(data: Float64Array, at: number, most: number): void {
  const found = periodOf(data, at + FINDER);
  const length = data[at + LENGTH]!;
  if (found === 0 || found < 4) return; // what was found before stays while it predicts
  if (length > 0 && Math.abs(found - length) < 0.002 * length) return;
  if (length > 0 && data[at + CHOSEN]! > 0 && Math.abs(found - length) > 0.05 * length) return;
  const fresh = length === 0 || Math.abs(found - length) > 0.05 * length;
  data[at + LENGTH] = found;
  data[at + POSITION] = 0;
  const own = at + OWN;
  data.fill(0, own, own + 2 * BUCKETS);
  eachBlock(data, at + FINDER, (mean, age) => {
    let position = -age % found;
    if (position < 0) position += found;
    const place = Math.min(BUCKETS - 1, Math.floor((position * BUCKETS) / found));
    teach(data, own, place, mean, most);
  });
  if (!fresh) return;
  data[at + OWN_SQUARE] = data[at + DAY_SQUARE]!;
  data[at + OWN_ROWS] = 0;
  data[at + DAY_ERROR] = 0;
  data[at + OWN_ERROR] = 0;
  if (data[at + CHOSEN]! > 0) season[CHANGED] = 1;
  data[at + CHOSEN] = 0;
}

/** Learned period in rows, where it is in use; else 0. */
export const usedPeriod = (data: Float64Array, at: number): number => (data[at + CHOSEN]! > 0 ? data[at + LENGTH]! : 0);

/** Share of the variance about the level that must be left for a season to be worth telling. */
const TELLING = 0.7;

/**
 * What the prediction follows: a learned period in rows, -1 the hour of the day, 0 nothing that repeats. `levelSquare`:
 * usual square of the distance from the level. The hour counts once a value of each has been seen.
 */
export function followed(data: Float64Array, at: number, levelSquare: number): number {
  const own = usedPeriod(data, at);
  if (own > 0) return data[at + OWN_SQUARE]! < TELLING * levelSquare ? own : 0;
  if (!(data[at + DAY_SQUARE]! < TELLING * levelSquare)) return 0;
  for (let b = 0; b < BUCKETS; b++) if (!(data[at + DAY + 2 * b]! > 0)) return 0;
  return -1;
}
