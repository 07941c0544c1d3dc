import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { timeOf } from "../../../pipelines/measure/reliability/outage-fields.ts";
import { readOutages } from "../../../pipelines/measure/reliability/read-outages.ts";

const noon = Date.UTC(2026, 2, 4, 12);

describe("a time", () => {
  it.each([
    ["2026-03-04T12:00:00Z", noon],
    ["2026-03-04 12:00", noon],
    ["2026-03-04T13:00+01:00", noon],
    ["2026-03-04T13:00:00.000+0100", noon],
    ["2026-03-04", noon - 43_200_000],
    [String(noon), noon],
    [String(noon / 1000), noon],
    [`${noon}000`, noon],
    [`${noon}000000`, noon],
    [noon, noon],
    ["", null],
    ["NaN", null],
    [null, null],
    ["soon", Number.NaN],
    ["2026-13-45", Number.NaN],
    ["-5", Number.NaN],
    ["1e999", Number.NaN],
  ])("%j", (value, ms) => expect(timeOf(value)).toEqual(ms));
});

describe("outages", () => {
  it("come from CSV with a mark, other line ends, quotes, unknown and missing columns", () => {
    const text = `\u{feff}Incident;Extra;Fault Start;Resolved At;Service\r\n"a;1";x;2026-03-04T12:00;2026-03-04T13:00;"say ""hi"""\r\nb;y;2026-03-05;;\r\n\r\n`;
    const { outages, skipped } = readOutages(text, "f.csv");
    expect(skipped).toBe(0);
    expect(outages.map((o) => [o.id, o.service, o.startMs, o.resolvedMs])).toEqual([
      ["a;1", 'say "hi"', noon, noon + 3_600_000],
      ["b", "", Date.UTC(2026, 2, 5), null],
    ]);
  });

  it("come from JSON lines and arrays, of our incidents too", () => {
    const flat = { id: "x", start: noon, resolved: noon + 1000, mode: "cpu", attempted: 1, recovered: true };
    const own = {
      id: "i1",
      system: "s",
      severity: "major",
      entities: ["cart"],
      anomalies: [],
      diagnosis: null,
      times: {
        faultStartMs: noon,
        detectedMs: noon + 5,
        acknowledgedMs: null,
        mitigatedMs: null,
        verifiedMs: null,
        resolvedMs: null,
      },
    };
    for (const text of [`${JSON.stringify(flat)}\n${JSON.stringify(own)}\n`, JSON.stringify([flat, own])]) {
      const { outages } = readOutages(text, "f.jsonl");
      expect(outages).toMatchObject([
        { id: "x", mode: "cpu", repairs: { attempted: 1, verified: 1 } },
        { id: "i1", service: "cart", startMs: noon, detectedMs: noon + 5, resolvedMs: null },
      ]);
    }
  });

  it("that can't be used are left out, named and counted; of two with one id the last counts", () => {
    const text = "id,start,resolved\na,2026-03-04,2026-03-05\nb,never,\nc,,\nd,2026-03-04,2026-03-01\na,2026-03-06,\n";
    const { outages, skipped, warnings } = readOutages(text, "f.csv");
    expect(outages.map((o) => [o.id, o.startMs])).toEqual([["a", Date.UTC(2026, 2, 6)]]);
    expect(skipped).toBe(3);
    expect(warnings.join("\n")).toMatch(
      /f\.csv:3: .*never[\s\S]*f\.csv:4: [\s\S]*f\.csv:5: .*before it began[\s\S]*1 rows .*replaced/,
    );
  });

  it.each([
    ["no column of a beginning", "id,color\n1,red\n", /f:1: .*no column tells/],
    ["no usable row", "id,start\n1,never\n", /f:2: .*never/],
    ["a quote that is not closed", 'id,start\n"1,2026-03-04\n', /f:2: .*quote/],
    ["a broken array", "[{]", /INPUT_INVALID at f:1/],
  ])("are refused with their place: %s", (_, text, error) => expect(() => readOutages(text, "f")).toThrow(error));

  it.each([
    ["", "nothing"],
    ["id,start\n", "a header alone"],
    ["[]", "an empty array"],
  ])("of %j are none (%s)", (text) => expect(readOutages(text, "f").outages).toEqual([]));

  it("never crash on any text", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string().map((s) => `id,start\n${s}`),
        ),
        (text) => {
          try {
            readOutages(text, "f");
          } catch (error) {
            expect((error as Error).name).toBe("PipelineError");
          }
        },
      ),
      { numRuns: 500 },
    ));

  it("read back what was quoted", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.string().filter((s) => s.trim() === s && s !== ""),
          { minLength: 1, maxLength: 5 },
        ),
        (services) => {
          const rows = services.map((s, i) => `${i},2026-03-04,"${s.replaceAll('"', '""')}"`);
          const { outages } = readOutages(`id,start,service\n${rows.join("\n")}`, "f");
          expect(outages.map((o) => o.service)).toEqual(services);
        },
      ),
    ));
});
