import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SignalSink } from "../../../pipelines/core/signals.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import { decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { requests } from "./arbitraries.ts";
import { encode } from "./otlp-proto.ts";
import { NOW_NS, recordOf, rowsOf } from "./rows.ts";

const format = "otlp-metrics-proto";

/** Rows of each record, from one sink for all or a new one each. */
function decodeAll(payloads: readonly Uint8Array[], shared: boolean) {
  let sink = new SignalSink(new Tables());
  return payloads.map((bytes) => {
    if (!shared) sink = new SignalSink(new Tables());
    const record = recordOf(format, bytes);
    sink.begin(record);
    decoders[format].decode(record, sink);
    return rowsOf(sink);
  });
}

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const long = (text: string) => attribute("a", text.repeat(20));
const point = (attributes: object[], asDouble = 1) => ({ timeUnixNano: NOW_NS, attributes, asDouble });
const request = (service: string, name: string, dataPoints: object[], unit = "1") => ({
  resourceMetrics: [
    {
      resource: { attributes: [attribute("service.name", service)] },
      scopeMetrics: [{ metrics: [{ name, unit, gauge: { dataPoints } }] }],
    },
  ],
});

describe("what a sink remembers of bytes", () => {
  it("changes no row, whatever came before", () => {
    let points = 0;
    fc.assert(
      fc.property(fc.array(requests.metrics as fc.Arbitrary<object>, { minLength: 2, maxLength: 4 }), (some) => {
        // Each record twice, so that the second is known, and next to others, so that guesses fail.
        const payloads = [...some, ...some].map((r) => encode("metrics", r));
        const seen = decodeAll(payloads, true);
        // The unit that came first stays, so only what does not rest on it is compared.
        const plain = (rows: typeof seen) =>
          rows.map((r) => ({
            points: r.points.map(([name, ...rest]) => [String(name).replace(/ [^ ]*$/, ""), ...rest]),
            rejected: r.rejected,
          }));
        points += seen.reduce((sum, r) => sum + r.points.length, 0);
        expect(plain(seen)).toEqual(plain(decodeAll(payloads, false)));
      }),
      { numRuns: 150, seed: 3 },
    );
    expect(points).toBeGreaterThan(1000);
  });

  it.each([
    { name: "one attribute more", now: [attribute("a", "1"), attribute("b", "2")] },
    { name: "one attribute less", now: [] },
    { name: "another value of the same length", now: [attribute("a", "2")] },
    { name: "a value that begins alike", now: [attribute("a", "12")] },
    { name: "bytes that are no number", now: [long("\u{10ffff}\x7f\x7fb")], was: long("\u{10ffff}\x7f\x7fc") },
    { name: "the same", now: [attribute("a", "1")] },
  ])("tells apart what follows with $name", ({ now, was = attribute("a", "1") }) => {
    const before = [point([was]), point([attribute("a", "3")])];
    const lead = point([attribute("lead", "")]); // known, so that what follows it is guessed
    const payloads = [request("s", "m", [lead, ...before]), request("s", "m", [lead, point(now, 7), ...before])];
    const bytes = payloads.map((p) => encode("metrics", p));
    expect(decodeAll(bytes, true)[1]!.points).toEqual(decodeAll(bytes, false)[1]!.points);
  });

  it("tells apart bytes that are equal as numbers: zeros of either sign", () => {
    const text = "\0".repeat(24);
    const before = Buffer.from(encode("metrics", request("s", "m", [point([]), point([attribute("a", text)])])));
    const from = before.indexOf(text);
    for (let i = 0; i < 24; i++) {
      const now = Buffer.from(before);
      now[from + i] = 0x80;
      const [, seen] = decodeAll([before, now], true);
      expect(seen!.points).toEqual(decodeAll([now], false)[0]!.points);
      expect(seen!.points[1]![0]).toContain("\ufffd");
    }
  });

  it("does not look for the expected bytes beyond the end", () => {
    const [a, b] = [attribute("a", "1"), attribute("b", "2")];
    const payloads = [request("s", "m", [point([]), point([a, b])]), request("s", "m", [point([]), point([a])])];
    const bytes = payloads.map((p) => encode("metrics", p));
    expect(decodeAll(bytes, true)[1]).toEqual(decodeAll(bytes, false)[1]);
  });

  it("tells metrics, entities and kinds with equal attributes apart", () => {
    const one = [point([attribute("a", "1")])];
    const payloads = [
      request("s", "m", one),
      request("s", "mm", one),
      request("t", "m", one),
      { resourceMetrics: [{ ...request("s", "m", one).resourceMetrics[0], scopeMetrics: [sum(one)] }] },
    ].map((p) => encode("metrics", p));
    // In another order, so that what came next the last time does not come now.
    const all = [0, 1, 2, 3, 0, 2, 1, 3].map((i) => payloads[i]!);
    const names = decodeAll(all, true).map((r) => r.points[0]![0]);
    expect(names).toEqual(decodeAll(all, false).map((r) => r.points[0]![0]));
    expect(new Set(names).size).toBe(4);
  });
});

const sum = (dataPoints: object[]) => ({
  metrics: [{ name: "m", unit: "1", sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true } }],
});
