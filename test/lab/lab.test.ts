import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FAULTS, type Lab, pickFault, type ServiceName, type ServiceStatus, startLab } from "../../data/lab/lab.ts";

const SIGNALS = ["traces", "metrics", "logs"];
const SERVICES: ServiceName[] = ["gateway", "orders", "inventory", "payment", "store"];

/** Receives OTLP posts; protobuf keeps strings as plain bytes, so searching them is enough here. */
interface Sink {
  server: Server;
  url: string;
  /** "signal service release" of everything that arrived. */
  seen: Set<string>;
}

async function startSink(): Promise<Sink> {
  const seen = new Set<string>();
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const text = Buffer.concat(chunks).toString("latin1");
      const service = /service\.name[^a-z]+([a-z]+)/.exec(text)?.[1];
      const release = /service\.version[^0-9]+([0-9]+\.[0-9]+\.[0-9]+)/.exec(text)?.[1];
      seen.add(`${req.url?.split("/").at(-1)} ${service} ${release}`);
      res.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function until(what: string, limitMs: number, ask: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(40)) if (await ask()) return;
  throw new Error(`waited ${limitMs} ms in vain for: ${what}`);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("lab", () => {
  let sink: Sink;
  let lab: Lab;
  let dir: string;
  const everyPid = new Set<number>();

  const control = async (method: string, path: string, token = lab.control.token) => {
    const res = await fetch(lab.control.url + path, { method, headers: { authorization: `Bearer ${token}` } });
    return { status: res.status, body: (await res.json()) as unknown };
  };
  const act = async (service: ServiceName, action: "restart" | "rollback") => {
    const { status, body } = await control("POST", `/services/${service}/${action}`);
    expect(status, JSON.stringify(body)).toBe(200);
    for (const pid of lab.pids()) everyPid.add(pid);
    return body as ServiceStatus;
  };
  const order = async (coupon: boolean): Promise<number> => {
    const body = { sku: 7, quantity: 1, amountCents: 900, ...(coupon ? { coupon: { code: "C7", percent: 5 } } : {}) };
    const res = await fetch(`${lab.gatewayUrl}/orders`, { method: "POST", body: JSON.stringify(body) });
    await res.arrayBuffer();
    return res.status;
  };
  const recovered = () => until("orders to succeed", 8000, async () => (await order(false)) === 200);

  beforeAll(async () => {
    sink = await startSink();
    dir = await mkdtemp(join(tmpdir(), "lab-test-"));
    lab = await startLab({ otlpEndpoint: sink.url, dir, seed: 1 });
    for (const pid of lab.pids()) everyPid.add(pid);
  });

  afterAll(async () => {
    await lab?.stop();
    sink?.server.closeAllConnections();
    sink?.server.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("sends all three signals from all five services and serves its load", async () => {
    const wanted = SIGNALS.flatMap((signal) => SERVICES.map((service) => `${signal} ${service} 1.0.0`));
    await until("all signals", 15_000, () => wanted.every((key) => sink.seen.has(key)));
    await until("50 answers", 10_000, () => lab.requests().ok >= 50);
    expect(lab.requests().failed).toBe(0);
    expect(await order(true)).toBe(200);
  });

  it("guards its control API", async () => {
    expect((await control("GET", "/services", "wrong")).status).toBe(401);
    expect((await control("POST", "/services/nobody/restart")).status).toBe(404);
    const { body } = await control("GET", "/services");
    expect(body).toEqual(lab.services());
    expect((await control("GET", "/services/store/health")).body).toEqual({ healthy: true, detail: "status 200" });
  });

  it("stays down after a crash until it is restarted on the same port", async () => {
    const before = lab.services().find((s) => s.name === "payment")!;
    await lab.inject({ kind: "crash", service: "payment" });
    await until("payment to be gone", 3000, () =>
      lab.services().some((s) => s.pid === before.pid && s.state === "exited"),
    );
    await until("503 behind a 502", 3000, async () => (await order(false)) === 502);
    expect((await control("GET", "/services/payment/health")).body).toMatchObject({ healthy: false });
    const after = await act("payment", "restart");
    expect(after).toMatchObject({ port: before.port, state: "running", restarts: before.restarts + 1 });
    expect(after.pid).not.toBe(before.pid);
    await recovered();
  });

  it("times out on a hung service until it is restarted", async () => {
    await lab.inject({ kind: "hang", service: "inventory" });
    const res = await fetch(`${lab.gatewayUrl}/catalog?page=1`);
    expect(res.status).toBe(504);
    expect(await res.text()).toContain("timeout after 800 ms");
    expect((await control("GET", "/services/inventory/health")).body).toMatchObject({ healthy: false });
    await act("inventory", "restart");
    await recovered();
  });

  it("keeps a bad release through a restart and loses it by rollback", async () => {
    await lab.inject({ kind: "bad-release", service: "payment" });
    for (const pid of lab.pids()) everyPid.add(pid);
    expect(await order(false)).toBe(502);
    expect(await order(true)).toBe(200);
    await until("telemetry of the release", 5000, () => sink.seen.has("traces payment 1.1.0"));
    expect(await act("payment", "restart")).toMatchObject({ release: "1.1.0", previousRelease: "1.0.0" });
    expect(await order(false)).toBe(502);
    expect(await act("payment", "rollback")).toMatchObject({ release: "1.0.0", previousRelease: "0.9.0" });
    await recovered();
  });

  it("fails writes on a full disk until a restart removes the spill files", async () => {
    const { atMs } = await lab.inject({ kind: "disk-full", service: "store" });
    await until("failing writes", 15_000, async () => (await order(false)) === 502);
    expect(Date.now() - atMs).toBeGreaterThan(1000);
    expect(await order(false)).toBe(502);
    await act("store", "restart");
    await recovered();
  });

  it("slows a dependency by 250-400 ms and refuses faults that do not fit", async () => {
    await expect(lab.inject({ kind: "disk-full", service: "payment" })).rejects.toThrow(RangeError);
    const timed = async () => {
      const start = performance.now();
      expect((await fetch(`${lab.gatewayUrl}/catalog?page=2`)).status).toBe(200);
      return performance.now() - start;
    };
    await lab.inject({ kind: "latency", service: "inventory" });
    expect(await timed()).toBeGreaterThan(240);
    await act("inventory", "restart");
    await until("a fast answer", 3000, async () => (await timed()) < 150);
  });

  it("leaves no process behind", async () => {
    await lab.inject({ kind: "hang", service: "orders" });
    for (const pid of lab.pids()) everyPid.add(pid);
    expect(everyPid.size).toBeGreaterThan(6);
    await lab.stop();
    expect([...everyPid].filter(alive)).toEqual([]);
  });
});

describe("pickFault", () => {
  it("is deterministic, reaches every kind and respects the eligible services", () => {
    const picks = Array.from({ length: 300 }, (_, seed) => pickFault(seed));
    expect(picks).toEqual(Array.from({ length: 300 }, (_, seed) => pickFault(seed)));
    expect(new Set(picks.map((p) => p.kind)).size).toBe(FAULTS.length);
    for (const p of picks) expect(FAULTS.find((f) => f.kind === p.kind)?.services).toContain(p.service);
    expect(pickFault(3, "disk-full")).toEqual({ kind: "disk-full", service: "store" });
    expect(() => pickFault(3, "flood")).toThrow(RangeError);
  });
});
