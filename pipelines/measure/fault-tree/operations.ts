/** The operations of Open-PSA's stochastic layer: numbers in, a number out. A deviate stands for its mean. */
import { normalQuantile } from "../../../models/survival/normal.ts";
import { periodicTest } from "./periodic-test.ts";

export interface Operation {
  readonly min: number;
  readonly max: number;
  /** NaN, or a reason in words, where the arguments are out of range. */
  readonly apply: (args: readonly number[]) => number | string;
  /** Of a random deviate: a draw, from a uniform number in (0, 1) a call. */
  readonly sample?: (args: readonly number[], random: () => number) => number;
}

const one = (apply: (x: number) => number | string): Operation => ({ min: 1, max: 1, apply: ([x = 0]) => apply(x) });
const two = (apply: (x: number, y: number) => number | string): Operation => ({
  min: 2,
  max: 2,
  apply: ([x = 0, y = 0]) => apply(x, y),
});
const many = (apply: (args: readonly number[]) => number | string): Operation => ({ min: 1, max: 100_000, apply });
const truth = (b: boolean) => (b ? 1 : 0);
const fold = (f: (a: number, b: number) => number) => many((args) => args.reduce(f));

/** Quantile of the standard normal at 0.95: the level that error factors are usually given at. */
const Z95 = 1.6448536269514722;

const gaussian = (random: () => number) => normalQuantile(random());

