import { describe, expect, it } from "vitest";
import { frozen, learnable, thawed } from "../../pipelines/detect/patience.ts";

const FREEZE = 180;
const minute = (i: number) => ({ startMs: i * 60_000, endMs: (i + 1) * 60_000 });

/** The first day on which something odd may be learned, where so many windows of each day are odd. */
function firstDay(oddADay: number, days = 30): number {
  let count = 0;
  for (let day = 0; day < days; day++)
    for (let i = 0; i < 288; i++) {
      count = i < oddADay ? frozen(count, FREEZE) : thawed(count);
      if (i < oddADay && learnable(count, FREEZE, minute(0).startMs + 1, 3, minute(200))) return day;
    }
  return Number.POSITIVE_INFINITY;
}

describe("what is odd is kept from being learned", () => {
  it("until it was so for long, in a row or day after day, but not where it is seldom", () => {
    expect(firstDay(200)).toBe(0);
    expect(firstDay(100)).toBeGreaterThan(0);
    expect(firstDay(100)).toBeLessThan(4);
    expect(firstDay(40)).toBe(Number.POSITIVE_INFINITY);
  });

  it("for the first ten windows in any case, the very first one too", () => {
    const full = FREEZE + 1;
    expect(learnable(full, FREEZE, 0, 5, minute(50))).toBe(false);
    expect(learnable(full, FREEZE, minute(50).startMs, 5, minute(55))).toBe(false);
    expect(learnable(full, FREEZE, minute(50).startMs, 5, minute(60))).toBe(true);
    // hardly odd by itself, so nothing has begun
    expect(learnable(full, FREEZE, 0, 1, minute(50))).toBe(true);
    expect(learnable(FREEZE, FREEZE, minute(1).startMs, 5, minute(50))).toBe(false);
  });

  it("and is forgiven in bounded time, however long it was", () => {
    let count = 0;
    for (let i = 0; i < 1e6; i++) count = frozen(count, FREEZE);
    expect(count).toBe(2 * FREEZE);
    for (let i = 0; i < 5 * 2 * FREEZE + 1; i++) count = thawed(count);
    expect(count).toBe(0);
  });
});
