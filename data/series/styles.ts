/**
 * Styles of fault-free metrics, as servers, sensors and people make them. Each gives one value a row; `phase` is the time of
 * day in [0, 1), `day` the number of the day from 0 (0 and 6 of seven are the weekend).
 */
import type { Random } from "./random.ts";

export interface Row {
  readonly phase: number;
  readonly day: number;
  readonly row: number;
}
export type Style = (random: Random) => (at: Row) => number;

const wave = (phase: number) => Math.sin(2 * Math.PI * phase);
const weekend = (day: number) => day % 7 === 0 || day % 7 === 6;
/** First-order autoregressive noise of deviation 1. */
function ar1({ normal }: Random, keep: number): () => number {
  let last = normal();
  return () => {
    last = keep * last + Math.sqrt(1 - keep * keep) * normal();
    return last;
  };
}

export const STYLES = {
  /** Requests of people: a day, a quieter weekend, Poisson. */
  requests(r) {
    const [level, depth, quiet] = [20 + 400 * r.uniform(), 0.5 + 0.4 * r.uniform(), 0.4 + 0.5 * r.uniform()];
    const shift = r.uniform();
    return ({ phase, day }) => r.poisson(level * (1 + depth * wave(phase + shift)) * (weekend(day) ? quiet : 1));
  },
  /** CPU of a busy machine: correlated, a slight day. */
  cpu(r) {
    const [level, depth, noise] = [20 + 50 * r.uniform(), 10 * r.uniform(), 2 + 5 * r.uniform()];
    const drift = ar1(r, 0.9);
    return ({ phase }) => Math.min(100, Math.max(0, level + depth * wave(phase) + noise * drift()));
  },
  /** CPU of an idle machine: nearly constant, steps of the counter, rare bursts. */
  idle(r) {
    const [level, step, often] = [0.05 + 2 * r.uniform(), 0.02, 0.002 + 0.01 * r.uniform()];
    return () => (r.uniform() < often ? level * (2 + 3 * r.uniform()) : level + step * Math.round(1.5 * r.normal()));
  },
  /** A sensor: slow, strongly correlated, mean-reverting. */
  sensor(r) {
    const [level, spread] = [10 + 80 * r.uniform(), 1 + 6 * r.uniform()];
    const slow = ar1(r, 0.995);
    return () => level + spread * slow() + 0.1 * spread * r.normal();
  },
  /** Mentions of a name: few counts with heavy tails of their own. */
  mentions(r) {
    const [level, tail] = [2 + 40 * r.uniform(), 1.5 + r.uniform()];
    const mood = ar1(r, 0.95);
    return ({ phase }) => {
      const burst = r.uniform() < 0.01 ? r.uniform() ** (-1 / tail) : 1;
      return r.poisson(level * (1 + 0.5 * wave(phase)) * Math.exp(0.3 * mood()) * Math.min(burst, 30));
    };
  },
  /** Memory that fills and is collected. */
  sawtooth(r) {
    const [period, low, high] = [r.integer(30, 300), 20 + 20 * r.uniform(), 60 + 30 * r.uniform()];
    let at = 0;
    let length = period;
    return () => {
      if (++at >= length) {
        at = 0;
        length = Math.round(period * (0.9 + 0.2 * r.uniform()));
      }
      return low + ((high - low) * at) / length + 0.5 * r.normal();
    };
  },
  /** A batch job at a fixed interval that is no day. */
  batch(r) {
    const [period, width] = [r.integer(20, 180), r.integer(2, 12)];
    const [low, high] = [5 + 5 * r.uniform(), 40 + 60 * r.uniform()];
    return ({ row }) => Math.max(0, (row % period < width ? high : low) + (0.05 * high + 1) * r.normal());
  },
  /** Network bytes: log-normal, correlated. */
  bytes(r) {
    const [level, spread] = [1e4 * 10 ** (4 * r.uniform()), 0.2 + 0.8 * r.uniform()];
    const slow = ar1(r, 0.7);
    return ({ phase }) => Math.round(level * Math.exp(spread * slow() + 0.3 * wave(phase)));
  },
  /** Two levels between which work is switched, dwelling for hours. */
  regimes(r) {
    const [a, b, noise] = [10 + 20 * r.uniform(), 40 + 40 * r.uniform(), 1 + 3 * r.uniform()];
    let high = false;
    return () => {
      if (r.uniform() < 1 / 150) high = !high;
      return (high ? b : a) + noise * r.normal();
    };
  },
  /** Working hours only, else silence. */
  office(r) {
    const [level, noise] = [50 + 100 * r.uniform(), 3 + 10 * r.uniform()];
    return ({ phase, day }) =>
      phase > 8 / 24 && phase < 18 / 24 && !weekend(day)
        ? level + noise * r.normal()
        : Math.abs(0.1 * noise * r.normal());
  },
  /** Disk writes: mostly nothing, now and then a flush of typical size. */
  flushes(r) {
    const [often, size] = [0.02 + 0.1 * r.uniform(), 1e6 * (1 + 9 * r.uniform())];
    return () => (r.uniform() < often ? Math.round(size * (0.8 + 0.4 * r.uniform())) : 0);
  },
  /** Speed of traffic: a limit, and queues at two times of the day. */
  traffic(r) {
    const [free, jam] = [60 + 30 * r.uniform(), 20 + 25 * r.uniform()];
    const noise = ar1(r, 0.6);
    return ({ phase, day }) => {
      const rush = Math.exp(-(((phase - 0.35) / 0.03) ** 2)) + Math.exp(-(((phase - 0.73) / 0.04) ** 2));
      return Math.round(free - (weekend(day) ? 0.2 : 1) * jam * rush + 4 * noise());
    };
  },
  /** Independent noise round a constant. */
  noise(r) {
    const [level, spread] = [100 * r.uniform(), 1 + 10 * r.uniform()];
    return () => level + spread * r.normal();
  },
  /** A cost per click: hourly, irregular, skewed. */
  price(r) {
    const [level, spread] = [0.05 + r.uniform(), 0.1 + 0.3 * r.uniform()];
    const slow = ar1(r, 0.8);
    return ({ phase }) => level * Math.exp(spread * slow() + 0.1 * wave(phase)) + (r.uniform() < 0.004 ? level : 0);
  },
  /** A narrow peak at one time of every day, as of a backup. */
  nightly(r) {
    const [level, noise, at, width] = [
      10 + 30 * r.uniform(),
      1 + 4 * r.uniform(),
      r.uniform(),
      0.01 + 0.04 * r.uniform(),
    ];
    const height = (4 + 8 * r.uniform()) * noise;
    return ({ phase }) => level + ((phase - at + 1) % 1 < width ? height : 0) + noise * r.normal();
  },
  /** A disk that fills slowly, with a day. */
  growing(r) {
    const [level, slope, depth] = [20 + 30 * r.uniform(), 0.002 + 0.008 * r.uniform(), 3 * r.uniform()];
    const noise = ar1(r, 0.8);
    return ({ phase, row }) => level + slope * row + depth * wave(phase) + 0.7 * noise();
  },
  /** Latency: log-normal about a level that moves, with rare outliers. */
  latency(r) {
    const [level, spread, often] = [5 + 100 * r.uniform(), 0.1 + 0.3 * r.uniform(), 0.002 + 0.008 * r.uniform()];
    const slow = ar1(r, 0.98);
    return () => {
      const outlier = r.uniform() < often ? 1 + 4 * r.uniform() : 1;
      return level * Math.exp(0.15 * slow() + spread * r.normal()) * outlier;
    };
  },
} satisfies Record<string, Style>;

export type StyleName = keyof typeof STYLES;
