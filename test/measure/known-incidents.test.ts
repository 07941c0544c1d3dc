import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKnown } from "../../pipelines/measure/known-incidents.ts";
import { outageWith } from "./outage.ts";

const MIN = 60_000;
const known = (id: string, start: number, end: number | null, service = "a") =>
  outageWith({ id, service, startMs: start * MIN, resolvedMs: end === null ? null : end * MIN });
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
  it.each<
    [name: string, f: [number, number, number | null], k: [number, number | null], outcome: string, verdict: string]
  >([
    ["an incident during it finds it", [10, 12, 20], [10, 20], "found", "true"],
    ["one detected long after the start is late", [10, 18, 20], [10, 20], "late", "true"],
    ["one an hour later is false", [80, 81, 90], [10, 20], "missed", "false"],
    ["one opened long before can't be about it", [0, 1, 60], [30, 40], "missed", "false"],
    ["the known times may be off by the tolerance", [8, 9, 10], [10.5, 20], "found", "true"],
    ["an end that nobody noted is assumed", [30, 31, 35], [10, null], "late", "true"],
    ["one that is not over counts", [10, 12, null], [10, 20], "found", "true"],
  ])("%s", (_, f, k, outcome, verdict) => {
    const { comparison, verdicts } = compareKnown([found("I", ...f, "a")], [known("K", ...k)], options);
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
