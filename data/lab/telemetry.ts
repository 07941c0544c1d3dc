import { hostname } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import {
  type Attributes,
  type Context,
  type Counter,
  type Histogram,
  type Meter,
  ROOT_CONTEXT,
  type Span,
  type Tracer,
  trace,
  type UpDownCounter,
} from "@opentelemetry/api";
import { type Logger, SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const EXPORT_TIMEOUT_MS = 900;
const METRICS_PERIOD_MS = 1000;
const BATCH_PERIOD_MS = 500;
// The SDK's default buckets are meant for milliseconds; these are the HTTP conventions' buckets in seconds.
const SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export type Level = "info" | "warn" | "error";
const SEVERITY = { info: SeverityNumber.INFO, warn: SeverityNumber.WARN, error: SeverityNumber.ERROR };

export interface Telemetry {
  tracer: Tracer;
  meter: Meter;
  serverDuration: Histogram;
  clientDuration: Histogram;
  activeRequests: UpDownCounter;
  log(level: Level, message: string, context: Context, attributes?: Attributes): void;
  /** Sends what is buffered; never rejects, takes about a second at most when nobody listens. */
  shutdown(): Promise<void>;
}

/** Starts the three OTLP exports of one service. A missing receiver costs nothing but the data. */
export function startTelemetry(options: { endpoint: string; service: string; release: string }): Telemetry {
  const resource = resourceFromAttributes({
    "service.name": options.service,
    "service.version": options.release,
    "host.name": hostname(),
  });
  const target = (signal: string) => ({
    url: `${options.endpoint.replace(/\/$/, "")}/v1/${signal}`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const batch = { scheduledDelayMillis: BATCH_PERIOD_MS, exportTimeoutMillis: EXPORT_TIMEOUT_MS };
  const traces = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(target("traces")), batch)],
  });
  const logs = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter(target("logs")), ...batch })],
  });
  const metrics = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter(target("metrics")),
        exportIntervalMillis: METRICS_PERIOD_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const meter = metrics.getMeter("lab");
  const logger = logs.getLogger("lab");
  observeProcess(meter);
  const seconds = { unit: "s", advice: { explicitBucketBoundaries: SECONDS_BUCKETS } };
  return {
    tracer: traces.getTracer("lab"),
    meter,
    serverDuration: meter.createHistogram("http.server.request.duration", seconds),
    clientDuration: meter.createHistogram("http.client.request.duration", seconds),
    activeRequests: meter.createUpDownCounter("http.server.active_requests", { unit: "{request}" }),
    log: (level, message, context, attributes) => emit(logger, level, message, context, attributes),
    shutdown: async () => {
      await Promise.allSettled([traces.shutdown(), logs.shutdown(), metrics.shutdown()]);
    },
  };
}

function emit(logger: Logger, level: Level, body: string, context: Context, attributes: Attributes = {}): void {
  logger.emit({ severityNumber: SEVERITY[level], severityText: level.toUpperCase(), body, context, attributes });
}

function observeProcess(meter: Meter): void {
  let lastCpu = process.cpuUsage();
  let lastNs = process.hrtime.bigint();
  meter.createObservableGauge("process.cpu.utilization", { unit: "1" }).addCallback((result) => {
    const cpu = process.cpuUsage(lastCpu);
    const now = process.hrtime.bigint();
    const elapsedUs = Number(now - lastNs) / 1000;
    lastCpu = process.cpuUsage();
    lastNs = now;
    result.observe(Math.min(1, (cpu.user + cpu.system) / Math.max(1, elapsedUs)));
  });
  meter.createObservableGauge("process.memory.usage", { unit: "By" }).addCallback((result) => {
    result.observe(process.memoryUsage.rss());
  });
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  meter.createObservableGauge("nodejs.eventloop.delay.p99", { unit: "s" }).addCallback((result) => {
    // NaN or 0 before the first sample.
    result.observe((delay.percentile(99) || 0) / 1e9);
    delay.reset();
  });
}

/** Gauges of the store's directory and its write counter. */
export function observeStore(meter: Meter, usedBytes: () => Promise<number>, limitBytes: number): Counter {
  meter.createObservableGauge("store.disk.usage", { unit: "By" }).addCallback(async (result) => {
    result.observe(await usedBytes());
  });
  meter.createObservableGauge("store.disk.limit", { unit: "By" }).addCallback((result) => result.observe(limitBytes));
  return meter.createCounter("store.writes", { unit: "{record}" });
}

/** Context of the caller from a W3C `traceparent` header; the root context when it is missing or malformed. */
export function extractParent(header: string | string[] | undefined): Context {
  const match = typeof header === "string" ? /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(header) : null;
  if (!match) return ROOT_CONTEXT;
  const [, traceId = "", spanId = "", flags = "01"] = match;
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, spanContext);
}

/** `traceparent` header value for a call made under `span`. */
export function traceparent(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
