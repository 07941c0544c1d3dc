import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadStreamModel, type StreamModel, streamModel } from "../../../models/stream/model.ts";
import { startPast, varEnergies, workFor } from "../../../models/stream/var-energies.ts";
import { fitVar } from "../../../models/stream/var-fit.ts";
import { normal } from "../noise.ts";
import { lcg } from "./lcg.ts";

const DIMS = 5;
const SCALES = [1, 1e6, 1e-4, 50, 3000];

/** Five columns of very different scale that move together. */
function usual(n: number, seed: number): Float64Array {
  const z = normal(seed);
  const out = new Float64Array(n * DIMS);
  let shared = 0;
  for (let i = 0; i < n; i++) {
    shared = 0.9 * shared + 0.4 * z();
    for (let j = 0; j < DIMS; j++) out[i * DIMS + j] = SCALES[j]! * (10 + shared * (j % 2 ? -1 : 1) + 0.2 * z());
  }
  return out;
}
const outFor = (n: number) => ({
  score: new Float64Array(n),
  alarm: new Float64Array(n),
  tail: new Float64Array(n),
  column: new Int32Array(n),
  expected: new Float64Array(n),
  scale: new Float64Array(n),
});
function observe(model: StreamModel, rows: Float64Array, chunk = 1000) {
  const n = rows.length / model.dims;
  const all = outFor(n);
  const times = Float64Array.from({ length: n }, (_, i) => 1.6e12 + i * 60_000);
  for (let from = 0; from < n; from += chunk) {
    const to = Math.min(n, from + chunk);
    const part = Object.fromEntries(Object.entries(all).map(([k, v]) => [k, v.subarray(from, to)])) as typeof all;
    model.observe(times.subarray(from, to), rows.subarray(from * model.dims, to * model.dims), part);
  }
  return all;
}
const fitted = () => {
  const model = streamModel(DIMS);
  model.fit(new Float64Array(1500).fill(Number.NaN), usual(1500, 1));
  return model;
};
/** From row `at` on, column 3 does the opposite of the others. */
function broken(n: number, at: number, rows: number): Float64Array {
  const out = usual(n, 2);
  for (let i = at; i < at + rows; i++) out[i * DIMS + 3] = SCALES[3]! * 20 - out[i * DIMS + 3]!;
  return out;
}
const mean = (xs: Float64Array) => xs.reduce((a, b) => a + b, 0) / xs.length;
const anything = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, Number.NaN, Infinity, -Infinity, 1e300, -1e300, 5e-324) },
);

describe("vector autoregression", () => {
  it("gives the energies of the research prototype (research/metrics/run.py, numpy 2.4)", () => {
    const u = lcg(240 * 3, 11);
    const x = new Float64Array(240 * 3);
    const sum = [0, 0, 0];
    for (let i = 0; i < 240; i++) {
      const row = [u[i * 3]!, 0.5 * u[i * 3]! + 0.5 * u[i * 3 + 1]!, u[i * 3 + 2]!];
      row.forEach((v, j) => {
        sum[j]! += v - 0.5;
        x[i * 3 + j] = sum[j]! * 0.02 + 0.5;
      });
    }
    const fit = fitVar(x.subarray(0, 600), 3);
    const past = startPast(fit);
    const [work, energies] = [workFor(fit), new Float64Array(4)];
    const expected: Record<number, number[]> = {
      10: [6.494534287828925, 2.9135437563068085, 5.062904042649307, 1.741994333780335],
      100: [4.9946733827618415, 1.1866610807272124, 0.7682059134707009, 1.0068226507949012],
      199: [1.6158830156723238, 0.8023458670601656, 8.570913935728488, 0.49609846446091704],
    };
    for (let i = 0; i < 200; i++) {
      varEnergies(fit, past, x.subarray(i * 3, i * 3 + 3), new Float64Array(3), work, energies);
      expected[i]?.forEach((e, k) => {
        expect(energies[k]! / e).toBeCloseTo(1, 9);
      });
    }
  });
});

