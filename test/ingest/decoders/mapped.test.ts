import { describe, expect, it } from "vitest";
import { type TopicConfig, topicSchema } from "../../../pipelines/core/topic-config.ts";
import { decoderOf } from "../../../pipelines/ingest/decoders/index.ts";
import { decodeWith, NOW } from "./rows.ts";

const S = 1_700_000_000;
const read = (format: "json" | "csv", mapping: object, payload: unknown) => {
  const topic: TopicConfig = topicSchema.parse({ name: "t", format, mapping });
  return decodeWith(
    decoderOf(topic),
    typeof payload === "string" ? payload : JSON.stringify(payload),
    undefined,
    "kafka:my.topic/3",
  );
};

describe("plain JSON with a mapping", () => {
  it.each([
    ["s", S + 0.5, 500],
    ["s", `${S}.5`, 500],
    ["ms", S * 1000 + 7, 7],
    ["us", S * 1e6 + 7999, 7],
    ["ns", `${S}123999999`, 123],
    ["ns", S * 1e9 + 123e6, 123],
    ["iso", "2023-11-14T22:13:20.250Z", 250],
    ["auto", `${S}123000000`, 123],
    ["auto", "2023-11-14 22:13:20", 0],
  ])("time in %s: %s", (timeUnit, t, ms) => {
    expect(read("json", { time: "t", timeUnit, values: ["v"] }, { t, v: 1 }).points).toEqual([
      ["service:my.topic gauge v ", S * 1000 + ms, 0, 1],
    ]);
  });

  it.each([
    ["iso", S],
    ["iso", String(S)],
    ["ms", "2023-11-14"],
    ["s", null],
    ["auto", "soon"],
    ["auto", []],
  ])("time in %s: %j is none", (timeUnit, t) => {
    const { points, rejected } = read("json", { time: "t", timeUnit, values: ["v"] }, { t, v: 1 });
    expect(points).toEqual([]);
    expect(rejected).toHaveLength(1);
  });

  it("finds fields by name before path, and takes numbers, their text and booleans; the rest is a gap", () => {
    const mapping = {
      service: "a.b",
      host: "h",
      resource: { "k8s.pod.name": "x.pod" },
      values: ["v.1", { path: "v.2", name: "two", unit: "s", kind: "delta" }, "ok", "gone"],
      attributes: ["z", "none"],
    };
    const row = {
      "a.b": "dotted",
      a: { b: "nested" },
      h: "host",
      x: { pod: "p" },
      v: { 1: " 2.5 ", 2: 3 },
      ok: true,
      z: { deep: [1] },
    };
    const { points, rejected } = read("json", mapping, row);
    expect(rejected).toEqual([]);
    expect(points.map((p) => [p[0], p[3]])).toEqual([
      ['service:dotted gauge v.1{z={"deep":[1]}} ', 2.5],
      ['service:dotted delta two{z={"deep":[1]}} s', 3],
      ['service:dotted gauge ok{z={"deep":[1]}} ', 1],
    ]);
  });

  it("a name and a value, many rows in a list, logs with a number for a level", () => {
    const mapping = {
      rows: "data.rows",
      metric: { name: "m", value: "v", unit: "u" },
      body: "msg",
      severity: "lvl",
      traceId: "tr",
      entity: "e",
    };
    const rows = [
      { m: "cpu", v: "1e2", u: "%", e: "a" },
      { msg: "bad", lvl: 17, tr: "AB".repeat(16), e: "b" },
      { m: "cpu" },
      7,
      { m: "cpu", v: "NaN" },
      { m: "cpu", v: "x" },
    ];
    const r = read("json", mapping, { data: { rows } });
    expect(r.points).toEqual([["service:a gauge cpu %", NOW, 0, 100]]);
    expect(r.logs).toEqual([["service:b", NOW, 17, "bad", {}, "ab".repeat(16)]]);
    expect(r.rejected.map((x) => x.code).sort()).toEqual([
      "DECODE_BAD_FIELD",
      "DECODE_BAD_FIELD",
      "DECODE_BAD_FIELD",
      "VALUE_NOT_FINITE",
    ]);
    expect(read("json", mapping, {}).rejected).toMatchObject([{ detail: "no list data.rows" }]);
  });

  it("takes a list at the top, lines, and an object printed over many", () => {
    const mapping = { values: ["v"] };
    expect(read("json", mapping, [{ v: 1 }, { v: 2 }]).points).toHaveLength(2);
    expect(read("json", mapping, '{"v":1}\n{"v":2}\n').points).toHaveLength(2);
    expect(read("json", mapping, '{\n  "v": 1\n}').points).toHaveLength(1);
    expect(read("json", mapping, '{"v":1}\n{"v"\n{"v":2}').rejected).toMatchObject([
      { code: "DECODE_BAD_JSON", rows: 1 },
    ]);
  });
});

describe("CSV with a mapping", () => {
  it("takes its header from each record, or columns from the config", () => {
    const mapping = { time: "when", timeUnit: "s", host: "host", values: ["cpu"], body: "note" };
    const expected = [["host:h gauge cpu ", S * 1000, 0, 0.5]];
    expect(read("csv", mapping, `when,host,cpu,note\n${S},h,0.5,\n`).points).toEqual(expected);
    const columns = { ...mapping, columns: ["when", "host", "cpu", "note"] };
    const r = read("csv", columns, `${S},h,0.5,\n${S},h,,"a, b"\n${S},h\n${S},h,,\n`);
    expect(r.points).toEqual(expected);
    expect(r.logs).toEqual([["host:h", S * 1000, 0, "a, b", {}, ""]]);
    expect(r.rejected.map((x) => x.detail)).toEqual(["not 4 cells", "a row holds nothing that the mapping names"]);
  });
  it("refuses a payload without a header", () => {
    expect(() => read("csv", { values: ["v"] }, "")).toThrow(/DECODE_BAD_FIELD.*no CSV header/);
  });
});

describe("decoderOf", () => {
  it.each([
    [{ format: "nonsense" }, /no decoder nonsense/],
    [{ format: "json" }, /json needs a mapping/],
    [
      { format: "influx", mapping: topicSchema.parse({ name: "x", format: "json", mapping: { body: "m" } }).mapping },
      /no mapping goes with influx/,
    ],
    [{ format: "__proto__" }, /no decoder __proto__/],
  ])("refuses %j", (about, message) => {
    expect(() => decoderOf({ name: "t", ...about } as TopicConfig)).toThrow(message);
  });
});
