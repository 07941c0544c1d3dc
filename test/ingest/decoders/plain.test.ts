import { describe, expect, it } from "vitest";
import { oversized, timeOf } from "../../../pipelines/ingest/decoders/plain.ts";
import { decode, NOW } from "./rows.ts";

const S = 1_700_000_000;

describe("times", () => {
  it.each([
    [S, S * 1000],
    [S * 1000, S * 1000],
    [`${S}.5`, S * 1000 + 500],
    ["2023-11-14T22:13:20Z", S * 1000],
    ["2023-11-14 22:13:20", S * 1000],
    ["2023-11-14T23:13:20.250+01:00", S * 1000 + 250],
    ["2023-11-14", Date.UTC(2023, 10, 14)],
    ["2023-02-31", Number.NaN],
    ["soon", Number.NaN],
    [null, Number.NaN],
  ])("%j is %s", (text, ms) => expect(timeOf(text)).toBe(ms));
});

describe("csv", () => {
  it("makes every column a gauge; empty cells are gaps; the file names the entity", () => {
    const { points, rejected } = decode("csv", `timestamp,cpu,"a ""b"", c"\r\n${S},1,2\r\n${S + 1},,-3e1\n`);
    expect(rejected).toEqual([]);
    expect(points).toEqual([
      ["service:web-1 gauge cpu ", S * 1000, 0, 1],
      ['service:web-1 gauge a "b", c ', S * 1000, 0, 2],
      ['service:web-1 gauge a "b", c ', S * 1000 + 1000, 0, -30],
    ]);
  });

  it("takes entities from columns", () => {
    const { points } = decode("csv", `timestamp,service,host,v\n${S},a,,1\n${S},,h,2\n`);
    expect(points.map((p) => p[0])).toEqual(["service:a gauge v ", "host:h gauge v "]);
  });

  it("rejects bad rows and cells only", () => {
    const { points, rejected } = decode(
      "csv",
      `time,v\n${S},x\n${S},NaN\n${S}\nsoon,1\n${S},"1\n-5,1\n99999999999,1\n${S},7\n`,
    );
    expect(points).toHaveLength(1);
    expect(rejected.map((r) => r.code).sort()).toEqual([
      "DECODE_BAD_FIELD",
      "DECODE_BAD_FIELD",
      "DECODE_BAD_FIELD",
      "DECODE_BAD_FIELD",
      "TIME_BEFORE_1970",
      "TIME_IN_FUTURE",
      "VALUE_NOT_FINITE",
    ]);
  });

  it("refuses a text without a header, and the mark of an oversized line", () => {
    expect(() => decode("csv", "a,b\n1,2\n")).toThrow(/DECODE_BAD_FIELD/);
    for (const name of ["csv", "jsonl"] as const)
      expect(() => decode(name, oversized(10, Buffer.from("x".repeat(500))))).toThrow(
        /LIMIT_BYTES.*line over 10 bytes/,
      );
  });
});

describe("jsonl", () => {
  it("reads points, logs and OTLP requests, and rejects bad lines alone", () => {
    const lines = [
      { timestamp: S, metric: "m", value: 1, service: "a", attributes: { k: 1 } },
      "{nonsense",
      { timestamp: S, metric: "m", value: "x" },
      { time: "2023-11-14T22:13:20Z", msg: "hi", level: "error", host: "h", traceId: "AA".repeat(16) },
      { message: "no time" },
      { x: 1 },
      {
        resourceMetrics: [
          {
            scopeMetrics: [
              { metrics: [{ name: "o", gauge: { dataPoints: [{ timeUnixNano: `${S}000000000`, asInt: "3" }] } }] },
            ],
          },
        ],
      },
      { resourceLogs: 7 },
    ];
    const rows = decode("jsonl", lines.map((l) => (typeof l === "string" ? l : JSON.stringify(l))).join("\n"));
    expect(rows.points).toEqual([
      ["service:a gauge m{k=1} ", S * 1000, 0, 1],
      ["unknown:unknown gauge o ", S * 1000, 0, 3],
    ]);
    expect(rows.logs).toEqual([
      ["host:h", S * 1000, 17, "hi", {}, "aa".repeat(16)],
      ["service:web-1", NOW, 0, "no time", {}, ""],
    ]);
    expect(rows.rejected.map((r) => `${r.code} ${r.rows}`).sort()).toEqual([
      "DECODE_BAD_FIELD 1",
      "DECODE_BAD_FIELD 1",
      "DECODE_BAD_JSON 1",
      "DECODE_BAD_JSON 1",
    ]);
  });
});
