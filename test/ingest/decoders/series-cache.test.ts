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
    { name: "the same", now: [attribute("a", "1")] },
  ])("tells apart what follows with $name", ({ now }) => {
    const before = [point([attribute("a", "1")]), point([attribute("a", "3")])];
    const payloads = [request("s", "m", before), request("s", "m", [point(now, 7), ...before])];
    const bytes = payloads.map((p) => encode("metrics", p));
    expect(decodeAll(bytes, true)[1]!.points).toEqual(decodeAll(bytes, false)[1]!.points);
  });

  it("tells metrics, entities and kinds with equal attributes apart", () => {
    const one = [point([attribute("a", "1")])];
    const payloads = [
      request("s", "m", one),
      request("s", "mm", one),
      request("t", "m", one),
      { resourceMetrics: [{ ...request("s", "m", one).resourceMetrics[0], scopeMetrics: [sum(one)] }] },
    ].map((p) => encode("metrics", p));
    const names = [...decodeAll(payloads, true), ...decodeAll(payloads, true)].map((r) => r.points[0]![0]);
    expect(names.slice(0, 4)).toEqual(names.slice(4));
    expect(new Set(names).size).toBe(4);
  });
});

const sum = (dataPoints: object[]) => ({
  metrics: [{ name: "m", unit: "1", sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true } }],
});
