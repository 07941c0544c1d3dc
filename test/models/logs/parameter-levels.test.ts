import { describe, expect, it } from "vitest";
import { measuresOf, ParameterLevels } from "../../../models/logs/parameter-levels.ts";
import { randomOf } from "../../../models/neural/random.ts";

/** Standard normal by Box and Muller. */
const normal = (r: () => number) => Math.sqrt(-2 * Math.log(1 - r())) * Math.cos(2 * Math.PI * r());

describe("durations and sizes of a line", () => {
  it.each([
    { line: "took 35ms", found: ["duration", 35] },
    { line: "done in 2 seconds", found: ["duration", 2000] },
    { line: "elapsed=1.5s", found: ["duration", 1500] },
    { line: "wrote 4 KiB", found: ["size", 4096] },
    { line: "sent 512 bytes", found: ["size", 512] },
    { line: "heap 1.5GB", found: ["size", 1.5e9] },
  ])("are found in '$line'", ({ line, found }) => {
    expect(measuresOf(line).map((m) => [m.family, m.value])).toEqual([found]);
  });

  it.each(["order 17 placed", "port 8080", "v1.2s", "node5m", "10 mice", "5 s/op", "abc123ms"])(
    "are not in '%s'",
    (line) => {
      expect(measuresOf(line)).toEqual([]);
    },
  );

  it("are looked for in linear time", () => {
    for (const line of [
      "1".repeat(100_000),
      "1.".repeat(50_000),
      "1 ".repeat(50_000),
      `${"9".repeat(14)}.`.repeat(5000),
    ]) {
      const start = process.cpuUsage();
      measuresOf(line);
      expect(process.cpuUsage(start).user).toBeLessThan(1e6);
    }
  });
});

describe("the levels of a parameter", () => {
  it.each([
    { what: "log-normal", draw: (r: () => number) => Math.exp(3 + 0.5 * normal(r)) },
    { what: "exponential", draw: (r: () => number) => -40 * Math.log(1 - r()) },
    { what: "heavy-tailed", draw: (r: () => number) => 10 * (1 - r()) ** -0.5 },
    { what: "one of three", draw: (r: () => number) => [4096, 8192, 65_536][Math.floor(r() * 3)] as number },
    { what: "constant", draw: () => 42 },
  ])("give few false alarms on $what values, and are sure of one a hundred thousand times as large", ({ draw }) => {
    const r = randomOf(9);
    const levels = new ParameterLevels();
    let [judged, hundredth, rare] = [0, 0, 0];
    for (let i = 0; i < 50_000; i++) {
      const value = draw(r);
      const p = levels.score(value);
      levels.learn(value);
      if (p === undefined) continue;
      judged++;
      if (p < 0.01) hundredth++;
      if (p < 1e-4) rare++;
    }
    expect(hundredth / judged).toBeLessThan(0.02);
    expect(rare / judged).toBeLessThan(1e-3);
    expect(levels.score(draw(randomOf(2)) * 1e5)).toBeLessThan(1e-4);
  });

  it("have no opinion before 200 values, don't change by scoring, and come back from their state", () => {
    const levels = new ParameterLevels();
    for (let i = 0; i < 199; i++) levels.learn(10 + (i % 7));
    expect(levels.score(1e9)).toBeUndefined();
    levels.learn(12);
    const before = JSON.stringify(levels.save());
    const p = levels.score(500);
    expect(JSON.stringify(levels.save())).toBe(before);
    expect(ParameterLevels.load(JSON.parse(before)).score(500)).toBe(p);
  });

  it("take what stays strange for the new normal", () => {
    const levels = new ParameterLevels();
    for (let i = 0; i < 1000; i++) levels.learn(10 + (i % 7));
    expect(levels.score(1e6)).toBeLessThan(1e-4);
    for (let i = 0; i < 300; i++) levels.learn(1e6 + i);
    expect(levels.score(1e6)).toBeGreaterThan(1e-3);
  });
});
