import { defineConfig } from "vitest/config";

/** Rooms whose tests start no broker, database or pipeline and bound no time closely: two files at once. */
const CALM = [
  "ingest/decoders",
  "ingest/logs",
  "architecture",
  "core",
  "correlate",
  "detect",
  "diagnose",
  "eval",
  "learn",
  "measure",
  "models",
];
const calm = CALM.map((room) => `test/${room}/**/*.test.ts`);

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    projects: [
      { extends: true, test: { name: "calm", include: calm, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: {
          name: "one at a time",
          include: ["test/**/*.test.ts"],
          exclude: calm,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
