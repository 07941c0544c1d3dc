import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { type Agent, startAgent } from "../../../pipelines/ingest/agent/agent.ts";
import type { Collector } from "../../../pipelines/ingest/agent/metric-point.ts";
import { type OtlpMetricsRequest, toOtlp } from "../../../pipelines/ingest/agent/otlp.ts";

const servers: Server[] = [];
const agents: Agent[] = [];
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()));
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

interface Sink {
  endpoint: string;
  port: number;
  got: OtlpMetricsRequest[];
  headers: Record<string, unknown>[];
  close(): Promise<void>;
}

async function sink(options: { port?: number; status?: () => number } = {}): Promise<Sink> {
  const got: OtlpMetricsRequest[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.statusCode = options.status?.() ?? 200;
      if (response.statusCode === 200) {
        headers.push({ ...request.headers, url: request.url });
        got.push(JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()));
      }
      response.end("{}");
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections());
  return { endpoint: `http://127.0.0.1:${port}`, port, got, headers, close };
}

function start(options: Parameters<typeof startAgent>[0]): Agent {
  const agent = startAgent({ maxBackoffMs: 100, timeoutMs: 1000, ...options });
  agents.push(agent);
  return agent;
}

/** Gives 1, 2, 3, … so that a lost or repeated collection shows. */
function counting(): Collector {
  let n = 0;
  return {
    collect: async (nowMs) => ({
      timeMs: nowMs,
      missing: [],
      points: [{ name: "n", unit: "1", kind: "gauge", value: ++n, attributes: {} }],
    }),
  };
}
const numbers = (got: OtlpMetricsRequest[]): number[] =>
  got.map((r) => r.resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.gauge!.dataPoints[0]!.asDouble);

async function until(what: () => boolean, ms = 8000): Promise<void> {
  const endMs = performance.now() + ms;
  while (!what() && performance.now() < endMs) await sleep(20);
  expect(what()).toBe(true);
}

describe("startAgent", () => {
  it("sends gzipped OTLP JSON of this host", async () => {
    const to = await sink();
    const agent = start({ endpoint: `${to.endpoint}/`, intervalMs: 200, host: "h1" });
    await until(() => to.got.length >= 3);
    expect(to.headers[0]).toMatchObject({ "content-type": "application/json", url: "/v1/metrics" });
    const { resource, scopeMetrics } = to.got[2]!.resourceMetrics[0]!;
    expect(resource.attributes).toContainEqual({ key: "host.name", value: { stringValue: "h1" } });
    const names = scopeMetrics[0]!.metrics.map((m) => m.name);
    expect(names).toContain("system.cpu.utilization");
    expect(new Set(names).size).toBe(names.length);
    await agent.stop();
    expect(agent.stats()).toMatchObject({ dropped: 0, rejected: 0, failed: 0, queued: 0 });
  });

  it("keeps collections while the endpoint is down and sends them in order when it is back", async () => {
    const first = await sink();
    const notices: string[] = [];
    const agent = start({
      endpoint: first.endpoint,
      intervalMs: 100,
      collector: counting(),
      onNotice: (text) => notices.push(text),
    });
    await until(() => first.got.length >= 2);
    await first.close();
    await until(() => agent.stats().queued >= 5);
    const second = await sink({ port: first.port });
    await until(() => agent.stats().queued === 0 && second.got.length >= 5);
    await agent.stop();
    const all = [...numbers(first.got), ...numbers(second.got)];
    // A post that was cut off while it was answered may come twice, none may be lost.
    expect([...new Set(all)]).toEqual(all.length ? Array.from({ length: Math.max(...all) }, (_, i) => i + 1) : []);
    expect(agent.stats().dropped).toBe(0);
    expect(notices.filter((text) => text.startsWith("cannot send"))).toHaveLength(1);
    expect(notices).toContain("sending again");
  });

  it("drops the oldest beyond the limit, and counts", async () => {
    let up = false;
    const to = await sink({ status: () => (up ? 200 : 503) });
    const agent = start({ endpoint: to.endpoint, intervalMs: 100, collector: counting(), maxQueued: 3 });
    await until(() => agent.stats().dropped >= 2);
    expect(agent.stats().queued).toBeLessThanOrEqual(3);
    up = true;
    await until(() => to.got.length >= 3);
    expect(numbers(to.got)[0]).toBeGreaterThan(1);
  });

  it("gives up a collection that is refused for good, and goes on", async () => {
    let status = 400;
    const to = await sink({ status: () => status });
    const agent = start({ endpoint: to.endpoint, intervalMs: 100, collector: counting() });
    await until(() => agent.stats().rejected >= 2);
    status = 200;
    await until(() => to.got.length >= 1);
  });

  it("goes on after a collection fails, and stops in bounded time with nobody there", async () => {
    const to = await sink();
    await to.close();
    let n = 0;
    const inner = counting();
    const collector: Collector = {
      collect: (nowMs) => (++n === 1 ? Promise.reject(new Error("no")) : inner.collect(nowMs)),
    };
    const agent = start({ endpoint: to.endpoint, intervalMs: 100, collector });
    await until(() => agent.stats().collected >= 2);
    const startMs = performance.now();
    await agent.stop();
    expect(performance.now() - startMs).toBeLessThan(1500);
    expect(agent.stats()).toMatchObject({ failed: 1, sent: 0, queued: 0 });
  });

  it.each([
    ["ftp://x", 5000],
    ["nonsense", 5000],
    ["http://127.0.0.1:1", 10],
    ["http://127.0.0.1:1", Number.NaN],
  ])("refuses %s at %d ms", (endpoint, intervalMs) => {
    expect(() => startAgent({ endpoint, intervalMs })).toThrow("CONFIG_INVALID");
  });
});

describe("toOtlp", () => {
  it("groups by service and metric, with nanoseconds as strings", () => {
    const got = toOtlp(
      {
        timeMs: 1_700_000_000_123,
        missing: [],
        points: [
          { name: "io", unit: "By", kind: "sum", value: 1, attributes: { direction: "read" }, startMs: 1000 },
          { name: "io", unit: "By", kind: "sum", value: 2, attributes: { direction: "write" }, startMs: 1000 },
          { name: "process.threads", unit: "{thread}", kind: "gauge", value: 3, attributes: {}, service: "shop" },
        ],
      },
      { name: "h", osType: "linux" },
    );
    expect(got.resourceMetrics).toHaveLength(2);
    const sum = got.resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.sum!;
    expect(sum).toMatchObject({ aggregationTemporality: 2, isMonotonic: true });
    expect(sum.dataPoints).toHaveLength(2);
    expect(sum.dataPoints[0]).toMatchObject({
      timeUnixNano: "1700000000123000000",
      startTimeUnixNano: "1000000000",
      asDouble: 1,
    });
    expect(got.resourceMetrics[1]!.resource.attributes[0]).toEqual({
      key: "service.name",
      value: { stringValue: "shop" },
    });
  });
});
