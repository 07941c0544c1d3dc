import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { VectorModel, VectorModelKind } from "../../models/vector-model.ts";
import { normal } from "../models/noise.ts";

const DIMS = 8;
const PLANTED = [1, 6];
const LEVELS = Float64Array.from({ length: DIMS }, (_, d) => 10 ** (d % 4) * (d + 1));

/** Two factors drive four dimensions each, half of them downwards; each dimension has a little noise of its own. */
function usual(seed: number, n: number, dims = DIMS): Float64Array {
  const z = normal(seed);
  const out = new Float64Array(n * dims);
  for (let r = 0; r < n; r++) out.set(row([z(), z()], z, dims), r * dims);
  return out;
}

function row(factors: readonly [number, number], z: () => number, dims = DIMS): Float64Array {
  return Float64Array.from({ length: dims }, (_, d) => {
    const sign = d % 2 === 0 ? 1 : -1;
    return LEVELS[d % DIMS]! * (1 + 0.2 * (sign * factors[d < dims / 2 ? 0 : 1]! + 0.2 * z()));
  });
}

/** Rows in which the planted dimensions move against their factor: unusual together, usual one by one. */
function broken(seed: number, n: number): Float64Array[] {
  const z = normal(seed);
  return Array.from({ length: n }, (_, i) => {
    const a = (i % 2 === 0 ? 1 : -1) * (1 + (i % 5) / 5);
    const out = row([a, a], z);
    for (const d of PLANTED) out[d] = 2 * LEVELS[d]! - out[d]!;
    return out;
  });
}

const column = (rows: Float64Array, d: number) => rows.filter((_, i) => i % DIMS === d).sort();
const rowAt = (rows: Float64Array, r: number) => rows.slice(r * DIMS, (r + 1) * DIMS);
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const sum = (shares: Float64Array) => shares.reduce((a, b) => a + b, 0);
const topTwo = (shares: Float64Array) =>
  [...shares.keys()]
    .sort((a, b) => shares[b]! - shares[a]!)
    .slice(0, 2)
    .sort((a, b) => a - b);

const anything = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, Number.NaN, Infinity, -Infinity, 1e300, -1e300, 5e-324) },
);

