import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DetectorBank, Floors } from "../../models/bank.ts";

/** `at`: how many rows came before it, by default its place in the list. */
type Row = readonly [slot: number, value: number, at?: number];
const SLOTS = 4;
/** Rows of a window; windows follow each other by a quarter of a day, so that a season is known within `LONG` rows. */
const WINDOW = 4;
const STEP_MS = 6 * 3_600_000;
const LONG = 200; // more than any warm-up

const value = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: -1e3, max: 1e3, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, Number.NaN, Infinity, -Infinity, 1e300, -1e300, 5e-324) },
);
const rows = fc.array(fc.tuple(fc.nat(SLOTS - 1), value), { minLength: 4 * LONG, maxLength: 6 * LONG, size: "max" });
const runs = { numRuns: 15 };

const slotsOf = (r: readonly Row[]) => Uint32Array.from(r, ([slot]) => slot);
const valuesOf = (r: readonly Row[]) => Float64Array.from(r, ([, v]) => v);
const timeOf = (i: number) => 1_750_000_000_000 + Math.floor(i / WINDOW) * STEP_MS;
/** Rows of one window each, with its time. */
function windows(r: readonly Row[]): { rows: Row[]; timeMs: number }[] {
  const out: { rows: Row[]; timeMs: number }[] = [];
  r.forEach((row, i) => {
    const timeMs = timeOf(row[2] ?? i);
    if (out.at(-1)?.timeMs === timeMs) out.at(-1)?.rows.push(row);
    else out.push({ rows: [row], timeMs });
  });
  return out;
}
const learn = (bank: DetectorBank, r: readonly Row[]) => {
  for (const { rows, timeMs } of windows(r)) bank.learn(slotsOf(rows), valuesOf(rows), timeMs);
};
const stateOf = (bank: DetectorBank, slots = SLOTS) => Array.from(bank.saveBlock(0, slots));

function scores(bank: DetectorBank, r: readonly Row[]): number[] {
  return windows(r).flatMap(({ rows, timeMs }) => {
    const out = new Float64Array(rows.length).fill(-1);
    bank.score(slotsOf(rows), valuesOf(rows), out, timeMs);
    return Array.from(out);
  });
}

/** Score before learn, row by row. */
const run = (bank: DetectorBank, r: readonly Row[]) =>
  r.map(([slot, value, at], i) => {
    const row: Row = [slot, value, at ?? i];
    const [score] = scores(bank, [row]);
    learn(bank, [row]);
    return score!;
  });
/** At the time of the first row. */
const expectedOf = (bank: DetectorBank, slot: number) => bank.expected(slot, timeOf(0));

const series = (vs: readonly number[]) => vs.map((v): Row => [0, v]);
const probes: Row[] = Array.from({ length: SLOTS * 3 }, (_, i) => [i % SLOTS, [-50, 0.25, 1e300][i % 3]!]);

