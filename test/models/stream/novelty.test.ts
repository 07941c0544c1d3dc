import { describe, expect, it } from "vitest";
import { LINE_CELLS, noveltyOfOne } from "../../../models/stream/novelty.ts";
import { lcg } from "./lcg.ts";

/** Surprise, in powers of ten, of `z` after these values. */
function surprise(values: readonly number[], z: number, tails: boolean): number {
  const cells = new Uint16Array(LINE_CELLS);
  for (const v of values) noveltyOfOne(cells, 0, v, tails);
  return Math.log10(values.length + 1) - Math.log10(noveltyOfOne(cells, 0, z, tails)) / 8;
}
const uniform = Array.from(lcg(4000, 11));
/** Pareto with the tail 1.5, in units of its usual size; uniform in -1..1. */
const heavy = uniform.map((u) => (1 - u) ** (-1 / 1.5) - 1).filter((v) => v < 8);
const light = uniform.map((u) => 2 * u - 1);

describe("novelty of one deviation", () => {
  it("is less for a record where counts fall slowly, and the same where they end at once", () => {
    expect(surprise(heavy, 9.5, false)).toBeGreaterThan(2);
    expect(surprise(heavy, 9.5, true)).toBeLessThan(surprise(heavy, 9.5, false) - 0.8);
    expect(surprise(light, 9.5, true)).toBe(surprise(light, 9.5, false));
    expect(surprise(light, -9.5, true)).toBe(surprise(light, -9.5, false));
  });

  it("is that of the count alone where a bin is often visited", () => {
    for (const z of [-0.4, 0, 0.3]) expect(surprise(light, z, true)).toBe(surprise(light, z, false));
  });

  it("falls as the value recurs", () => {
    const once = surprise(light, 6, true);
    expect(surprise([...light, 6], 6, true)).toBeLessThan(once - 1);
  });
});
