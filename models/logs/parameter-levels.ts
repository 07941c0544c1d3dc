/** Durations and sizes in lines, against their own history. */

export interface Measure {
  /** Durations in ms, sizes in bytes. */
  readonly family: "duration" | "size";
  readonly value: number;
}

const MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  msec: 1,
  msecs: 1,
  millis: 1,
  milliseconds: 1,
  s: 1e3,
  sec: 1e3,
  secs: 1e3,
  second: 1e3,
  seconds: 1e3,
  m: 6e4,
  min: 6e4,
  mins: 6e4,
  minute: 6e4,
  minutes: 6e4,
  h: 3.6e6,
  hour: 3.6e6,
  hours: 3.6e6,
};
const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  bytes: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const MEASURE =
  /(?<![\w.])(\d{1,15}(?:\.\d{1,9})?) ?(ns|us|µs|msecs?|millis|milliseconds|ms|seconds?|secs?|minutes?|mins?|hours?|[smhb]|bytes?|[kmgt]i?b)(?![\w/])/gi;
/** Of one line. */
const MOST_MEASURES = 8;

/** Numbers with a unit of time or size, in order, the first eight. Linear in the text. */
export function measuresOf(line: string): Measure[] {
  const out: Measure[] = [];
  for (const [, number, unit] of line.matchAll(MEASURE)) {
    const name = (unit as string).toLowerCase();
    const ms = MS[name];
    const bytes = BYTES[name];
    if (ms !== undefined) out.push({ family: "duration", value: Number(number) * ms });
    else if (bytes !== undefined) out.push({ family: "size", value: Number(number) * bytes });
    if (out.length >= MOST_MEASURES) break;
  }
  return out;
}

/** Buckets of a factor of 2^(1/4) from 2^-20 to 2^44. */
const STEPS = 4;
const LEAST = -20;
const BUCKETS = 64 * STEPS;
/** Values before an opinion. */
const WARM = 200;
/** Values after which the past counts half. */
const HALVE_AT = 4000;
/** Share of values that make the tail. */
const TAIL = 0.02;
/** A tail's least scale, in natural logarithms: nobody is sure of a sharper end. */
const LEAST_SCALE = 0.15;
/** So many strange values in a row are a new normal. */
const NEW_NORMAL = 30;
const STRANGE = 1e-4;

/**
 * The values of one parameter by their logarithm. Within what was seen the probability is what was seen; beyond the 2 %
 * at either end an exponential tail of logarithms goes on (a power law of values), its scale the mean excess there.
 * Memory: what is not empty of 256 buckets.
 * @see Hill 1975, Annals of Statistics 3(5)
 */
export class ParameterLevels {
  readonly #counts = new Map<number, number>();
  #total = 0;
  #refused = 0;

  /** Probability of a value as far out on its side, two-sided, (0, 1]; undefined while fewer than 200 were seen. */
  score(value: number): number | undefined {
    if (this.#total < WARM || !(value >= 0)) return undefined;
    const at = bucketOf(value);
    return Math.min(1, 2 * Math.min(this.#beyond(at, 1), this.#beyond(at, -1)));
  }

  /** A strange value teaches nothing, unless many come in a row. */
  learn(value: number): void {
    if (!(value >= 0)) return;
    const p = this.score(value);
    if (p === undefined || p >= STRANGE) this.#refused = 0;
    else if (++this.#refused < NEW_NORMAL) return;
    const at = bucketOf(value);
    this.#counts.set(at, (this.#counts.get(at) ?? 0) + 1);
    if (++this.#total < HALVE_AT) return;
    this.#total = 0;
    for (const [bucket, n] of this.#counts) {
      if (n < 0.5) this.#counts.delete(bucket);
      else {
        this.#counts.set(bucket, n / 2);
        this.#total += n / 2;
      }
    }
  }

  /** Probability of a value at least as far up (`side` 1) or down (-1). */
  #beyond(at: number, side: 1 | -1): number {
    let seen = 0;
    for (const [bucket, n] of this.#counts) if (side * (bucket - at) >= 0) seen += n;
    const wanted = TAIL * this.#total;
    if (seen >= wanted) return seen / this.#total;
    // Where the tail begins, and how far it goes on from there.
    const order = [...this.#counts].sort(([a], [b]) => side * (b - a));
    let held = 0;
    let start = at;
    const tail: [bucket: number, n: number][] = [];
    for (const one of order) {
      start = one[0];
      tail.push(one);
      held += one[1];
      if (held >= wanted) break;
    }
    const log = Math.LN2 / STEPS;
    let excess = 0;
    for (const [bucket, n] of tail) excess += n * Math.abs(bucket - start) * log;
    const scale = Math.max(LEAST_SCALE, (excess + LEAST_SCALE) / (held + 1) + log / 2);
    return Math.max(1e-300, (held / this.#total) * Math.exp(-(Math.abs(at - start) * log) / scale));
  }

  /** Plain JSON. */
  save(): { refused: number; counts: [bucket: number, n: number][] } {
    return { refused: this.#refused, counts: [...this.#counts] };
  }

  static load(saved: ReturnType<ParameterLevels["save"]>): ParameterLevels {
    const levels = new ParameterLevels();
    levels.#refused = saved.refused;
    for (const [bucket, n] of saved.counts) {
      levels.#counts.set(bucket, n);
      levels.#total += n;
    }
    return levels;
  }
}

const bucketOf = (value: number): number =>
  value <= 2 ** LEAST ? 0 : Math.min(BUCKETS - 1, Math.max(0, Math.floor((Math.log2(value) - LEAST) * STEPS)));
