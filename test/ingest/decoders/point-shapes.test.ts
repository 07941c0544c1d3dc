import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SignalSink } from "../../../pipelines/core/signals.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import { jsonl } from "../../../pipelines/ingest/decoders/jsonl.ts";
import { shapesOf } from "../../../pipelines/ingest/decoders/point-shapes.ts";
import { NOW, recordOf, rowsOf } from "./rows.ts";

/** Rows of each line, from one sink for all or a new one each; and how many were known by their shape. */
function decodeAll(lines: readonly Uint8Array[], shared: boolean) {
  let sink = new SignalSink(new Tables());
  let known = 0;
  const rows = lines.map((bytes) => {
    if (!shared) sink = new SignalSink(new Tables());
    if (shapesOf(sink).find(bytes) >= 0) known += 1;
    const record = recordOf("jsonl", bytes);
    sink.begin(record);
    jsonl.decode(record, sink);
    return rowsOf(sink);
  });
  return { rows, known };
}

const same = (lines: readonly (string | Uint8Array)[]) => {
  const bytes = lines.map((l) => Buffer.from(l));
  const { rows, known } = decodeAll(bytes, true);
  expect(rows).toEqual(decodeAll(bytes, false).rows);
  return known;
};

const number = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
  fc.integer().map(String),
  fc.constantFrom(
    "0",
    "-0",
    "0.1",
    "1e5",
    "1E-7",
    "123456789012345678",
    "0.30000000000000004",
    "9007199254740993",
    "1e999",
  ),
  fc.constantFrom("01", "+1", ".5", "1.", "1e", "--1", "NaN", "true", "null", '"2"', "[1]"),
);
const time = fc.oneof(
  fc.constantFrom(
    `${NOW}`,
    `${NOW / 1000}`,
    `"${new Date(NOW).toISOString()}"`,
    `"${NOW}"`,
    '"never"',
    '""',
    "null",
    "-5",
  ),
  fc.nat(100_000).map((d) => String(NOW - d)),
);
const word = fc.constantFrom("cpu", "mem", "a", "ä", 'q"', "\\", "value", "time", "{", "]", ",");
const space = fc.constantFrom("", "", "", " ", "\t", "\n ");
const line = fc
  .record({
    timeName: fc.constantFrom("time", "timestamp", "ts", "timeMs", "@timestamp"),
    metric: fc.constantFrom("cpu", "mem"),
    service: word,
    attributes: fc.dictionary(word, word, { maxKeys: 2 }),
    more: fc.array(fc.tuple(fc.constantFrom("kind", "unit", "value", "time", "body", "note", "host"), word), {
      maxLength: 2,
    }),
    order: fc.array(fc.nat(9), { minLength: 8, maxLength: 8 }),
    gap: space,
  })
  .map(({ timeName, metric, service, attributes, more, order, gap }) => (t: string, v: string) => {
    const members = [
      [timeName, t],
      ["value", v],
      ["metric", JSON.stringify(metric)],
      ["service", JSON.stringify(service)],
      ["attributes", JSON.stringify(attributes)],
      ...more.map(([k, w]) => [k, JSON.stringify(w)]),
    ]
      .map((m, i) => [order[i] ?? 0, m] as const)
      .sort(([a], [b]) => a - b)
      .map(([, [k, json]]) => `"${k}"${gap}:${gap}${json}`);
    return `${gap}{${members.join(`,${gap}`)}}${gap}`;
  });

describe("points known by their shape", () => {
  it("are the points that reading each line anew gives", () => {
    let known = 0;
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(2), time, number), { minLength: 4, maxLength: 20 }),
        (shapes, uses) => {
          known += same(uses.map(([i, t, v]) => (shapes[i % shapes.length] as (typeof shapes)[number])(t, v)));
        },
      ),
      { numRuns: 500, seed: 11 },
    );
    expect(known).toBeGreaterThan(500);
  });

  it("are no others where a byte differs", () => {
    const good = `{"time":${NOW},"service":"web","metric":"cpu","attributes":{"core":"1"},"value":0.5}`;
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.boolean(), (at, byte, cut) => {
        const bad = Buffer.from(good);
        bad[at] = byte;
        same([good, cut ? bad.subarray(0, at) : bad, good]);
      }),
      { numRuns: 2000, seed: 12 },
    );
  });

  it.each([
    ["without a name, its source is the entity", `{"time":${NOW},"metric":"cpu","value":1}`, 0],
    ["with an escape", `{"time":${NOW},"service":"w\\u0065b","metric":"cpu","value":1}`, 0],
    ["with two values", `{"time":${NOW},"service":"web","metric":"cpu","value":1,"value":2}`, 0],
    ["two on a line each", `{"time":${NOW},"service":"web","metric":"cpu","value":1}\n`.repeat(2), 0],
    ["with a line end", `{"time":${NOW},"service":"web","metric":"cpu","value":1}\r\n`, 2],
    [
      "with the time as text",
      `{"@timestamp":"${new Date(NOW).toISOString()}","service":"web","metric":"cpu","value":1}`,
      2,
    ],
    ["longer than is kept", `{"time":${NOW},"service":"web","metric":"cpu","unit":"${"u".repeat(2000)}","value":1}`, 0],
  ])("a point %s", (_, text, known) => {
    expect(same([text, text, text])).toBe(known);
  });

  it("follow each other as they did, or not", () => {
    const at = (i: number, k: number) =>
      `{"time":${NOW - 1000 * k},"service":"s${i}","metric":"cpu","value":${i + k / 8}}`;
    const lines = [0, 1, 2, 3].flatMap((k) => [0, 1, 2, 3, 4].map((i) => at(k % 2 ? 4 - i : i, k)));
    expect(same(lines)).toBe(15);
  });
});
