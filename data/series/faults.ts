/** Faults to plant in a series of values, in place. `scale` is the usual deviation of the series. */
import type { Random } from "./random.ts";

export interface Place {
  readonly values: Float64Array;
  readonly from: number;
  readonly scale: number;
  readonly random: Random;
}
/** Plants one fault from row `from`; gives its length in rows. */
export type Fault = (place: Place) => number;

const sign = (r: Random) => (r.uniform() < 0.5 ? -1 : 1);
/** Value that this share of the 500 rows before does not reach. */
function quantileBefore(values: Float64Array, from: number, share: number): number {
  const before = values.slice(Math.max(0, from - 500), Math.max(1, from)).sort();
  return before[Math.floor(share * (before.length - 1))] as number;
}
const each = (values: Float64Array, from: number, rows: number, change: (v: number, i: number) => number): number => {
  const end = Math.min(values.length, from + rows);
  for (let i = from; i < end; i++) values[i] = change(values[i] as number, i - from);
  return end - from;
};

export const FAULTS = {
  spike({ values, from, scale, random }) {
    const height = (5 + 7 * random.uniform()) * scale;
    return each(values, from, random.integer(1, 5), (v) => v + height);
  },
  dip({ values, from, scale, random }) {
    const depth = (4 + 4 * random.uniform()) * scale;
    return each(values, from, random.integer(2, 12), (v) => v - depth);
  },
  shift({ values, from, scale, random }) {
    const by = sign(random) * (3 + 3 * random.uniform()) * scale;
    return each(values, from, random.integer(100, 400), (v) => v + by);
  },
  ramp({ values, from, scale, random }) {
    const [rows, by] = [random.integer(60, 250), sign(random) * (4 + 4 * random.uniform()) * scale];
    return each(values, from, rows, (v, i) => v + (by * i) / rows);
  },
  noisy({ values, from, scale, random }) {
    const more = (2 + 2 * random.uniform()) * scale;
    return each(values, from, random.integer(30, 150), (v) => v + more * random.normal());
  },
  flat({ values, from, random }) {
    const stuck = values[from] as number;
    return each(values, from, random.integer(60, 300), () => stuck);
  },
  outage({ values, from, random }) {
    return each(values, from, random.integer(10, 100), () => 0);
  },
  oscillation({ values, from, scale, random }) {
    const [height, period] = [(2.5 + 2 * random.uniform()) * scale, random.integer(4, 16)];
    return each(values, from, random.integer(40, 160), (v, i) => v + height * Math.sin((2 * Math.PI * i) / period));
  },
  /** Spikes now and then, or many together. */
  burst({ values, from, scale, random }) {
    const [often, height] = [0.03 + 0.3 * random.uniform(), (4 + 4 * random.uniform()) * scale];
    return each(values, from, random.integer(60, 200), (v, i) =>
      i === 0 || random.uniform() < often ? v + height * (0.7 + 0.6 * random.uniform()) : v,
    );
  },
  /** Single rows that read 0. */
  dropouts({ values, from, random }) {
    const often = 0.03 + 0.3 * random.uniform();
    return each(values, from, random.integer(60, 200), (v, i) => (i === 0 || random.uniform() < often ? 0 : v));
  },
  /** Too slow for a row to tell. */
  drift({ values, from, scale, random }) {
    const [rows, by] = [random.integer(400, 800), sign(random) * (3 + 3 * random.uniform()) * scale];
    return each(values, from, rows, (v, i) => v + (by * i) / rows);
  },
  /** Less noise than usual. */
  quiet({ values, from, random }) {
    const [middle, left] = [quantileBefore(values, from, 0.5), 0.05 + 0.15 * random.uniform()];
    return each(values, from, random.integer(100, 400), (v) => middle + left * (v - middle));
  },
  /** High values fail to come: a peak, a job. */
  missing({ values, from, random }) {
    const most = quantileBefore(values, from, 0.2);
    return each(values, from, random.integer(100, 400), (v) => Math.min(v, most));
  },
  /** A limit that cuts the peaks. */
  saturated({ values, from, random }) {
    const most = quantileBefore(values, from, 0.6 + 0.2 * random.uniform());
    return each(values, from, random.integer(150, 500), (v) => Math.min(v, most));
  },
  /** What was before, again: late, or stuck in a loop. */
  delayed({ values, from, random }) {
    const [by, old] = [random.integer(20, Math.min(150, from)), values.slice()];
    return each(values, from, random.integer(150, 500), (_, i) => old[from + i - by] as number);
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
