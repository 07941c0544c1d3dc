/**
 * An hour of the demo system's signals as an OTLP/JSON dump, a request a line, in event time: spans of every request over
 * the same call tree, metrics each second, logs, with ten faults put in. Made from a seed; shapes and sizes of the faults
 * as `data/lab/defects.ts` makes them. Besides them: load that drifts, slow single requests, failures of single requests
 * and stalls of the whole machine for a second or two, which are no incidents.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import {
  CALL_TIMEOUT_MS,
  CALLS,
  createRandom,
  SERVICE_NAMES,
  type ServiceName,
  STORE_LIMIT_BYTES,
} from "../../../data/lab/topology.ts";
import type { PlannedFault } from "./faults.ts";

export const START_MS = 1_760_000_000_000;
const MIB = 1024 * 1024;
const BASE_SELF_MS: Record<ServiceName, number> = { gateway: 2, orders: 4, inventory: 3, payment: 6, store: 5 };
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const PATHS: Record<string, string> = {
  orders: "POST /orders",
  payment: "POST /charge",
  store: "POST /records",
};
const STALL_EVERY_S = 400;
const LEAK_BYTES_A_S = 12 * MIB;

interface Outcome {
  readonly endMs: number;
  readonly ok: boolean;
}

interface State {
  version: string;
  startedMs: number;
  leaked: number;
  duration: { count: number; sum: number; buckets: number[] };
  busyMs: number;
  writes: number;
  diskUsed: number;
}

export interface HourOptions {
  readonly seed: number;
  readonly seconds?: number;
  readonly perSecond?: number;
  readonly faults: readonly PlannedFault[];
}

/** Writes the dump; the number of spans in it. */
export async function writeHour(path: string, options: HourOptions): Promise<number> {
  const { seed, seconds = 3600, perSecond = 8, faults } = options;
  const random = createRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const hex = (chars: number) => {
    let out = "";
    while (out.length < chars)
      out += Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    return out.slice(0, chars);
  };
  const nano = (ms: number) => `${Math.round(ms * 1000)}000`;
  const fresh = (startedMs: number, version: string): State => ({
    version,
    startedMs,
    leaked: 0,
    duration: { count: 0, sum: 0, buckets: new Array<number>(BUCKETS.length + 1).fill(0) },
    busyMs: 0,
    writes: 0,
    diskUsed: 2 * MIB,
  });
  const state = Object.fromEntries(SERVICE_NAMES.map((s) => [s, fresh(START_MS, "1.0.0")])) as Record<
    ServiceName,
    State
  >;
  const active = (s: ServiceName, at: number) =>
    faults.find((f) => f.service === s && at >= START_MS + f.from * 1000 && at < START_MS + f.to * 1000);
  const down = (s: ServiceName, at: number) => {
    const kind = active(s, at)?.kind;
    return kind === "crash" || kind === "hang" ? kind : undefined;
  };
  let spans: Record<ServiceName, object[]>;
  let logs: Record<ServiceName, object[]>;
  let stalledMs = 0;
  let written = 0;

  const log = (s: ServiceName, ms: number, level: "INFO" | "ERROR", body: string, traceId: string) =>
    logs[s].push({
      timeUnixNano: nano(ms),
      severityNumber: level === "ERROR" ? 17 : 9,
      severityText: level,
      body: { stringValue: body },
      traceId,
    });
  const span = (s: ServiceName, more: { startMs: number; endMs: number; ok: boolean } & Record<string, unknown>) => {
    const { startMs, endMs, ok, ...rest } = more;
    spans[s].push({
      ...rest,
      startTimeUnixNano: nano(startMs),
      endTimeUnixNano: nano(endMs),
      status: ok ? {} : { code: 2 },
    });
    written += 1;
  };

  /** One request at a service; undefined when nobody answers. */
  const serve = (s: ServiceName, route: string, at: number, traceId: string, parentSpanId: string): Outcome => {
    const spanId = hex(16);
    const fault = active(s, at);
    const mine = state[s];
    let self = BASE_SELF_MS[s] * Math.exp(0.35 * normal()) + stalledMs * random();
    if (random() < 0.002) self += 20 + 60 * random();
    if (fault?.kind === "cpu-burn") self += 40 * random() * 3;
    if (fault?.kind === "latency") self += 260 + 130 * random();
    if (fault?.kind === "memory-leak") self += (mine.leaked / (100 * MIB)) * random() * 4;
    let ok = random() >= 0.0005;
    let why = "connection reset by peer";
    if (fault?.kind === "bad-release" && random() < 0.5) {
      ok = false;
      why = "TypeError: Cannot read properties of undefined (reading 'percent')";
    }
    if (fault?.kind === "disk-full" && mine.diskUsed >= STORE_LIMIT_BYTES) {
      ok = false;
      why = "ENOSPC: no space left on device, write";
    }
    let now = at + self * 0.6;
    const callees: [ServiceName, string][] =
      s === "gateway"
        ? route === "POST /orders"
          ? [["orders", "POST /orders"]]
          : [["inventory", "GET /items"]]
        : s === "orders"
          ? CALLS.orders.map((c) => [c, c === "inventory" ? "POST /reserve" : PATHS[c]!] as [ServiceName, string])
          : [];
    for (const [callee, path] of ok ? callees : []) {
      const clientId = hex(16);
      const startMs = now;
      const gone = down(callee, startMs);
      const result: Outcome = gone
        ? { endMs: startMs + (gone === "hang" ? CALL_TIMEOUT_MS : 0.5 + random()), ok: false }
        : serve(callee, path, startMs + 0.3, traceId, clientId);
      const late = result.endMs - startMs > CALL_TIMEOUT_MS;
      now = late ? startMs + CALL_TIMEOUT_MS : result.endMs + 0.2;
      const fine = result.ok && !late;
      span(s, {
        traceId,
        spanId: clientId,
        parentSpanId: spanId,
        name: path,
        kind: 3,
        startMs,
        endMs: now,
        ok: fine,
        attributes: [{ key: "peer.service", value: { stringValue: callee } }],
      });
      if (!fine) {
        ok = false;
        why =
          gone === "crash"
            ? `connect ECONNREFUSED ${callee}`
            : late || gone
              ? `${callee}: timeout after 800 ms`
              : `${callee} answered 500`;
        break;
      }
    }
    const endMs = now + self * 0.4;
    span(s, { traceId, spanId, parentSpanId, name: route, kind: 2, startMs: at, endMs, ok });
    if (!ok) log(s, endMs, "ERROR", `${route} failed: ${why}`, traceId);
    else if (random() < 0.1) log(s, endMs, "INFO", `${route} done in ${Math.round(endMs - at)} ms`, traceId);
    const d = (endMs - at) / 1000;
    mine.duration.count += 1;
    mine.duration.sum += d;
    const bucket = BUCKETS.findIndex((b) => d <= b);
    mine.duration.buckets[bucket < 0 ? BUCKETS.length : bucket]! += 1;
    mine.busyMs += self;
    if (s === "store" && ok) mine.writes += 1;
    return { endMs, ok };
  };

  const resource = (s: ServiceName) => ({
    attributes: [
      { key: "service.name", value: { stringValue: s } },
      { key: "service.version", value: { stringValue: state[s].version } },
      { key: "host.name", value: { stringValue: "lab-host" } },
    ],
  });
  const gauge = (name: string, unit: string, ms: number, value: number) => ({
    name,
    unit,
    gauge: { dataPoints: [{ timeUnixNano: nano(ms), asDouble: value }] },
  });
  const metricsOf = (s: ServiceName, ms: number) => {
    const mine = state[s];
    const fault = active(s, ms);
    const burning = fault?.kind === "cpu-burn";
    const cpu = Math.min(1, burning ? 0.9 + 0.05 * random() : 0.02 + mine.busyMs / 2500 + 0.01 * Math.abs(normal()));
    const out: object[] = [
      gauge("process.cpu.utilization", "1", ms, cpu),
      gauge("process.memory.usage", "By", ms, Math.round(78 * MIB + mine.leaked + 1.5 * MIB * normal())),
      gauge(
        "nodejs.eventloop.delay.p99",
        "s",
        ms,
        (burning ? 0.05 : 0.0105) + 0.001 * Math.abs(normal()) + stalledMs / 1000,
      ),
      {
        name: "http.server.request.duration",
        unit: "s",
        histogram: {
          aggregationTemporality: 2,
          dataPoints: [
            {
              startTimeUnixNano: nano(mine.startedMs),
              timeUnixNano: nano(ms),
              count: String(mine.duration.count),
              sum: mine.duration.sum,
              explicitBounds: BUCKETS,
              bucketCounts: mine.duration.buckets.map(String),
            },
          ],
        },
      },
    ];
    if (s === "store")
      out.push(
        gauge("store.disk.usage", "By", ms, mine.diskUsed),
        gauge("store.disk.limit", "By", ms, STORE_LIMIT_BYTES),
        {
          name: "store.writes",
          unit: "{record}",
          sum: {
            aggregationTemporality: 2,
            isMonotonic: true,
            dataPoints: [
              { startTimeUnixNano: nano(mine.startedMs), timeUnixNano: nano(ms), asInt: String(mine.writes) },
            ],
          },
        },
      );
    mine.busyMs = 0;
    return out;
  };

  const out = createWriteStream(path);
  const write = async (line: object) => {
    if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, "drain");
  };
  let carried = 0;
  for (let t = 0; t < seconds; t++) {
    const nowMs = START_MS + t * 1000;
    spans = Object.fromEntries(SERVICE_NAMES.map((s) => [s, []])) as unknown as typeof spans;
    logs = Object.fromEntries(SERVICE_NAMES.map((s) => [s, []])) as unknown as typeof logs;
    stalledMs = t % STALL_EVERY_S > STALL_EVERY_S - 3 && t > STALL_EVERY_S / 2 ? 120 : 0;
    for (const f of faults) {
      const mine = state[f.service];
      if (t === f.from && f.kind === "bad-release") Object.assign(mine, fresh(nowMs, "1.1.0"));
      // Every cure is a restart, with the release that ran before.
      if (t === f.to) Object.assign(mine, fresh(nowMs, "1.0.0"));
      if (t >= f.from && t < f.to) {
        if (f.kind === "memory-leak") mine.leaked = Math.min(500 * MIB, mine.leaked + LEAK_BYTES_A_S);
        if (f.kind === "disk-full") mine.diskUsed = Math.min(STORE_LIMIT_BYTES, mine.diskUsed + 3 * MIB);
      }
    }
    if (!active("store", nowMs)) state.store.diskUsed = 2 * MIB + (t % 60) * 20_000;
    carried += perSecond * (1 + 0.2 * Math.sin((2 * Math.PI * t) / 1700)) * (1 + 0.15 * normal());
    const n = Math.max(0, Math.floor(carried));
    carried -= n;
    for (let i = 0; i < n; i++) {
      const at = nowMs + 1000 * random();
      serve("gateway", random() < 0.6 ? "POST /orders" : "GET /catalog", at, hex(32), "");
    }
    for (const s of SERVICE_NAMES) {
      if (down(s, nowMs)) continue;
      const ms = nowMs + 990;
      await write({
        resourceMetrics: [{ resource: resource(s), scopeMetrics: [{ metrics: metricsOf(s, ms) }] }],
        resourceSpans: [{ resource: resource(s), scopeSpans: [{ spans: spans[s] }] }],
        ...(logs[s].length > 0
          ? { resourceLogs: [{ resource: resource(s), scopeLogs: [{ logRecords: logs[s] }] }] }
          : {}),
      });
    }
    const busy = faults.some((f) => f.kind === "cpu-burn" && t >= f.from && t < f.to);
    await write({
      resourceMetrics: [
        {
          resource: { attributes: [{ key: "host.name", value: { stringValue: "lab-host" } }] },
          scopeMetrics: [
            {
              metrics: [
                gauge("system.cpu.utilization", "1", nowMs + 990, 0.3 + (busy ? 0.45 : 0) + 0.03 * normal()),
                gauge("system.memory.utilization", "1", nowMs + 990, 0.42 + 0.004 * normal()),
              ],
            },
          ],
        },
      ],
    });
  }
  out.end();
  await once(out, "close");
  return written;
}
