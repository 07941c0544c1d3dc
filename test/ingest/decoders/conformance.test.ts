import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requests } from "./arbitraries.ts";
import { encode, type Signal, toOtlpJson } from "./otlp-proto.ts";
import { decode } from "./rows.ts";

/** Same rows and refusals whichever way the data came, the order of refusals aside. */
const comparable = (rows: ReturnType<typeof decode>) => ({
  ...rows,
  rejected: rows.rejected.map((r) => `${r.code} ${r.detail} ${r.rows}`).sort(),
});

describe("protobuf walker against protobufjs and the JSON mapping", () => {
  for (const signal of ["metrics", "logs", "traces"] as const satisfies Signal[]) {
    it(`${signal}: bytes written by protobufjs, read by the walker and by protobufjs, give the same rows`, () => {
      let rows = 0;
      fc.assert(
        fc.property(requests[signal] as fc.Arbitrary<object>, (request) => {
          const bytes = encode(signal, request);
          const walked = decode(`otlp-${signal}-proto`, bytes);
          const read = decode(`otlp-${signal}-json`, JSON.stringify(toOtlpJson(signal, bytes)));
          const direct = decode(`otlp-${signal}-json`, JSON.stringify(request));
          rows += walked.points.length + walked.histograms.length + walked.logs.length + walked.spans.length;
          expect(comparable(walked)).toEqual(comparable(read));
          expect(comparable(walked)).toEqual(comparable(direct));
        }),
        { numRuns: 400, seed: 1 },
      );
      expect(rows).toBeGreaterThan(300);
    });
  }
});
