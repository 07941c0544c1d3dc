/** Series of many styles with faults planted at known places: to choose designs on, never the judge of a figure. */
import { FAULTS, type FaultName } from "./faults.ts";
import { random } from "./random.ts";
import { STYLES, type StyleName } from "./styles.ts";

export interface Planted {
  readonly style: StyleName;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  readonly faults: readonly { readonly kind: FaultName; readonly from: number; readonly rows: number }[];
  /** Rows round each fault's start, a tenth of the series in all: [first, last], as the windows of NAB. */
  readonly windows: readonly (readonly [number, number])[];
}

export interface GenerateOptions {
  seed: number;
  style: StyleName;
  rows?: number;
  stepMs?: number;
  /** Faults to plant; 0 for none. They start in the last three quarters of the rows. */
  faults?: number;
}

/** One series. The same options give the same series. O(rows). */
export function generate({ seed, style, rows = 4000, stepMs = 300_000, faults = 2 }: GenerateOptions): Planted {
  const r = random(seed);
  const next = STYLES[style](r);
  const startMs = 1_600_000_000_000 + r.integer(0, 7 * 288) * 300_000;
  const timesMs = Float64Array.from({ length: rows }, (_, i) => startMs + i * stepMs);
  const values = timesMs.map((t, row) => {
    const days = t / 86_400_000;
    return next({ phase: days % 1, day: Math.floor(days), row });
  });
  const mean = values.reduce((a, b) => a + b, 0) / rows;
  const scale = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / rows) || 1;
  const slot = Math.floor((0.75 * rows) / Math.max(1, faults));
  const planted = Array.from({ length: faults }, (_, f) => {
    const from = Math.floor(0.25 * rows) + f * slot + r.integer(0, Math.max(1, Math.floor(0.6 * slot)));
    const kind = r.pick(Object.keys(FAULTS) as FaultName[]);
    return { kind, from, rows: FAULTS[kind]({ values, from, scale, random: r }) };
  });
  const half = Math.floor(rows / 10 / Math.max(1, faults) / 2);
  const windows = planted.map(({ from }) => [Math.max(0, from - half), Math.min(rows - 1, from + half)] as const);
  return { style, timesMs, values, faults: planted, windows };
}
