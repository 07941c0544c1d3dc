import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OrderedSplit } from "../../models/statistical/ordered-split.ts";
import { medianDeviation, medianDeviationOf, sortedMedian } from "../../models/statistical/sorted.ts";

const values = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 2, maxLength: 40 });

describe("OrderedSplit", () => {
  it("gives the order of both sides of a border that moves right, of one series after another", () => {
    const split = new OrderedSplit();
    fc.assert(
      fc.property(values, fc.integer({ min: -5, max: 5 }), (list, v) => {
        const x = Float64Array.from(list);
        split.load(x, x.slice().sort());
        for (let border = 1; border < x.length; border++) {
          split.moveTo(border);
          const [left, right] = [x.slice(0, border).sort(), x.slice(border).sort()];
          expect(Array.from(left, (_, k) => split.before(k))).toEqual([...left]);
          expect(Array.from(right, (_, k) => split.after(k))).toEqual([...right]);
          const middle = sortedMedian(left, border);
          expect([split.medianBefore(), split.medianAfter()]).toEqual([middle, sortedMedian(right, right.length)]);
          expect(medianDeviationOf((k) => split.before(k), border, middle)).toBe(medianDeviation(left, border, middle));
          const nearest = Math.min(...right.map((r) => Math.abs(r - v)));
          expect(Math.abs(split.nearestAfter(v) - v)).toBe(nearest);
        }
      }),
    );
  });
});
