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
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
