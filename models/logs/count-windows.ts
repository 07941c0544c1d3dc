/** Anomalies in template counts of windows, where lines have no session. */

export interface WindowOpinion {
  /** Probability of a window at least as odd, of a normal stream, (0, 1]. */
  readonly p: number;
  /** Of the oddest count alone. */
  readonly countP: number;
  /** Of as many new templates. */
  readonly newP: number;
  /** The template of the oddest count. */
  readonly template: number | undefined;
}

export interface CountWindowsOptions {
  /** Slowest learning rate, (0, 1). */
  rate?: number;
  /** Windows before an opinion. */
  warmup?: number;
  /** A window with a smaller p teaches nothing, unless too many in a row have one. */
  learnAbove?: number;
}

interface Level {
  mean: number;
  variance: number;
  /** Windows that had the template, as far as 2. */
  seen: number;
}

/** So many windows without learning are a new normal. */
const NEW_NORMAL = 30;
/** Mean and variance are estimates: the variance believed in is larger by this many learning rates. */
const DOUBT = 5;
const MOST_TEMPLATES = 20_000;

/**
 * Counts per template as negative binomial (mean and variance exponentially weighted), two-sided, Sidak-corrected over
 * templates; new templates by Good-Turing: the templates that one window had,
 * over the number of windows. No labels: windows found odd are
 * not learned. `score` is pure; O(known templates) a window, memory 100 bytes a template, at most 20,000.
 * @see Good 1953, Biometrika 40(3-4); Hilbe 2011, "Negative Binomial Regression"
 */
export class CountWindows {
  readonly #rate: number;
  readonly #warmup: number;
  readonly #learnAbove: number;
  readonly #levels = new Map<number, Level>();
  #windows = 0;
  /** Templates that only one window had. */
  #once = 0;
  #refused = 0;

  constructor({ rate = 0.01, warmup = 30, learnAbove = 0.01 }: CountWindowsOptions = {}) {
    if (!(rate > 0 && rate < 1)) throw new RangeError(`CountWindows: rate is ${rate}; give (0, 1)`);
    this.#rate = rate;
    this.#warmup = warmup;
    this.#learnAbove = learnAbove;
  }

  /** Undefined while cold. `counts`: lines by template. */
  score(counts: ReadonlyMap<number, number>): WindowOpinion | undefined {
    if (this.#windows < this.#warmup) return undefined;
    const doubt = 1 + DOUBT * Math.max(this.#rate, 1 / this.#windows);
    let least = 1;
    let template: number | undefined;
    for (const [id, level] of this.#levels) {
      const p = twoSided(counts.get(id) ?? 0, level.mean, level.variance * doubt);
      if (p < least) {
        least = p;
        template = id;
      }
    }
    const countP = sidak(least, this.#levels.size);
    let fresh = 0;
    for (const id of counts.keys()) if (!this.#levels.has(id)) fresh++;
    const newP = fresh === 0 ? 1 : Math.min(1, (this.#once + 0.5) / (this.#windows + 1));
    return { p: sidak(Math.min(countP, newP), 2), countP, newP, template };
  }

  /** Templates that have become one are one here too: their means and variances add up. O(known templates). */
  rename(now: (id: number) => number): void {
    for (const [id, level] of this.#levels) {
      const live = now(id);
      if (live === id) continue;
      this.#levels.delete(id);
      const other = this.#levels.get(live);
      if (!other) {
        this.#levels.set(live, level);
        continue;
      }
      if (level.seen === 1) this.#once--;
      if (other.seen === 1) this.#once--;
      other.mean += level.mean;
      other.variance += level.variance;
      other.seen = 2;
    }
  }

  learn(counts: ReadonlyMap<number, number>): void {
    const opinion = this.score(counts);
    if (opinion && opinion.p < this.#learnAbove && ++this.#refused < NEW_NORMAL) return;
    this.#refused = 0;
    this.#windows++;
    const rate = Math.max(this.#rate, 1 / this.#windows);
    for (const [id, count] of counts) {
      const level = this.#levels.get(id);
      if (level?.seen === 1) this.#once--;
      if (level) level.seen = 2;
      else if (this.#levels.size < MOST_TEMPLATES) {
        this.#levels.set(id, { mean: 0, variance: count, seen: 1 });
        this.#once++;
      }
    }
    for (const [id, level] of this.#levels) {
      const difference = (counts.get(id) ?? 0) - level.mean;
      level.mean += rate * difference;
      level.variance = (1 - rate) * (level.variance + rate * difference * difference);
    }
  }

  /** Plain JSON. */
  save(): { windows: number; refused: number; levels: [id: number, mean: number, variance: number, seen: number][] } {
    const levels = [...this.#levels].map(([id, l]): [number, number, number, number] => [
      id,
      l.mean,
      l.variance,
      l.seen,
    ]);
    return { windows: this.#windows, refused: this.#refused, levels };
  }

  static load(saved: ReturnType<CountWindows["save"]>, options: CountWindowsOptions = {}): CountWindows {
    const model = new CountWindows(options);
    model.#windows = saved.windows;
    model.#refused = saved.refused;
    for (const [id, mean, variance, seen] of saved.levels) {
      model.#levels.set(id, { mean, variance, seen });
      if (seen === 1) model.#once++;
    }
    return model;
  }
}

const sidak = (p: number, tests: number): number => -Math.expm1(tests * Math.log1p(-Math.min(p, 1 - 1e-12)));

/** Twice the smaller tail of the count. */
function twoSided(count: number, mean: number, variance: number): number {
  const mu = Math.max(mean, 1e-3);
  const spread = Math.max(variance, mu * 1.02 + 1e-6);
  const size = (mu * mu) / (spread - mu);
  const success = size / (size + mu);
  const atMost = incompleteBeta(success, size, count + 1);
  const below = count === 0 ? 0 : incompleteBeta(success, size, count);
  return Math.min(1, 2 * Math.min(atMost, 1 - below));
}

/** Regularised incomplete beta by continued fraction. @see Press et al., "Numerical Recipes", 6.4 */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? (front * fraction(x, a, b)) / a : 1 - (front * fraction(1 - x, b, a)) / b;
}

function fraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const safe = (v: number) => (Math.abs(v) < tiny ? tiny : v);
  let c = 1;
  let d = 1 / safe(1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m <= 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / safe(1 + even * d);
    c = safe(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / safe(1 + odd * d);
    c = safe(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-12) break;
  }
  return h;
}

const LANCZOS = [
  76.18009172947146, -86.50532032941678, 24.01409824083091, -1.231739572450155, 1.208650973866179e-3,
  -5.395239384953e-6,
];

function logGamma(x: number): number {
  const t = x + 5.5 - (x + 0.5) * Math.log(x + 5.5);
  let sum = 1.000000000190015;
  for (const [i, c] of LANCZOS.entries()) sum += c / (x + 1 + i);
  return -t + Math.log((2.5066282746310007 * sum) / x);
}
