import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutageRecord } from "../../pipelines/core/reliability.ts";
import { compareKnown } from "../../pipelines/measure/known-incidents.ts";

const MIN = 60_000;
const known = (id: string, start: number, end: number | null, service = "a"): OutageRecord => ({
  id,
  service,
  severity: "",
  mode: "",
  startMs: start * MIN,
  detectedMs: null,
  acknowledgedMs: null,
  mitigatedMs: null,
  resolvedMs: end === null ? null : end * MIN,
  byChange: null,
  repairs: null,
  writes: null,
  injected: null,
});
const found = (id: string, start: number, detected: number, end: number | null, ...suspects: string[]) => ({
  id,
  startMs: start * MIN,
  detectedMs: detected * MIN,
  resolvedMs: end === null ? null : end * MIN,
  suspects,
  entities: [],
});
const options = { toleranceMs: 2 * MIN, lateMs: 5 * MIN };

describe("comparison with what is known", () => {
  it.each([
    {
      name: "an incident during it finds it",
      f: [found("I", 10, 12, 20, "a")],
      k: [known("K", 10, 20)],
      outcome: "found",
      verdict: "true",
    },
    {
      name: "one detected long after the start is late",
      f: [found("I", 10, 18, 20, "a")],
      k: [known("K", 10, 20)],
      outcome: "late",
      verdict: "true",
    },
    {
      name: "one an hour later is false",
      f: [found("I", 80, 81, 90, "a")],
      k: [known("K", 10, 20)],
      outcome: "missed",
      verdict: "false",
    },
    {
      name: "one opened long before can't be about it",
      f: [found("I", 0, 1, 60, "a")],
      k: [known("K", 30, 40)],
      outcome: "missed",
      verdict: "false",
    },
    {
      name: "the known times may be off by the tolerance",
      f: [found("I", 8, 9, 10, "a")],
      k: [known("K", 10.5, 20)],
      outcome: "found",
      verdict: "true",
    },
    {
      name: "an end that nobody noted is assumed",
      f: [found("I", 30, 31, 35, "a")],
      k: [known("K", 10, null)],
      outcome: "late",
      verdict: "true",
    },
    {
      name: "one that is not over counts",
      f: [found("I", 10, 12, null, "a")],
      k: [known("K", 10, 20)],
      outcome: "found",
      verdict: "true",
    },
  ])("$name", ({ f, k, outcome, verdict }) => {
    const { comparison, verdicts } = compareKnown(f, k, options);
    expect(comparison.list[0]?.outcome).toBe(outcome);
    expect(verdicts.get("I")?.verdict).toBe(verdict);
  });

  it("gives each of two at one time its own, by the service", () => {
    const { comparison } = compareKnown(
      [found("I1", 10, 11, 20, "orders"), found("I2", 10, 11, 20, "payment")],
      [known("K1", 10, 20, "payment-service"), known("K2", 10, 20, "orders")],
      options,
    );
    expect(comparison.list.map((k) => [k.id, k.incidentId, k.causeRank])).toEqual([
      ["K1", "I2", 1],
      ["K2", "I1", 1],
    ]);
  });

  it("counts a second incident of one fault as a duplicate, and a second fault in one incident as merged", () => {
    const twice = compareKnown(
      [found("I1", 10, 11, 15, "a"), found("I2", 16, 17, 20, "a")],
      [known("K", 10, 20)],
      options,
    );
    expect(twice.comparison).toMatchObject({ found: 1, duplicates: 1, false: 0, precision: 0.5, recall: 1 });
    const once = compareKnown([found("I1", 10, 11, 30, "a")], [known("K1", 9, 12), known("K2", 10, 14)], options);
    expect(once.comparison).toMatchObject({ found: 1, merged: 1, missed: 0, recall: 1, precision: 1 });
  });

  it("adds up, in whatever order things are listed, and gives as many their own as can be", () => {
    const time = fc.integer({ min: 0, max: 60 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(time, fc.nat(3), fc.nat(10)), { maxLength: 8 }),
        fc.array(fc.tuple(time, fc.nat(10)), { maxLength: 8 }),
        (fs, ks) => {
          const f = fs.map(([s, d, l], i) => found(`I${i}`, s, s + d, s + d + l, "a"));
          const k = ks.map(([s, l], i) => known(`K${i}`, s, s + l));
          const { comparison: c, verdicts } = compareKnown(f, k, options);
          expect(c.found + c.late + c.merged + c.missed).toBe(k.length);
          const right = [...verdicts.values()].filter((v) => v.verdict === "true").length;
          expect(right).toBe(c.found + c.late);
          expect(right + c.duplicates + c.false).toBe(f.length);
          expect(compareKnown([...f].reverse(), [...k].reverse(), options)).toEqual({ comparison: c, verdicts });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("has nothing to say of nothing", () => {
    expect(compareKnown([], [], options).comparison).toMatchObject({
      recall: null,
      precision: null,
      medianDelayMs: null,
    });
  });
});