describe.each([
  ["fitted", fitted],
  ["learning on the way", () => streamModel(DIMS)],
])("multivariate model, %s", (_, make) => {
  it("is causal, however the rows are cut into calls", () => {
    const rows = broken(1200, 900, 30);
    const whole = observe(make(), rows);
    for (const cut of [0, 1, 33, 700, 1000]) {
      const prefix = observe(make(), rows.slice(0, cut * DIMS), 77);
      for (const key of ["score", "alarm", "tail", "column", "expected", "scale"] as const)
        expect(Array.from(prefix[key])).toEqual(Array.from(whole[key].subarray(0, cut)));
    }
  });

  it("finds a column that breaks with the others though its values are usual, alarms, and names it", () => {
    const { score, alarm, column } = observe(make(), broken(2000, 1500, 40));
    const during = mean(score.slice(1505, 1540));
    expect(during).toBeGreaterThan(Math.max(...score.slice(1000, 1500)));
    expect(alarm.slice(1500, 1540).some((a) => a >= 0.5)).toBe(true);
    expect(column.slice(1500, 1540).filter((c) => c === 3).length).toBeGreaterThan(10);
  });

  it("goes on from a saved state that went through JSON", () => {
    const rows = broken(1200, 900, 30);
    const model = make();
    observe(model, rows.slice(0, 800 * DIMS));
    const copy = loadStreamModel(JSON.parse(JSON.stringify(model.save())));
    const rest = rows.slice(800 * DIMS);
    expect(observe(copy, rest)).toEqual(observe(model, rest));
    expect(copy.save()).toEqual(model.save());
  });

  it("scores purely", () => {
    const model = make();
    observe(model, usual(300, 3));
    const before = model.save();
    const [asked, times] = [outFor(2), Float64Array.of(1.7e12, 1.7e12)];
    const rows = broken(2, 0, 2);
    model.score(times, rows, asked);
    expect(model.save()).toEqual(before);
    const next = outFor(1);
    model.observe(times.slice(0, 1), rows.slice(0, DIMS), next);
    expect(next.score[0]).toBe(asked.score[0]);
  });

  it("stays within its bounds whatever comes", () =>
    fc.assert(
      fc.property(fc.array(anything, { minLength: 60 * DIMS, maxLength: 90 * DIMS, size: "max" }), (values) => {
        const rows = Float64Array.from(values.slice(0, values.length - (values.length % DIMS)));
        const model = make();
        const { score, alarm } = observe(model, rows);
        expect(score.every((s) => s >= 0 && s <= 1)).toBe(true);
        expect(alarm.every((a) => a === 0 || (a >= 0.5 && a <= 1))).toBe(true);
        expect(Object.values(model.save().values).flat().every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 20 },
    ));
});

describe("multivariate model", () => {
  it("scores the same whatever the units", () => {
    const rows = broken(1500, 1200, 40);
    const scaled = rows.map((v, i) => v * 2 ** (5 * (i % DIMS) - 9));
    const [a, b] = [observe(streamModel(DIMS), rows), observe(streamModel(DIMS), scaled)];
    for (let i = 0; i < 1500; i++) expect(b.score[i]).toBeCloseTo(a.score[i]!, 6);
  });

  it("takes constant and empty columns, and notices when they move", () => {
    const rows = usual(1500, 4);
    for (let i = 0; i < 1500; i++) {
      rows[i * DIMS] = 7;
      rows[i * DIMS + 1] = Number.NaN;
      rows[i * DIMS + 2] = i < 1200 ? 0 : 1e-3;
    }
    const { score, column } = observe(streamModel(DIMS), rows);
    expect(score[1203]).toBeGreaterThan(Math.max(...score.slice(600, 1200)));
    expect(column[1200]).toBe(2);
  });

  it("cuts very many columns into groups", () => {
    const dims = 120;
    const z = normal(3);
    const rows = Float64Array.from({ length: 700 * dims }, () => z());
    for (let j = 0; j < dims; j++) rows[600 * dims + j]! += j % 3 === 0 ? 8 : 0;
    const n = 700;
    const out = outFor(n);
    streamModel(dims).observe(new Float64Array(n).fill(Number.NaN), rows, out);
    expect(out.score[600]).toBeGreaterThan(Math.max(...out.score.slice(300, 600)));
  });

  it("without a fit follows levels, as it does with one", () => {
    const model = streamModel(DIMS);
    observe(model, usual(2000, 5));
    const drift = () => (model.save().values.drift as number[])[0] as number;
    const before = drift();
    observe(
      model,
      usual(400, 6).map((v, k) => (k % DIMS === 0 ? v + 0.5 : v)),
    );
    expect(drift()).toBeGreaterThan(before + 0.02);
  });

  it("keeps a bounded past", () => {
    const model = streamModel(DIMS);
    observe(model, usual(16_384, 5));
    const size = JSON.stringify(model.save()).length;
    observe(model, usual(4096, 6));
    expect(JSON.stringify(model.save()).length).toBeLessThan(size * 1.05);
    expect(model.save().values.recent).toHaveLength(16_384 * DIMS);
  });

  it.each([0, 1, 3, 20])("takes a fit of %i rows for a beginning", (n) => {
    const model = streamModel(DIMS);
    model.fit(new Float64Array(n), usual(n, 1));
    expect(observe(model, usual(300, 2)).score.every((s) => s >= 0 && s <= 1)).toBe(true);
  });

  it("refuses rows of another width and states of another kind", () => {
    expect(() => streamModel(0)).toThrow(RangeError);
    expect(() => streamModel(3).observe(new Float64Array(2), new Float64Array(5), outFor(2))).toThrow(RangeError);
    expect(() => loadStreamModel({ ...streamModel(3).save(), version: 1 } as never)).toThrow(RangeError);
    expect(() => loadStreamModel({ ...fitted().save(), dims: 4 })).toThrow(RangeError);
  });
});
