import { expect, it } from "vitest";
import { killWhileReading } from "./kill-while-reading.ts";

// The short form; the script beside it takes `--kills 20`.
it("commits, over kill -9, exactly what an undisturbed run commits", async () => {
  const result = await killWhileReading({ kills: 4, seed: 11, minutes: 60 });
  expect(result).toMatchObject({ equal: true, firstDifference: null });
  expect(result.kills).toBeGreaterThanOrEqual(2);
  expect(result.records).toBeGreaterThan(50);
}, 120_000);
