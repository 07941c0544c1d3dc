import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BDD_FALSE,
  BDD_TRUE,
  Bdd,
  type BddRef,
  BddTooLarge,
  type FrozenBdd,
} from "../../../pipelines/measure/fault-tree/bdd.ts";
import { likeliest } from "../../../pipelines/measure/fault-tree/likeliest.ts";
import {
  countByOrder,
  minCutUpperBound,
  probability,
  sumOfProducts,
} from "../../../pipelines/measure/fault-tree/probability.ts";
import { seeded } from "../../../pipelines/measure/fault-tree/uncertainty.ts";
import { EMPTY_SET, NONE, Zbdd, ZbddTooLarge } from "../../../pipelines/measure/fault-tree/zbdd.ts";

const LEVELS = 6;
const valueAt = ({ root, level, high, low }: FrozenBdd, on: number): boolean => {
  let f = root;
  while (f >> 1 !== 0) f = ((on >> level[f >> 1]!) & 1 ? high[f >> 1]! : low[f >> 1]!) ^ (f & 1);
  return f === BDD_TRUE;
};
const table = (bdd: Bdd, f: BddRef) => {
  const frozen = bdd.freeze(f);
  return Array.from({ length: 1 << LEVELS }, (_, on) => valueAt(frozen, on));
};
/** A random program of ifs over variables and earlier results. */
const steps = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000), fc.nat(7)), { minLength: 1, maxLength: 30 });

describe("a decision diagram", () => {
  it("computes what its program does, before and after a collection, and equal functions are one node", () => {
    fc.assert(
      fc.property(steps, fc.nat(30), (program, collectAt) => {
        const bdd = new Bdd(LEVELS);
        const refs: BddRef[] = [BDD_TRUE, BDD_FALSE, ...Array.from({ length: LEVELS }, (_, l) => bdd.variable(l))];
        const tables = refs.map((r) => table(bdd, r));
        for (const [i, [a, b, c, signs]] of program.entries()) {
          const [f, g, h] = [a % refs.length, b % refs.length, c % refs.length];
          refs.push(bdd.ite(refs[f]! ^ (signs & 1), refs[g]! ^ ((signs >> 1) & 1), refs[h]! ^ (signs >> 2)));
          tables.push(
            tables[f]!.map((v, on) =>
              v !== ((signs & 1) === 1)
                ? tables[g]![on] !== (((signs >> 1) & 1) === 1)
                : tables[h]![on] !== (signs >> 2 === 1),
            ),
          );
          if (i === collectAt) bdd.collect(refs);
        }
        const seen = new Map<string, BddRef>();
        for (const [i, ref] of refs.entries()) {
          expect(table(bdd, ref)).toEqual(tables[i]);
          const key = tables[i]!.map(Number).join("");
          expect(seen.get(key) ?? ref).toBe(ref);
          seen.set(key, ref);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("stops at its bound and is of use afterwards", () => {
    const bdd = new Bdd(40, { maxNodes: 100 });
    const x = Array.from({ length: 20 }, (_, l) => bdd.variable(l));
    const make = () => x.slice(0, 10).reduce((f, v, i) => bdd.or(f, bdd.and(v, x[i + 10]!)), BDD_FALSE);
    expect(make).toThrow(BddTooLarge);
    bdd.collect(x);
    expect(bdd.nodes).toBe(21);
    expect(probability(bdd.freeze(bdd.and(x[0]!, x[1]!)), new Float64Array(40).fill(0.5))).toBe(0.25);
  });
});

describe("a family of sets", () => {
  type Sets = readonly number[];
  const minimal = (sets: Sets) => {
    const unique = [...new Set(sets)];
    return unique.filter((s) => !unique.some((t) => t !== s && (t & s) === t)).sort((a, b) => a - b);
  };
  const build = (z: Zbdd, sets: Sets) =>
    minimal(sets).reduce((f, s) => {
      let one = EMPTY_SET;
      for (let l = LEVELS - 1; l >= 0; l--) if ((s >> l) & 1) one = z.make(l, one, NONE);
      return z.union(f, one);
    }, NONE);
  const list = (z: Zbdd, f: number) =>
    likeliest(z.freeze(f), new Float64Array(LEVELS).fill(0.5), 1e6)
      .map(({ levels }) => levels.reduce((s, l) => s | (1 << l), 0))
      .sort((a, b) => a - b);
  const sets = fc.array(fc.nat((1 << LEVELS) - 1), { maxLength: 14 });

  it("joins, multiplies, thins out and cuts off as lists do", () => {
    fc.assert(
      fc.property(sets, sets, fc.nat(LEVELS), (a, b, k) => {
        const z = new Zbdd();
        const [f, g] = [build(z, a), build(z, b)];
        const bits = (n: number) => n.toString(2).replaceAll("0", "").length;
        expect(list(z, f)).toEqual(minimal(a));
        expect(list(z, z.union(f, g))).toEqual(minimal([...a, ...b]));
        expect(list(z, z.without(f, g))).toEqual(minimal(a).filter((s) => !b.some((t) => (t & s) === t)));
        const products = minimal(minimal(a).flatMap((s) => minimal(b).map((t) => s | t)));
        expect(list(z, z.product(f, g, LEVELS))).toEqual(products);
        expect(list(z, z.product(f, g, k)).filter((s) => bits(s) <= k)).toEqual(products.filter((s) => bits(s) <= k));
        expect(list(z, z.truncate(f, k))).toEqual(minimal(a).filter((s) => bits(s) <= k));
      }),
      { numRuns: 300 },
    );
  });

  it("is counted and summed as its list is, and listed heaviest first", () => {
    fc.assert(
      fc.property(
        sets,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: LEVELS, maxLength: LEVELS }),
        (a, p) => {
          const z = new Zbdd();
          const frozen = z.freeze(build(z, a));
          const weights = Float64Array.from(p);
          const chance = (s: number) => p.reduce((q, pi, l) => ((s >> l) & 1 ? q * pi : q), 1);
          const all = minimal(a);
          expect(sumOfProducts(frozen, weights).value).toBeCloseTo(
            all.reduce((s, x) => s + chance(x), 0),
            10,
          );
          const perEvent = sumOfProducts(frozen, new Float64Array(LEVELS).fill(1)).byLevel;
          for (let l = 0; l < LEVELS; l++) expect(perEvent[l]).toBe(all.filter((s) => (s >> l) & 1).length);
          expect(countByOrder(frozen).reduce((s, n) => s + n, 0)).toBe(all.length);
          expect(minCutUpperBound(frozen, weights)).toBeCloseTo(1 - all.reduce((q, x) => q * (1 - chance(x)), 1), 10);
          const listed = likeliest(frozen, weights, 5).map((x) => x.weight);
          const sorted = all
            .map(chance)
            .sort((x, y) => y - x)
            .slice(0, 5);
          expect(listed.length).toBe(sorted.length);
          for (const [i, w] of listed.entries()) expect(w).toBeCloseTo(sorted[i]!, 12);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("stops at its bound", () => {
    const z = new Zbdd({ maxNodes: 5 });
    expect(() => build(z, [1, 2, 4, 8, 48])).toThrow(ZbddTooLarge);
  });
});

it("draws are the same for one seed, and uniform", () => {
  const [a, b] = [seeded(7), seeded(7)];
  const draws = Array.from({ length: 10_000 }, a);
  expect(draws.slice(0, 100)).toEqual(Array.from({ length: 100 }, b));
  expect(draws.reduce((s, v) => s + v, 0) / 10_000).toBeCloseTo(0.5, 1);
  expect(draws.filter((v) => v < 0.1).length).toBeGreaterThan(900);
});
