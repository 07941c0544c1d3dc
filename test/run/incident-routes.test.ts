import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../pipelines/core/clock.ts";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { Silence } from "../../pipelines/core/incident-decisions.ts";
import type { Incident } from "../../pipelines/core/records.ts";
import type { Stream } from "../../pipelines/run/job.ts";
import { stream } from "../../pipelines/run/stream.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";

const T0 = Date.now() - 3_600_000;
const config = (dataDir: string, more: object = {}) =>
  parseConfig(
    JSON.stringify({
      system: "shop",
      dataDir,
      selfObserve: false,
      sources: [{ kind: "otlp-http", port: 0 }],
      windows: { window: "5s", lateness: "5s", forget: "2h" },
      incidents: { quiet: "10m" },
      commit: "50ms",
      ...more,
    }),
  );
const log = pino({ level: "silent" });

/** Gauges of two services; from `odd` on all of their requests fail. */
function payload(from: number, to: number, odd: number) {
  const point = (s: number, v: number) => ({ timeUnixNano: `${T0 + s * 1000}000000`, asDouble: v });
  const wave = (s: number, k: number) => 20 + 3 * Math.sin(s * 0.7 + k) + ((s * 7919) % 13) / 10;
  const gauge = (name: string, of: (s: number) => number) => ({
    name,
    gauge: { dataPoints: Array.from({ length: (to - from) / 5 }, (_, i) => point(from + i * 5, of(from + i * 5))) },
  });
  return {
    resourceMetrics: ["orders", "payment"].map((service, k) => ({
      resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
      scopeMetrics: [
        {
          metrics: [
            gauge("request.latency_ms", (s) => (s >= odd ? 900 : wave(s, k))),
            gauge("request.error_ratio", (s) => (s >= odd ? 0.9 : 0.001 * ((s * 31) % 5))),
          ],
        },
      ],
    })),
  };
}

describe("decisions about incidents, over HTTP into the running pipeline", () => {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-decisions-"));
  let running: Stream;
  let token = "";
  let id = "";
  // biome-ignore lint/suspicious/noExplicitAny: answers of many kinds
  const call = async <T = any>(method: string, path: string, body?: object, auth = token) => {
    const response = await fetch(`${running.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${auth}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: (await response.json()) as T };
  };
  const until = async <T>(read: () => Promise<T>, good: (v: T) => boolean): Promise<T> => {
    for (let i = 0; i < 200; i++) {
      const value = await read();
      if (good(value)) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`it did not come: ${JSON.stringify(await read()).slice(0, 500)}`);
  };
  const incidents = async (): Promise<Incident[]> => (await call("GET", "/api/incidents")).body;
  const now = (good: (i: Incident) => boolean) =>
    until(async () => (await call("GET", `/api/incidents/${id}`)).body as Incident, good);

  beforeAll(async () => {
    running = await stream({ config: config(join(dir, "live")), clock: systemClock, log });
    const { readFileSync } = await import("node:fs");
    token = JSON.parse(readFileSync(join(dir, "live/endpoint.json"), "utf8")).token;
    for (let s = 0; s < 2400; s += 300) await call("POST", "/v1/metrics", payload(s, s + 300, 2100));
    [{ id }] = (await until(incidents, (l) => l.length > 0)) as [Incident];
  }, 60_000);
  afterAll(async () => {
    await running.stop();
    rmSync(dir, { recursive: true });
  });

  it("need the token, an incident and a body that makes sense", async () => {
    expect((await call("POST", `/api/incidents/${id}/resolve`, {}, "wrong")).status).toBe(401);
    expect((await call("POST", "/api/incidents/INC-NONE/resolve", {})).status).toBe(404);
    expect((await call("POST", `/api/incidents/${id}/label`, { label: "boring" })).status).toBe(400);
    expect((await call("POST", `/api/incidents/${id}/reopen`, {})).status).toBe(409);
    expect((await call("POST", `/api/incidents/${id}/merge`, { into: id })).status).toBe(409);
    const matchers = [{ field: "entity", op: "=~", value: "(" }];
    expect((await call("POST", "/api/silences", { matchers, endsMs: Date.now() + 1e6 })).status).toBe(400);
    expect((await call("POST", "/api/silences", { matchers: [], endsMs: Date.now() + 1e6 })).status).toBe(400);
    expect((await call("GET", "/api/incidents?limit=0")).status).toBe(400);
  });

  it("are seen in the incident, its history and the list, and give the same in a replay of the journal", async () => {
    expect((await call("POST", `/api/incidents/${id}/acknowledge`, { by: "ann" })).status).toBe(202);
    await now((i) => i.state === "acknowledged");
    await call("POST", `/api/incidents/${id}/label`, { label: "real", by: "ann", note: "disk" });
    expect((await now((i) => i.verdict !== undefined)).verdict).toMatchObject({
      label: "real",
      by: "ann",
      note: "disk",
    });
    expect((await call("GET", "/api/incidents?open=true")).body.map((i: Incident) => i.id)).toContain(id);
    await call("POST", `/api/incidents/${id}/resolve`, { by: "bob", note: "done" });
    await now((i) => i.state === "resolved");
    expect((await call("GET", "/api/incidents?open=true")).body.map((i: Incident) => i.id)).not.toContain(id);
    await call("POST", `/api/incidents/${id}/reopen`, { by: "bob" });
    await now((i) => i.state === "open" && i.reopened === 1);

    const matchers = [{ field: "entity", op: "=~", value: "orders|payment" }];
    const made = await call("POST", "/api/silences", { matchers, endsMs: Date.now() + 1e6, startsMs: T0, by: "ann" });
    await until(
      async () => (await call("GET", "/api/topics/silences")).body as Silence[],
      (l) => l.length === 1,
    );
    // Event time goes on: the incident is covered now.
    await call("POST", "/v1/metrics", payload(2400, 2430, 2100));
    await now((i) => i.muted?.silenceId === made.body.id);
    await call("POST", `/api/silences/${made.body.id}/expire`, { by: "ann" });
    await until(
      async () => (await call("GET", "/api/topics/silences")).body as Silence[],
      ([s]) => s?.endedBy === "ann",
    );
    const { body: history } = await call("GET", `/api/incidents/${id}/history`);
    expect(history.map((e: { event: string; detail: string }) => [e.event, e.detail])).toEqual([
      ["incident.acknowledge", "by ann"],
      ["incident.label", 'by ann: {"note":"disk","label":"real"}'],
      ["incident.resolve", 'by bob: {"note":"done"}'],
      ["incident.reopen", "by bob"],
    ]);

    await running.stop();
    const topics = ["anomalies", "incidents", "silences"] as const;
    const recorded = async (name: string) => {
      const store = await openStore(join(dir, name, "store"));
      const all = [];
      for (const topic of topics) all.push((await store.records(topic)).map((r) => [r.key, r.value]));
      await store.close();
      return all;
    };
    const replay = await stream({
      config: config(join(dir, "again"), { sources: [{ kind: "journal", path: join(dir, "live/journal") }] }),
      clock: systemClock,
      log,
      replay: true,
    });
    await replay.ended;
    await replay.stop();
    const [live, again] = [await recorded("live"), await recorded("again")];
    expect(live[1]!.length).toBeGreaterThan(5);
    // The end of a recording closes windows that a live run leaves open.
    for (const [i, list] of live.entries()) expect(again[i]!.slice(0, list.length)).toEqual(list);
    running = await stream({ config: config(join(dir, "live")), clock: systemClock, log });
    writeFileSync(join(dir, "done"), "");
  }, 60_000);
});