/** The laws every `DetectorBank` keeps. `make` builds a bank with default options, apart from the floors if given. */
export function checkBank(make: (floors?: Floors) => DetectorBank): void {
  const sized = (slots = SLOTS, floors?: Floors) => {
    const bank = make(floors);
    bank.resize(slots);
    return bank;
  };

  describe(`${make().name} as a DetectorBank`, () => {
    it("scores purely and repeatably", () =>
      fc.assert(
        fc.property(rows, (r) => {
          const bank = sized();
          learn(bank, r);
          const before = stateOf(bank);
          const first = scores(bank, probes);
          expectedOf(bank, 0);
          expect(scores(bank, probes)).toEqual(first);
          expect(stateOf(bank)).toEqual(before);
        }),
        runs,
      ));

    it("leaves its inputs alone, and learns the same whether or not it scored", () =>
      fc.assert(
        fc.property(rows, (r) => {
          const [quiet, asked] = [sized(), sized()];
          const [slots, values] = [slotsOf(r), valuesOf(r)];
          expect(quiet.learn(slots, values, timeOf(0))).toBeUndefined();
          expect([slots, values]).toEqual([slotsOf(r), valuesOf(r)]);
          learn(quiet, r);
          asked.learn(slots, values, timeOf(0));
          run(asked, r);
          expect(stateOf(asked)).toEqual(stateOf(quiet));
        }),
        runs,
      ));

    it("continues bit for bit from a saved block; blocks join to the whole", () =>
      fc.assert(
        fc.property(rows, rows, fc.nat(SLOTS), (past, future, cut) => {
          const bank = sized();
          learn(bank, past);
          const parts = [bank.saveBlock(0, cut), bank.saveBlock(cut, SLOTS)] as const;
          expect([...parts[0], ...parts[1]]).toEqual(stateOf(bank));
          const copy = make();
          copy.loadBlock(cut, SLOTS, parts[1]);
          copy.loadBlock(0, cut, parts[0]);
          expect(run(copy, future.slice(0, LONG))).toEqual(run(bank, future.slice(0, LONG)));
          expect(stateOf(copy)).toEqual(stateOf(bank));
        }),
        runs,
      ));

    it("keeps slots apart: a slot of many is a bank of one", () =>
      fc.assert(
        fc.property(rows, (r) => {
          const many = sized();
          learn(many, r);
          for (let slot = 0; slot < SLOTS; slot++) {
            const one = sized(1);
            const own = r.flatMap(([s, v], i): Row[] => (s === slot ? [[0, v, i]] : []));
            learn(one, own);
            expect(stateOf(one, 1)).toEqual(Array.from(many.saveBlock(slot, slot + 1)));
            expect(scores(one, [[0, 7]])).toEqual(scores(many, [[slot, 7]]));
            expect(expectedOf(one, 0)).toEqual(expectedOf(many, slot));
          }
        }),
        runs,
      ));

    it("learns nothing from a gap and has no opinion on one", () => {
      const bank = sized();
      learn(bank, wave(LONG));
      const before = stateOf(bank);
      for (const gap of [Number.NaN, Infinity, -Infinity]) {
        learn(bank, [[0, gap]]);
        expect(scores(bank, [[0, gap]])).toEqual([Number.NaN]);
      }
      expect(stateOf(bank)).toEqual(before);
    });

    it("has no opinion while cold, a finite one when warm; new slots are cold and old ones survive growth", () => {
      const bank = sized(1);
      expect(scores(bank, [[0, 1]])).toEqual([Number.NaN]);
      expect(expectedOf(bank, 0)).toBeUndefined();
      const seen = run(bank, wave(LONG));
      const warm = seen.findIndex((s) => !Number.isNaN(s));
      expect(warm).toBeGreaterThan(1);
      expect(seen.slice(warm).every((s) => s >= 0 && s <= 1e6)).toBe(true);
      learn(bank, wave(20_000)); // and takes no more memory for it
      expect(stateOf(bank, 1).length).toBe(stateOf(sized(1), 1).length);
      const [state, score] = [stateOf(bank, 1), scores(bank, [[0, 9]])];
      bank.resize(1000);
      bank.resize(2);
      expect(scores(bank, [[999, 1]])).toEqual([Number.NaN]);
      expect([stateOf(bank, 1), scores(bank, [[0, 9]])]).toEqual([state, score]);
    });

    it("never calls a constant an anomaly, and calls a large change from it one, finitely", () =>
      fc.assert(
        fc.property(fc.double({ min: -1e12, max: 1e12, noNaN: true }), (constant) => {
          const bank = sized(1);
          const seen = run(bank, series(Array(LONG).fill(constant)));
          expect(Math.max(...seen.filter((s) => !Number.isNaN(s)))).toBeLessThanOrEqual(3);
          const after = run(bank, series(Array(20).fill(10 + 5 * constant)));
          expect(Math.max(...after)).toBeGreaterThan(5);
          expect(Math.max(...after)).toBeLessThanOrEqual(1e6);
        }),
      ));

    it("stays finite on 1e300", () =>
      fc.assert(
        fc.property(
          fc.array(fc.constantFrom(1e300, -1e300, Number.MAX_VALUE, 0, 1), { minLength: 300, maxLength: 400 }),
          (vs) => {
            const bank = sized(1);
            const seen = run(bank, series(vs));
            expect(seen.slice(LONG).every((s) => s >= 0 && s <= 1e6)).toBe(true);
            expect(stateOf(bank, 1).every(Number.isFinite)).toBe(true);
            expect(Object.values(expectedOf(bank, 0)!).every(Number.isFinite)).toBe(true);
          },
        ),
        runs,
      ));

    it("does not care about unit or origin once the floors are off", () =>
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: LONG, maxLength: 2 * LONG, size: "max" }),
          fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
          fc.double({ min: -100, max: 100, noNaN: true }),
          (xs, a, b) => {
            const off = { relFloor: 0, absFloor: 0 };
            const wild = xs.map((x, i) => x + 300 * Math.sin(i * 1.7)); // never constant
            const plain = run(sized(1, off), series(wild));
            const moved = run(sized(1, off), series(wild.map((x) => a * x + b)));
            moved.forEach((s, i) => {
              const p = plain[i]!;
              if (Number.isNaN(p)) expect(s).toBeNaN();
              else expect(Math.abs(s - p)).toBeLessThanOrEqual(1e-4 * (1 + p));
            });
          },
        ),
        runs,
      ));

    it("refuses slots out of range, ragged columns and states of the wrong size", () => {
      const bank = sized(1);
      expect(() => learn(bank, [[1, 1]])).toThrow(RangeError);
      expect(() => scores(bank, [[1, 1]])).toThrow(RangeError);
      expect(() => bank.learn(Uint32Array.of(0), new Float64Array(2))).toThrow(RangeError);
      expect(() => bank.saveBlock(0, 2)).toThrow(RangeError);
      expect(() => bank.loadBlock(0, 1, new Float64Array(0))).toThrow(RangeError);
    });
  });
}

const wave = (n: number): Row[] => Array.from({ length: n }, (_, i) => [0, 10 + Math.sin(i * 1.3) + Math.cos(i * 0.7)]);