/** @see Marsaglia & Tsang 2000, ACM TOMS 26(3) */
function gammaDraw(shape: number, random: () => number): number {
  if (shape < 1) return gammaDraw(shape + 1, random) * random() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = gaussian(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Location and spread of the logarithm: from mean, error factor and its level, or as given. */
function lognormal(args: readonly number[]): { mu: number; sigma: number } | string {
  const [a = 0, b = 0, level = 0.95] = args;
  if (args.length === 2) return b > 0 ? { mu: a, sigma: b } : "the deviation of a lognormal must be > 0";
  if (!(a > 0)) return "the mean of a lognormal must be > 0";
  if (!(b >= 1)) return "the error factor of a lognormal must be >= 1";
  if (!(level > 0.5 && level < 1)) return "the level of an error factor must be in (0.5, 1)";
  const sigma = Math.log(b) / (level === 0.95 ? Z95 : normalQuantile(level));
  return { mu: Math.log(a) - (sigma * sigma) / 2, sigma };
}

/** Bins of a histogram come flat: lower bound first, then (upper bound, weight) pairs. */
function histogramMean(args: readonly number[]): number | string {
  let total = 0;
  let sum = 0;
  for (let i = 1; i + 1 < args.length; i += 2) {
    const [low, high, weight] = [args[i === 1 ? 0 : i - 2]!, args[i]!, args[i + 1]!];
    if (!(high > low)) return "the bounds of a histogram must rise";
    if (!(weight >= 0)) return "the weights of a histogram must be >= 0";
    total += weight;
    sum += (weight * (low + high)) / 2;
  }
  return total > 0 ? sum / total : "a histogram needs a weight > 0";
}
function histogramDraw(args: readonly number[], random: () => number): number {
  let total = 0;
  for (let i = 2; i < args.length; i += 2) total += args[i]!;
  let left = random() * total;
  for (let i = 1; i + 1 < args.length; i += 2) {
    const [low, high, weight] = [args[i === 1 ? 0 : i - 2]!, args[i]!, args[i + 1]!];
    if (left <= weight || i + 3 > args.length)
      return low + (high - low) * (weight > 0 ? Math.min(1, left / weight) : 0);
    left -= weight;
  }
  return Number.NaN;
}

const rateTime = (rate: number, time: number) =>
  rate < 0 ? "a rate must be >= 0" : time < 0 ? "a time must be >= 0" : undefined;

/** @see Open-PSA Model Exchange Format 2.0d, stochastic layer */
export const operations: Readonly<Record<string, Operation>> = {
  pi: { min: 0, max: 0, apply: () => Math.PI },
  neg: one((x) => -x),
  add: fold((a, b) => a + b),
  sub: fold((a, b) => a - b),
  mul: fold((a, b) => a * b),
  div: many((args) => (args.slice(1).includes(0) ? "a division by zero" : args.reduce((a, b) => a / b))),
  abs: one(Math.abs),
  acos: one(Math.acos),
  asin: one(Math.asin),
  atan: one(Math.atan),
  cos: one(Math.cos),
  cosh: one(Math.cosh),
  exp: one(Math.exp),
  log: one((x) => (x > 0 ? Math.log(x) : "the logarithm of a number <= 0")),
  log10: one((x) => (x > 0 ? Math.log10(x) : "the logarithm of a number <= 0")),
  mod: two((x, y) => (y === 0 ? "a division by zero" : x % y)),
  pow: two((x, y) => x ** y),
  sin: one(Math.sin),
  sinh: one(Math.sinh),
  tan: one(Math.tan),
  tanh: one(Math.tanh),
  sqrt: one((x) => (x >= 0 ? Math.sqrt(x) : "the root of a number < 0")),
  ceil: one(Math.ceil),
  floor: one(Math.floor),
  min: fold((a, b) => Math.min(a, b)),
  max: fold((a, b) => Math.max(a, b)),
  mean: many((args) => args.reduce((a, b) => a + b) / args.length),
  not: one((x) => truth(x === 0)),
  and: many((args) => truth(args.every((x) => x !== 0))),
  or: many((args) => truth(args.some((x) => x !== 0))),
  eq: two((x, y) => truth(x === y)),
  df: two((x, y) => truth(x !== y)),
  lt: two((x, y) => truth(x < y)),
  gt: two((x, y) => truth(x > y)),
  leq: two((x, y) => truth(x <= y)),
  geq: two((x, y) => truth(x >= y)),
  exponential: two((rate, time) => rateTime(rate, time) ?? -Math.expm1(-rate * time)),
  GLM: {
    min: 4,
    max: 4,
    apply([gamma = 0, lambda = 0, mu = 0, time = 0]) {
      if (!(gamma >= 0 && gamma <= 1)) return "the failure probability on demand must be in [0, 1]";
      const wrong = rateTime(Math.min(lambda, mu), time);
      const rate = lambda + mu;
      return (
        wrong ?? (rate === 0 ? gamma : gamma * Math.exp(-rate * time) - (lambda / rate) * Math.expm1(-rate * time))
      );
    },
  },
  Weibull: {
    min: 4,
    max: 4,
    apply([scale = 0, shape = 0, shift = 0, time = 0]) {
      if (!(scale > 0 && shape > 0)) return "scale and shape of a Weibull must be > 0";
      if (shift < 0 || time < 0) return "a time must be >= 0";
      return time <= shift ? 0 : -Math.expm1(-(((time - shift) / scale) ** shape));
    },
  },
  "periodic-test": { min: 4, max: 11, apply: periodicTest },
  "uniform-deviate": {
    ...two((low, high) => (high > low ? (low + high) / 2 : "the bounds of a uniform must rise")),
    sample: ([low = 0, high = 0], random) => low + (high - low) * random(),
  },
  "normal-deviate": {
    ...two((mean, sigma) => (sigma > 0 ? mean : "the deviation of a normal must be > 0")),
    sample: ([mean = 0, sigma = 0], random) => mean + sigma * gaussian(random),
  },
  "lognormal-deviate": {
    min: 2,
    max: 3,
    apply(args) {
      const law = lognormal(args);
      return typeof law === "string" ? law : Math.exp(law.mu + (law.sigma * law.sigma) / 2);
    },
    sample(args, random) {
      const law = lognormal(args);
      return typeof law === "string" ? Number.NaN : Math.exp(law.mu + law.sigma * gaussian(random));
    },
  },
  "gamma-deviate": {
    ...two((shape, scale) => (shape > 0 && scale > 0 ? shape * scale : "shape and scale of a gamma must be > 0")),
    sample: ([shape = 1, scale = 1], random) => gammaDraw(shape, random) * scale,
  },
  "beta-deviate": {
    ...two((a, b) => (a > 0 && b > 0 ? a / (a + b) : "the shapes of a beta must be > 0")),
    sample([a = 1, b = 1], random) {
      const x = gammaDraw(a, random);
      return x / (x + gammaDraw(b, random));
    },
  },
  histogram: { min: 3, max: 100_001, apply: histogramMean, sample: histogramDraw },
};