/** The laws every kind of `VectorModel` keeps with its default options. */
export function checkVectorModel(name: string, kind: VectorModelKind<never>): void {
  describe(`${name} as a VectorModel`, () => {
    const training = usual(1, 1000);
    const fresh = usual(2, 4000);
    let model: VectorModel;
    let high: number;
    beforeAll(async () => {
      model = await kind.fit(training, DIMS);
      high = model.score(fresh).sort()[Math.floor(0.999 * 4000)]!;
    });

    it("says what it is", () => {
      expect([model.name, model.dims]).toEqual([name, DIMS]);
      expect(model.save()).toMatchObject({ kind: name, version: 1 });
    });

    it("scores broken correlation above the 99.9 % quantile of usual rows, though no dimension shows it alone", () => {
      const rows = broken(3, 40);
      for (const d of PLANTED) {
        const seen = column(fresh, d);
        for (const r of rows) expect(r[d]! > seen[20]! && r[d]! < seen[3979]!).toBe(true);
      }
      for (const r of rows) expect(model.score(r)[0]).toBeGreaterThan(high);
    });

    it("says which dimensions broke it", () => {
      const found = broken(4, 40).map((r) => {
        const shares = model.contributions(r);
        expect(sum(shares)).toBeCloseTo(1, 9);
        return topTwo(shares).filter((d) => PLANTED.includes(d)).length;
      });
      expect(Math.min(...found)).toBeGreaterThan(0);
      expect(found.filter((n) => n === 2).length).toBeGreaterThanOrEqual(36);
    });

    it("scores a level that is far off in one dimension, and names it", () => {
      const odd = rowAt(fresh, 0);
      odd[2] = LEVELS[2]! * 5;
      expect(model.score(odd)[0]).toBeGreaterThan(high);
      expect(topTwo(model.contributions(odd))).toContain(2);
    });

    it("gives finite scores >= 0 to whatever has enough values, and NaN to the rest", () =>
      fc.assert(
        fc.property(fc.array(anything, { minLength: DIMS, maxLength: DIMS }), (values) => {
          const odd = Float64Array.from(values);
          const opinion = values.filter(Number.isFinite).length >= DIMS / 2;
          const [score] = model.score(odd);
          const shares = model.contributions(odd);
          if (!opinion) expect([score, ...shares].every(Number.isNaN)).toBe(true);
          else {
            expect(score! >= 0 && score! < Infinity).toBe(true);
            expect(shares.every((s) => s >= 0 && s <= 1)).toBe(true);
          }
        }),
        { numRuns: 100 },
      ));

    it("takes a gap for no evidence", () => {
      for (let r = 0; r < 20; r++) {
        const gappy = rowAt(fresh, r);
        gappy[r % DIMS] = Number.NaN;
        expect(model.score(gappy)[0]).toBeLessThan(high * 1.5);
        expect(model.contributions(gappy)[r % DIMS]).toBe(0);
      }
      const [planted] = broken(5, 1) as [Float64Array];
      planted[0] = Number.NaN;
      expect(model.score(planted)[0]).toBeGreaterThan(high);
    });

    it("learns from rows with gaps", async () => {
      const some = training.map((v, i) => (i % 29 === 0 ? Number.NaN : v));
      const many = training.map((v, i) => (i % 5 === 0 ? Number.NaN : v));
      for (const rows of [some, many]) {
        const learned = await kind.fit(rows, DIMS);
        const limit = learned.score(fresh).sort()[Math.floor(0.999 * 4000)]!;
        for (const r of broken(6, 10)) expect(learned.score(r)[0]).toBeGreaterThan(limit);
      }
    });

    it("continues bit for bit from its saved state", async () => {
      const copy = await kind.load(json(model.save()));
      expect(copy.score(fresh)).toEqual(model.score(fresh));
      expect(copy.contributions(rowAt(fresh, 7))).toEqual(model.contributions(rowAt(fresh, 7)));
      expect(copy.save()).toEqual(model.save());
    });

    it("is the same model from the same rows, in whatever units they come", async () => {
      const scales = Float64Array.from({ length: DIMS }, (_, d) => 2 ** (3 * d - 10)); // powers of two: no rounding
      const again = await kind.fit(training.slice(), DIMS);
      expect(again.save()).toEqual(model.save());
      const scaled = (rows: Float64Array) => rows.map((v, i) => v * scales[i % DIMS]!);
      const moved = await kind.fit(scaled(training), DIMS);
      expect(moved.save().values).toEqual(model.save().values);
      expect(moved.score(scaled(fresh))).toEqual(model.score(fresh));
    });

    it("scores purely: nothing changes, and a row scores the same alone, among others or in another order", () => {
      const before = json(model.save());
      const rows = fresh.slice(0, 300 * DIMS);
      const scores = model.score(rows);
      expect(rows).toEqual(fresh.slice(0, 300 * DIMS));
      for (let r = 0; r < 300; r += 13) {
        const own = rowAt(rows, r);
        model.contributions(own);
        expect(model.score(own)[0]).toBe(scores[r]);
        expect(own).toEqual(rowAt(rows, r));
      }
      const reversed = Float64Array.from(
        { length: rows.length },
        (_, i) => rows[rows.length - DIMS - i + 2 * (i % DIMS)]!,
      );
      expect(model.score(reversed).reverse()).toEqual(scores);
      expect(model.score(new Float64Array(0))).toEqual(new Float64Array(0));
      expect(json(model.save())).toEqual(before);
    });

    it("survives more dimensions than rows", async () => {
      const wide = await kind.fit(usual(7, 20, 40), 40);
      const scores = wide.score(usual(8, 50, 40));
      expect(scores.every((s) => s >= 0 && s < Infinity)).toBe(true);
      const odd = usual(8, 1, 40).map((v, d) => (d === 3 ? 10 * v : v));
      expect(wide.score(odd)[0]).toBeGreaterThan(2 * scores[0]!);
      expect(topTwo(wide.contributions(odd))).toContain(3);
    });

    it("survives constant, copied and empty dimensions, and sees a constant change", async () => {
      const set = (v: number, i: number, rows: Float64Array) =>
        i % DIMS === 0 ? 5 : i % DIMS === 1 ? rows[i + 1]! : i % DIMS === 7 ? Number.NaN : v;
      const flat = await kind.fit(training.map(set), DIMS);
      const seen = fresh.map(set);
      const scores = flat.score(seen);
      expect(scores.every((s) => s >= 0 && s < Infinity)).toBe(true);
      const odd = rowAt(seen, 0);
      odd[0] = 10;
      expect(flat.score(odd)[0]).toBeGreaterThan(scores.sort()[3990]!);
      expect(topTwo(flat.contributions(odd))).toContain(0);
      const still = await kind.fit(new Float64Array(30 * DIMS).fill(3), DIMS);
      expect(still.score(new Float64Array(DIMS).fill(3))[0]).toBeLessThan(1e-3);
    });

    it("is not blinded by dimensions that do not move", async () => {
      const still = [0, 1, 100, 1e6];
      const wide = (rows: Float64Array) =>
        Float64Array.from({ length: (rows.length / DIMS) * (DIMS + still.length) }, (_, i) => {
          const [r, d] = [Math.floor(i / (DIMS + still.length)), i % (DIMS + still.length)];
          return d < DIMS ? rows[r * DIMS + d]! : still[d - DIMS]!;
        });
      const learned = await kind.fit(wide(training), DIMS + still.length);
      const limit = learned.score(wide(fresh)).sort()[Math.floor(0.999 * 4000)]!;
      for (const r of broken(9, 10)) expect(learned.score(wide(r))[0]).toBeGreaterThan(limit);
    });

    it("refuses broken rows, too few of them, bad options and states that are not its own", async () => {
      expect(() => model.score(new Float64Array(DIMS + 1))).toThrow(RangeError);
      expect(() => model.contributions(new Float64Array(2 * DIMS))).toThrow(RangeError);
      await expect(kind.fit(training.slice(1), DIMS)).rejects.toThrow(RangeError);
      await expect(kind.fit(training, 0)).rejects.toThrow(RangeError);
      await expect(kind.fit(training.slice(0, 7 * DIMS), DIMS)).rejects.toThrow(/at least 8/);
      await expect(kind.fit(training, DIMS, { relFloor: -1 } as never)).rejects.toThrow(/relFloor/);
      await expect(kind.load({ ...model.save(), kind: "other" })).rejects.toThrow(/other/);
      await expect(kind.load({ ...model.save(), values: {} })).rejects.toThrow(RangeError);
    });
  });
}
