import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Labels, Teachable, VectorModel } from "../../models/vector-model.ts";
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

/** Rows with one level far off, some in every dimension. */
function shifted(seed: number, n: number, dims = DIMS): Float64Array {
  const out = usual(seed, n, dims);
  for (let r = 0; r < n; r++) out[r * dims + (r % dims)]! *= r % 2 === 0 ? 5 : -3;
  return out;
}

/**
 * What a kind is good for beyond the laws that all keep: broken relations between dimensions that each look usual; one
 * level far off; or only rows in which several are.
 */
export type Sight = "relations" | "one level" | "several levels";

interface Lesson {
  readonly rows: Float64Array;
  readonly labels?: Labels;
}

const joined = (...parts: readonly Float64Array[]) => Float64Array.from(parts.flatMap((p) => [...p]));

/** The laws every kind of `VectorModel` keeps; `options` only save time. */
export function checkVectorModel(name: string, kind: Teachable<never>, sight: Sight, options = {}): void {
  const correlation = sight === "relations";
  /** Dimensions that move when a level is far off. */
  const moving = (d: number, dims = DIMS) => (sight === "several levels" ? d < 0.75 * dims : d === 2);
  const far = (own: Float64Array) => own.map((v, d) => (moving(d, own.length) ? v * 5 : v));
  describe(`${name} as a VectorModel`, () => {
    const fresh = usual(2, 4000);
    let model: VectorModel;
    let high: number;
    beforeAll(async () => {
      model = await taught(training);
      high = highOf(model, fresh);
    });

    /** Quiet rows; for a kind that needs labels, incidents of two sorts too, and which they are. */
    function lesson(quiet: Float64Array, odd: Float64Array, dims = DIMS): Lesson {
      if (kind.learns === "quiet") return { rows: quiet };
      const [n, k] = [quiet.length / dims, odd.length / dims];
      return { rows: joined(quiet, odd), labels: new Uint8Array(n + k).fill(1, n) };
    }
    const taught = ({ rows, labels }: Lesson, dims = DIMS, more = {}) =>
      kind.fit(rows, dims, { ...options, ...more } as never, labels);
    const training = lesson(
      usual(1, 1000),
      joined(...broken(11, correlation ? 80 : 0), shifted(12, correlation ? 80 : 160)),
    );
    const moved = ({ rows, labels }: Lesson, f: (v: number, i: number, rows: Float64Array) => number): Lesson => ({
      rows: rows.map(f),
      ...(labels ? { labels } : {}),
    });

    /** Scores without those of the first rows, which are only context. */
    const opinions = (of: VectorModel, rows: Float64Array) => of.score(rows).subarray(of.context);
    const highOf = (of: VectorModel, rows: Float64Array, share = 0.999) =>
      opinions(of, rows).sort()[Math.floor(share * (rows.length / of.dims - of.context))]!;
    /** A row after usual ones. */
    const inContext = (of: VectorModel, own: Float64Array, before = fresh) =>
      joined(before.slice(0, of.context * of.dims), own);
    const one = (of: VectorModel, own: Float64Array, before = fresh) => of.score(inContext(of, own, before)).at(-1)!;
    const shares = (of: VectorModel, own: Float64Array, before = fresh) => of.contributions(inContext(of, own, before));

    it("says what it is", () => {
      expect([model.name, model.dims]).toEqual([name, DIMS]);
      expect(Number.isSafeInteger(model.context) && model.context >= 0).toBe(true);
      expect(model.save()).toMatchObject({ kind: name, version: 1 });
    });

    it.runIf(correlation)(
      "scores broken correlation above the 99.9 % quantile of usual rows, though no dimension shows it alone",
      () => {
        const rows = broken(3, 40);
        for (const d of PLANTED) {
          const seen = column(fresh, d);
          for (const r of rows) expect(r[d]! > seen[20]! && r[d]! < seen[3979]!).toBe(true);
        }
        for (const r of rows) expect(one(model, r)).toBeGreaterThan(high);
      },
    );

    it.runIf(correlation)("says which dimensions broke it", () => {
      const found = broken(4, 40).map((r) => {
        const parts = shares(model, r);
        expect(sum(parts)).toBeCloseTo(1, 9);
        return topTwo(parts).filter((d) => PLANTED.includes(d)).length;
      });
      expect(Math.min(...found)).toBeGreaterThan(0);
      expect(found.filter((n) => n === 2).length).toBeGreaterThanOrEqual(36);
    });

    it("scores levels that are far off, and names one", () => {
      const odd = far(rowAt(fresh, 0));
      expect(one(model, odd)).toBeGreaterThan(high);
      expect(topTwo(shares(model, odd)).some((d) => moving(d))).toBe(true);
    });

    it("gives finite scores >= 0 to whatever has enough values, and NaN to the rest", () =>
      fc.assert(
        fc.property(fc.array(anything, { minLength: DIMS, maxLength: DIMS }), (values) => {
          const odd = Float64Array.from(values);
          const opinion = values.filter(Number.isFinite).length >= DIMS / 2;
          const score = one(model, odd);
          const parts = shares(model, odd);
          if (!opinion) expect([score, ...parts].every(Number.isNaN)).toBe(true);
          else {
            expect(score >= 0 && score < Infinity).toBe(true);
            expect(parts.every((s) => s >= 0 && s <= 1)).toBe(true);
          }
        }),
        { numRuns: 100 },
      ));

    it("takes a gap for no evidence", () => {
      for (let r = 0; r < 20; r++) {
        const gappy = rowAt(fresh, r + 20);
        gappy[r % DIMS] = Number.NaN;
        expect(one(model, gappy)).toBeLessThanOrEqual(high * 1.5);
        expect(shares(model, gappy)[r % DIMS]).toBe(0);
      }
      if (!correlation) return;
      const [planted] = broken(5, 1) as [Float64Array];
      planted[0] = Number.NaN;
      expect(one(model, planted)).toBeGreaterThan(high);
    });

    it("learns from rows with gaps", async () => {
      const some = moved(training, (v, i) => (i % 29 === 0 ? Number.NaN : v));
      const many = moved(training, (v, i) => (i % 5 === 0 ? Number.NaN : v));
      for (const rows of [some, many]) {
        const learned = await taught(rows);
        const limit = highOf(learned, fresh, correlation ? 0.999 : 0.98);
        const odd = correlation ? broken(6, 10) : [far(rowAt(fresh, 0))];
        for (const r of odd) expect(one(learned, r)).toBeGreaterThan(limit);
      }
    });

    it("continues bit for bit from its saved state", async () => {
      const copy = await kind.load(json(model.save()));
      expect(copy.score(fresh)).toEqual(model.score(fresh));
      expect(shares(copy, rowAt(fresh, 7))).toEqual(shares(model, rowAt(fresh, 7)));
      expect(copy.save()).toEqual(model.save());
    });

    it("is the same model from the same rows, in whatever units they come", async () => {
      const scales = Float64Array.from({ length: DIMS }, (_, d) => 2 ** (3 * d - 10)); // powers of two: no rounding
      const again = await taught(training);
      expect(again.save()).toEqual(model.save());
      const scaled = (v: number, i: number) => v * scales[i % DIMS]!;
      const other = await taught(moved(training, scaled));
      expect(other.save().values).toEqual(model.save().values);
      expect(other.score(fresh.map(scaled))).toEqual(model.score(fresh));
    });

    it("scores purely: nothing changes, and a row scores the same alone, among others or in another order", () => {
      const before = json(model.save());
      const rows = fresh.slice(0, 300 * DIMS);
      const scores = model.score(rows);
      expect(rows).toEqual(fresh.slice(0, 300 * DIMS));
      for (let r = model.context; r < 300; r += 13) {
        const own = rows.slice((r - model.context) * DIMS, (r + 1) * DIMS);
        const copy = own.slice();
        model.contributions(own);
        expect(model.score(own).at(-1)).toBe(scores[r]);
        expect(own).toEqual(copy);
      }
      expect(scores.subarray(0, model.context).every(Number.isNaN)).toBe(true);
      expect(scores.subarray(model.context).every(Number.isFinite)).toBe(true);
      if (model.context === 0) {
        const reversed = Float64Array.from(
          { length: rows.length },
          (_, i) => rows[rows.length - DIMS - i + 2 * (i % DIMS)]!,
        );
        expect(model.score(reversed).reverse()).toEqual(scores);
      }
      expect(model.score(new Float64Array(0))).toEqual(new Float64Array(0));
      expect(json(model.save())).toEqual(before);
    });

    it("survives more dimensions than rows", async () => {
      const quiet = usual(7, 30, 40);
      const wide = await taught(
        lesson(
          quiet,
          usual(17, 9, 40).map((v, i) => (moving(i % 40, 40) ? 5 * v : v)),
          40,
        ),
        40,
      );
      const seen = usual(8, 50, 40);
      const scores = opinions(wide, seen);
      expect(scores.every((s) => s >= 0 && s < Infinity)).toBe(true);
      const odd = far(seen.slice(0, 40));
      expect(one(wide, odd, seen)).toBeGreaterThan(scores.sort()[scores.length >> 1]!);
      expect(topTwo(shares(wide, odd, seen)).some((d) => moving(d, 40))).toBe(true);
    });

    it("survives constant, copied and empty dimensions, and sees a constant change", async () => {
      const set = (v: number, i: number, rows: Float64Array) =>
        i % DIMS === 0 ? 5 : i % DIMS === 1 ? rows[i + 1]! : i % DIMS === 7 ? Number.NaN : v;
      const quiet = usual(1, 1000).map(set);
      const flat = await taught(
        lesson(
          quiet,
          usual(13, 80)
            .map(set)
            .map((v, i) => (i % DIMS === 0 ? 10 : v)),
        ),
      );
      const seen = fresh.map(set);
      const scores = opinions(flat, seen);
      expect(scores.every((s) => s >= 0 && s < Infinity)).toBe(true);
      const odd = rowAt(seen, 0);
      odd[0] = 10;
      const order = scores.sort();
      expect(one(flat, odd, seen)).toBeGreaterThan(order[sight === "several levels" ? order.length >> 1 : 3980]!);
      expect(topTwo(shares(flat, odd, seen))).toContain(0);
    });

    it("finds nothing strange in a row like all that it learned from", async () => {
      const three = new Float64Array(40 * DIMS).fill(3);
      const still = await taught(lesson(three, new Float64Array(8 * DIMS).fill(4)));
      const same = one(still, three.slice(0, DIMS), three);
      expect(same).toBeLessThan(one(still, new Float64Array(DIMS).fill(4), three));
      expect(same).toBeLessThanOrEqual(1);
    });

    it.runIf(correlation)("is not blinded by dimensions that do not move", async () => {
      const still = [0, 1, 100, 1e6];
      const all = DIMS + still.length;
      const wide = (rows: Float64Array) =>
        Float64Array.from({ length: (rows.length / DIMS) * all }, (_, i) => {
          const [r, d] = [Math.floor(i / all), i % all];
          return d < DIMS ? rows[r * DIMS + d]! : still[d - DIMS]!;
        });
      const learned = await taught({ ...training, rows: wide(training.rows) }, all);
      const limit = highOf(learned, wide(fresh));
      for (const r of broken(9, 10)) expect(one(learned, wide(r), wide(fresh))).toBeGreaterThan(limit);
    });

    it.runIf(kind.learns === "labels")(
      "refuses rows without a label for each, and labels of one sort only",
      async () => {
        const { rows, labels = [] } = training;
        const n = rows.length / DIMS;
        await expect(kind.fit(rows, DIMS)).rejects.toThrow(/0 labels/);
        await expect(taught({ rows, labels: Array.from(labels).slice(1) })).rejects.toThrow(/labels for/);
        await expect(taught({ rows, labels: new Uint8Array(n) })).rejects.toThrow(/quiet rows and/);
        await expect(taught({ rows, labels: new Uint8Array(n).fill(1) })).rejects.toThrow(/quiet rows and/);
        await expect(taught({ rows, labels: new Float64Array(n).fill(Number.NaN) })).rejects.toThrow(/label 0 is NaN/);
      },
    );

    it("refuses broken rows, too few of them, bad options and states that are not its own", async () => {
      expect(() => model.score(new Float64Array(DIMS + 1))).toThrow(RangeError);
      expect(() => model.contributions(new Float64Array((model.context + 2) * DIMS))).toThrow(RangeError);
      const { rows } = training;
      await expect(taught({ ...training, rows: rows.slice(1) })).rejects.toThrow(RangeError);
      await expect(taught(training, 0)).rejects.toThrow(RangeError);
      const few = lesson(usual(1, 7), shifted(2, 4));
      await expect(taught(few)).rejects.toThrow(/at least/);
      await expect(taught(training, DIMS, { relFloor: -1 })).rejects.toThrow(/relFloor/);
      await expect(kind.load({ ...model.save(), kind: "other" })).rejects.toThrow(/other/);
      await expect(kind.load({ ...model.save(), values: {} })).rejects.toThrow(RangeError);
    });
  });
}
