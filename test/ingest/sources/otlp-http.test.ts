import { deflateSync, gzipSync } from "node:zlib";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SignalSink } from "../../../pipelines/core/signals.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import { type DecoderName, decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { otlpRoutes } from "../../../pipelines/ingest/sources/otlp-http.ts";
import { recordOf, rowsOf } from "../decoders/rows.ts";

const PROTO = "application/x-protobuf";
let app: FastifyInstance;
let url: string;
let taken: { format: DecoderName; value: Uint8Array }[] = [];
let overloaded = false;
let broken = false;

beforeAll(async () => {
  app = Fastify();
  otlpRoutes(app, {
    append: async (payload) => {
      if (broken) throw new Error("disk full");
      taken.push(payload);
    },
    maxBodyBytes: 100_000,
    overloaded: () => overloaded,
  });
  url = await app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => app.close());
beforeEach(() => {
  taken = [];
  overloaded = false;
  broken = false;
});

const post = (path: string, type: string, body: string | Uint8Array, encoding?: string) =>
  fetch(`${url}/v1/${path}`, {
    method: "POST",
    headers: { "content-type": type, ...(encoding ? { "content-encoding": encoding } : {}) },
    body: body as string,
  });

describe("otlpRoutes", () => {
  it.each([
    ["metrics", PROTO, "otlp-metrics-proto", ""],
    ["logs", "application/json; charset=utf-8", "otlp-logs-json", "{}"],
    ["traces", "application/json", "otlp-traces-json", "{}"],
  ])("%s as %s", async (path, type, format, answer) => {
    for (const [encoding, pack] of [
      ["", Buffer.from],
      ["gzip", gzipSync],
      ["deflate", deflateSync],
    ] as const) {
      const response = await post(path, type, pack("{}"), encoding);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toContain(type.split(";")[0]);
      expect(await response.text()).toBe(answer);
      expect(Buffer.from(taken.pop()!.value).toString()).toBe("{}");
    }
    await post(path, type, "{}");
    expect(taken[0]?.format).toBe(format);
  });

  it.each([
    ["unknown type", 415, "text/plain", Buffer.from("x"), ""],
    ["unknown encoding", 415, PROTO, Buffer.from("x"), "br"],
    ["unreadable gzip", 400, PROTO, Buffer.from("no gzip"), "gzip"],
    ["cut-off gzip", 400, PROTO, gzipSync("hello hello").subarray(0, 15), "gzip"],
    ["gzip bomb", 413, PROTO, gzipSync(Buffer.alloc(50_000_000)), "gzip"],
    ["body over the limit", 413, PROTO, Buffer.alloc(100_001), ""],
  ])("%s is %s", async (_, status, type, body, encoding) => {
    const response = await post("metrics", type, body, encoding);
    expect(response.status).toBe(status);
    expect(taken).toEqual([]);
  });

  it("sends senders away when overloaded or when the journal fails", async () => {
    overloaded = true;
    const busy = await post("metrics", PROTO, "x");
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, "1"]);
    overloaded = false;
    broken = true;
    const failed = await post("metrics", "application/json", "{}");
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await failed.json()).toEqual({ code: 14, message: "try again later" });
  });
});

describe("the OpenTelemetry SDK as a sender", () => {
  it("is understood", async () => {
    const resource = resourceFromAttributes({ "service.name": "shop", "service.version": "2" });
    const metricReader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
      exportIntervalMillis: 60_000,
    });
    const meters = new MeterProvider({ resource, readers: [metricReader] });
    const meter = meters.getMeter("t");
    meter.createCounter("orders", { unit: "1" }).add(3, { region: "eu" });
    meter.createHistogram("latency", { unit: "ms", advice: { explicitBucketBoundaries: [10, 100] } }).record(50);
    await meters.forceFlush();
    const logs = new LoggerProvider({
      resource,
      processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) })],
    });
    logs.getLogger("t").emit({ severityNumber: SeverityNumber.ERROR, body: "lost", attributes: { n: 1 } });
    await logs.forceFlush();
    const traces = new NodeTracerProvider({
      resource,
      spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
    });
    const span = traces
      .getTracer("t")
      .startSpan("GET /", { kind: 2, attributes: { "server.address": "db", "server.port": 5432 } });
    span.setStatus({ code: 2 });
    span.end();
    await traces.forceFlush();

    const sink = new SignalSink(new Tables());
    const rows = taken.map(({ format, value }) => {
      const record = { ...recordOf(format, value), ingestTimeMs: Date.now() };
      sink.begin(record);
      decoders[format].decode(record, sink);
      return rowsOf(sink);
    });
    expect(rows.flatMap((r) => r.rejected)).toEqual([]);
    expect(rows.flatMap((r) => r.points.map((p) => [p[0], p[3]]))).toEqual([
      ["service:shop counter orders{region=eu} 1", 3],
    ]);
    expect(rows.flatMap((r) => r.histograms)).toMatchObject([
      { series: "service:shop histogram latency ms", count: 1, sum: 50, upper: [10, 100, Infinity], counts: [0, 1, 0] },
    ]);
    expect(rows.flatMap((r) => r.logs.map((l) => l.slice(2, 5)))).toEqual([[17, "lost", { n: "1" }]]);
    expect(rows.flatMap((r) => r.spans.map((s) => [s[3], s[4], s[8], s[9]]))).toEqual([[3, 1, "GET /", "db:5432"]]);
    expect(sink.tables.entities[0]?.attributes).toMatchObject({ "service.version": "2" });
    await Promise.all([meters.shutdown(), logs.shutdown(), traces.shutdown()]);
  });
});
