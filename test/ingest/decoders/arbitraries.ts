/** Random OTLP requests in OTLP/JSON form. */
import fc from "fast-check";
import { NOW } from "./rows.ts";

const text = fc.oneof(fc.constantFrom("", "a", "b", "service.name"), fc.string({ unit: "grapheme", maxLength: 12 }));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const uint64 = fc.oneof(fc.nat(500).map(String), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String));
const nanos = fc.oneof(
  { weight: 8, arbitrary: fc.bigInt({ min: 1n, max: BigInt(NOW) * 1_000_000n }).map(String) },
  { weight: 1, arbitrary: uint64 },
);
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const { any } = fc.letrec<{ any: object; kv: object }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ stringValue: text }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ intValue: int64 }),
    fc.record({ doubleValue: double }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 9 }).map((b) => Buffer.from(b).toString("base64")) }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie("any"), { maxLength: 3 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: fc.array(tie("kv"), { maxLength: 3 }) }) }),
  ),
  kv: fc.record({ key: text, value: tie("any") }),
}));
const attributes = fc.array(fc.record({ key: text, value: any }), { maxLength: 4 });
const list = <T>(a: fc.Arbitrary<T>, maxLength = 4) => fc.array(a, { maxLength });
const flags = fc.constantFrom(0, 0, 0, 1);
const times = { timeUnixNano: nanos, startTimeUnixNano: nanos };

const number = fc.oneof(
  fc.record({ ...times, attributes, flags, asDouble: double }),
  fc.record({ ...times, attributes, flags, asInt: int64 }),
  fc.record({ ...times, attributes }),
);
const bounds = fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { maxLength: 5 }).map((b) => b.sort((x, y) => x - y));
const histogram = bounds.chain((explicitBounds) =>
  fc.record({
    ...times,
    attributes,
    flags,
    count: uint64,
    sum: double,
    explicitBounds: fc.constant(explicitBounds),
    bucketCounts: fc.array(uint64, { minLength: explicitBounds.length, maxLength: explicitBounds.length + 1 }),
  }),
);
const side = fc.record({ offset: fc.integer({ min: -3000, max: 3000 }), bucketCounts: list(uint64, 6) });
const exponential = fc.record({
  ...times,
  attributes,
  flags,
  count: uint64,
  sum: double,
  zeroCount: uint64,
  scale: fc.integer({ min: -40, max: 40 }),
  zeroThreshold: fc.constantFrom(0, 0.5),
  positive: side,
  negative: side,
});
const summary = fc.record({
  ...times,
  attributes,
  flags,
  count: uint64,
  sum: double,
  quantileValues: list(fc.record({ quantile: double, value: double }), 3),
});
const aggregationTemporality = fc.nat(2);
const points = <T>(dataPoints: fc.Arbitrary<T>) => ({ dataPoints: list(dataPoints) });
const head = { name: text, unit: text, description: text };
const metric = fc.oneof(
  fc.record({ ...head, gauge: fc.record(points(number)) }),
  fc.record({ ...head, sum: fc.record({ ...points(number), aggregationTemporality, isMonotonic: fc.boolean() }) }),
  fc.record({ ...head, histogram: fc.record({ ...points(histogram), aggregationTemporality }) }),
  fc.record({ ...head, exponentialHistogram: fc.record({ ...points(exponential), aggregationTemporality }) }),
  fc.record({ ...head, summary: fc.record(points(summary)) }),
  fc.record(head),
);
const resource = fc.record({ attributes });
const id = (bytes: number) =>
  fc
    .oneof(
      { weight: 9, arbitrary: fc.uint8Array({ minLength: bytes, maxLength: bytes }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
    )
    .map((b) => Buffer.from(b).toString("hex"));
const log = fc.record({
  timeUnixNano: fc.oneof(nanos, fc.constant("0")),
  observedTimeUnixNano: fc.oneof(nanos, fc.constant("0")),
  severityNumber: fc.integer({ min: 0, max: 30 }),
  severityText: fc.constantFrom("", "WARN", "error2", "?"),
  body: any,
  attributes,
  traceId: id(16),
});
const peerKey = fc.constantFrom("peer.service", "server.address", "server.port", "net.peer.name", "x");
const span = fc.record({
  traceId: id(16),
  spanId: id(8),
  parentSpanId: id(8),
  name: text,
  kind: fc.nat(5),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes: list(fc.record({ key: peerKey, value: any })),
  status: fc.record({ code: fc.nat(2), message: text }),
});

export const requests = {
  metrics: fc.record({
    resourceMetrics: list(fc.record({ resource, scopeMetrics: list(fc.record({ metrics: list(metric) }), 2) }), 3),
  }),
  logs: fc.record({
    resourceLogs: list(fc.record({ resource, scopeLogs: list(fc.record({ logRecords: list(log) }), 2) }), 3),
  }),
  traces: fc.record({
    resourceSpans: list(fc.record({ resource, scopeSpans: list(fc.record({ spans: list(span) }), 2) }), 3),
  }),
};
