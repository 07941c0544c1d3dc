/** What OpenTelemetry's own SDK sends, caught on its way: the protobuf that exporters and the Collector write. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { describe, expect, it } from "vitest";
import { SignalSink } from "../../../pipelines/core/signals.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import { decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { toOtlpJson } from "./otlp-proto.ts";
import { recordOf, rowsOf } from "./rows.ts";

/** Runs `work` against a collector of one endpoint and gives the first body sent to it. */
async function caught(temporality: AggregationTemporality, work: (provider: MeterProvider) => void): Promise<Buffer> {
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request
      .on("data", (d) => parts.push(d))
      .on("end", () => {
        bodies.push(Buffer.concat(parts));
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`;
    const exporter = new OTLPMetricExporter({ url, temporalityPreference: temporality });
    const provider = new MeterProvider({
      resource: resourceFromAttributes({ "service.name": "sdk" }),
      readers: [
        new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000, exportTimeoutMillis: 5000 }),
      ],
      views: [{ instrumentName: "exp.*", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
    });
    work(provider);
    await provider.forceFlush();
    await provider.shutdown();
    return bodies[0] as Buffer;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const read = (format: "otlp-metrics-proto" | "otlp-metrics-json", value: Uint8Array | string) => {
  const sink = new SignalSink(new Tables());
  const record = { ...recordOf(format, value), ingestTimeMs: Date.now() };
  sink.begin(record);
  decoders[format].decode(record, sink);
  return rowsOf(sink);
};

describe.each([
  ["cumulative", AggregationTemporality.CUMULATIVE, "counter", "histogram"],
  ["delta", AggregationTemporality.DELTA, "delta", "deltaHistogram"],
] as const)("the SDK's metrics, %s", (_, temporality, counter, histogram) => {
  it("hold what was recorded, each value in its exact bucket", async () => {
    const values = Array.from({ length: 400 }, (_, i) => 1.07 ** (i - 200));
    const bytes = await caught(temporality, (provider) => {
      const meter = provider.getMeter("test");
      meter.createCounter("c").add(3, { k: "v" });
      meter.createUpDownCounter("level").add(-2);
      const exponential = meter.createHistogram("exp.h", { unit: "s" });
      for (const v of values) exponential.record(v);
      exponential.record(0);
      meter.createHistogram("explicit").record(7);
    });
    const rows = read("otlp-metrics-proto", bytes);
    expect(rows).toEqual(read("otlp-metrics-json", JSON.stringify(toOtlpJson("metrics", bytes))));
    expect(rows.rejected).toEqual([]);
    // The SDK keeps up-down counters cumulative whatever is preferred.
    expect(rows.points.map((p) => [p[0], p[3]])).toEqual([
      [`service:sdk ${counter} c{k=v} `, 3],
      [expect.stringMatching(/^service:sdk (gauge|delta) level $/), -2],
    ]);
    const [exp, explicit] = rows.histograms;
    expect(exp).toMatchObject({ series: `service:sdk ${histogram} exp.h s`, count: 401 });
    expect(exp?.sum).toBeCloseTo(
      values.reduce((a, b) => a + b, 0),
      3,
    );
    const all = [0, ...values];
    for (const [i, upper] of (exp?.upper ?? []).entries()) {
      const low = i === 0 ? Number.NEGATIVE_INFINITY : (exp?.upper[i - 1] as number);
      // Bounds are irrational and rounded: a value on one may be counted on either side.
      const inside = all.filter((v) => v > low * (1 + 1e-12) && v <= upper * (1 - 1e-12)).length;
      const near = all.filter((v) => v >= low * (1 - 1e-12) && v <= upper * (1 + 1e-12)).length;
      expect(exp?.counts[i]).toBeGreaterThanOrEqual(inside);
      expect(exp?.counts[i]).toBeLessThanOrEqual(near);
    }
    expect(exp?.counts.reduce((a, b) => a + b, 0)).toBe(401);
    expect(explicit).toMatchObject({ series: `service:sdk ${histogram} explicit `, count: 1, sum: 7 });
    expect(explicit?.counts[explicit.upper.indexOf(10)]).toBe(1);
  }, 20_000);
});
