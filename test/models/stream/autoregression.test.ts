import { expect, it } from "vitest";
import { AR_DOUBLES, ar, startAr, stepAr } from "../../../models/stream/autoregression.ts";
import { lcg } from "./lcg.ts";

/** Recursive least squares by the book, on a whole matrix. */
function byTheBook(inputs: readonly number[]): number[] {
  const n = 11;
  const p = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
  const w = new Array<number>(n).fill(0);
  const x = [...new Array<number>(10).fill(0), 1];
  return inputs.map((u) => {
    const error = u - w.reduce((s, v, j) => s + v * (x[j] as number), 0);
    const g = p.map((row) => row.reduce((s, v, j) => s + v * (x[j] as number), 0));
    const norm = 1 + g.reduce((s, v, j) => s + v * (x[j] as number), 0);
    const step = Math.max(-5, Math.min(5, error)) / norm;
    for (let i = 0; i < n; i++) {
      w[i] = (w[i] as number) + (g[i] as number) * step;
      const row = p[i] as number[];
      for (let j = 0; j < n; j++) row[j] = (row[j] as number) - ((g[i] as number) * (g[j] as number)) / norm;
    }
    x.splice(9, 1);
    x.unshift(u);
    return error;
  });
}

it("the autoregression that keeps half of its matrix errs as the whole one does, at any place of a row of doubles", () => {
  const inputs = Array.from(lcg(2000, 5), (u, i) => Math.sin(i / 7) + u + (i % 311 === 0 ? 12 : 0));
  const data = new Float64Array(AR_DOUBLES + 6);
  startAr(data, 3);
  const errors = inputs.map((u) => {
    ar.values[ar.INPUT] = u;
    stepAr(data, 3);
    return ar.values[ar.ERROR] as number;
  });
  for (const [i, e] of byTheBook(inputs).entries()) expect(errors[i]).toBeCloseTo(e, 9);
  expect([data[0], data[1], data[2], data.at(-1)]).toEqual([0, 0, 0, 0]);
});
