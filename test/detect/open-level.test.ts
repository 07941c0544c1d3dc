import { describe, expect, it } from "vitest";
import { openLevel } from "../../pipelines/detect/open-level.ts";
import { uniform } from "../models/noise.ts";

const MINUTE = 60_000;
const DAY = 1440;
const WEEK = 7 * DAY;

/** Excursions come `rate` times a window, each as high as an exponential of one order a unit from `base` says. */
function run(level: ReturnType<typeof openLevel>, windows: number, rate: number, seed = 1, base = 0) {
  const u = uniform(seed);
  let opened = 0;
  for (let i = 0; i < windows; i++) {
    if (u() < rate) {
      const height = base - Math.log10(u());
      level.rise(0, height);
      if (height >= level.level) {
        level.open();
        opened += 1;
      }
    }
    level.pass(MINUTE);
  }
  return opened;
}

describe("openLevel", () => {
  it("stays where it starts while a day has not gone by", () => {
    const level = openLevel({ start: 9, perWeek: 100 });
    run(level, DAY - 60, 0.1);
    expect(level.level).toBe(9);
  });

  it("falls after a day where hardly anything is odd", () => {
    const level = openLevel({ start: 9, perWeek: 100 });
    run(level, 2 * WEEK, 0.01);
    expect(level.level).toBeLessThan(5);
  });

  it.each([50, 500])("lets about %i a week open without a fault", (perWeek) => {
    const level = openLevel({ start: 9, perWeek });
    run(level, 2 * WEEK, 0.5, 2, 3);
    const opened = run(level, 2 * WEEK, 0.5, 3, 3);
    expect(opened / 2).toBeGreaterThan(perWeek / 2);
    expect(opened / 2).toBeLessThan(perWeek * 1.5);
  });

  it("rises within hours where the start is far too low", () => {
    const level = openLevel({ start: 5, perWeek: 20 });
    run(level, DAY / 3, 0.9, 1, 4);
    expect(level.level).toBeGreaterThan(5.5);
  });

  it("stays where faults get to, however often some series get as far without one", () => {
    const level = openLevel({ start: 9, perWeek: 100 });
    for (let i = 0; i < 2 * WEEK; i++) {
      if (i % 30 === 0) {
        level.rise(0, 14.9);
        level.open();
      }
      level.pass(MINUTE);
    }
    expect(level.level).toBe(12);
  });

  it("learns nothing from a fault in its first hours", () => {
    const level = openLevel({ start: 9, perWeek: 100 });
    for (let i = 0; i < 100; i++) {
      for (let s = 0; s < 20; s++) level.rise(0, 14);
      level.pass(1000);
    }
    expect(level.level).toBe(9);
  });

  it("takes a fault on many series at once for one", () => {
    const calm = openLevel({ start: 9, perWeek: 100 });
    const hit = openLevel({ start: 9, perWeek: 100 });
    for (const level of [calm, hit]) run(level, WEEK, 0.3, 4, 3);
    for (let s = 0; s < 5000; s++) hit.rise(0, 14);
    for (const level of [calm, hit]) run(level, DAY, 0.3, 5, 3);
    expect(hit.level - calm.level).toBeLessThanOrEqual(0.5);
  });

  it("is the same after a restart", () => {
    const one = openLevel({ start: 9, perWeek: 100 });
    run(one, WEEK + 17, 0.2, 6, 3);
    const chunks = new Map<string, Uint8Array>();
    one.snapshot((key, bytes) => void chunks.set(key, bytes as Uint8Array));
    const two = openLevel({ start: 9, perWeek: 100 });
    two.restore(chunks);
    for (const level of [one, two]) run(level, WEEK, 0.2, 7, 3);
    expect(two.level).toBe(one.level);
    expect(one.level).not.toBe(9);
  });
});
