import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actionAdapters } from "../../../pipelines/recover/actions/index.ts";
import { testContext } from "../fixtures.ts";

/** A small real supervisor of one real child process. */
let server: Server;
let child: ChildProcess;
let service: Record<string, unknown>;
let requests: string[];
let url: string;
let answer: ((path: string) => string | undefined) | undefined;

async function start(release: string, previousRelease: string | null) {
  child = spawn(process.execPath, ["-e", "process.stdout.write('up'); setInterval(() => {}, 1e6)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout!, "data");
  const [pid, startedAtMs] = [child.pid, Date.now()];
  service = { name: "shop", pid, state: "running", release, previousRelease, restarts: 0, port: 1, startedAtMs };
}
async function stop() {
  const gone = once(child, "exit");
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await gone;
  }
}
beforeEach(async () => {
  requests = [];
  answer = undefined;
  await start("v2", "v1");
  server = createServer(async (request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    const alive = child.exitCode === null && child.signalCode === null;
    const send = (status: number, body: unknown) =>
      response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    const forced = answer?.(line);
    if (forced !== undefined) return send(forced.startsWith("!") ? 500 : 200, forced);
    if (request.headers.authorization !== "Bearer secret") return send(401, {});
    if (line === "GET /services") return send(200, [{ ...service, state: alive ? "running" : "exited" }]);
    if (line === "GET /services/shop/health") return send(200, { healthy: alive, detail: "pong" });
    if (line === "POST /services/shop/restart" || line === "POST /services/shop/rollback") {
      await stop();
      if (line.endsWith("rollback")) await start(String(service.previousRelease), String(service.release));
      else await start(String(service.release), String(service.previousRelease));
      return send(200, service);
    }
    return send(404, {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  await stop();
  server.closeAllConnections();
  server.close();
});

const hostile = "../x; rm -rf /";
const adapters = (more = {}) =>
  actionAdapters.supervisedProcess({ url, token: "secret", services: ["shop", hostile], readTimeoutMs: 1000, ...more });
const context = testContext();

describe("a real supervised process", () => {
  it("is restarted: another process, healthy", async () => {
    const { restart } = adapters();
    const before = await restart.probe("shop");
    expect(before).toMatchObject({ exists: true, healthy: true, release: "v2" });
    expect(await restart.dryRun("shop", before, context)).toMatchObject({ ok: true });
    expect(requests.some((r) => r.startsWith("POST"))).toBe(false);
    expect(await restart.execute("shop", before, context)).toMatchObject({ ok: true });
    const after = await restart.probe("shop");
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(await restart.verify("shop")).toMatchObject({ ok: true });
  });
  it("is rolled back to its previous release", async () => {
    const { rollback } = adapters();
    const before = await rollback.probe("shop");
    const atMs = Date.now() - 1;
    expect(await rollback.execute("shop", before, context)).toMatchObject({ ok: true });
    const after = await rollback.probe("shop");
    expect(after.release).toBe("v1");
    expect(rollback.happened?.(before, after, atMs)).toBe(true);
    expect(rollback.happened?.(before, { ...after, release: "v2" }, atMs)).toBe(false);
  });
  it("goes forward again when a rollback is undone", async () => {
    const { rollback } = adapters();
    const before = await rollback.probe("shop");
    await rollback.execute("shop", before, context);
    expect(await rollback.undo("shop", before, context)).toMatchObject({ ok: true });
    expect((await rollback.probe("shop")).release).toBe("v2");
    expect(await rollback.undo("shop", before, context)).toMatchObject({ ok: true, detail: "already on v2" });
  });
  it("is not rolled back without a previous release", async () => {
    service.previousRelease = null;
    const { rollback } = adapters();
    expect(await rollback.dryRun("shop", await rollback.probe("shop"), context)).toMatchObject({ ok: false });
  });
  it("is seen to be dead", async () => {
    await stop();
    expect(await adapters().restart.probe("shop")).toMatchObject({ exists: true, healthy: false });
  });
});

describe("safety", () => {
  it.each(["other", "shop/../../admin", "shop?x", "$(reboot)", ""])("never asks about %j", async (name) => {
    const { restart } = adapters();
    await expect(restart.probe(name)).rejects.toThrow("ACTION_REFUSED");
    await expect(restart.verify(name)).rejects.toThrow("ACTION_REFUSED");
    expect(() => restart.plan(name)).toThrow("ACTION_REFUSED");
    const state = await restart.probe("shop");
    await expect(restart.execute(name, state, context)).rejects.toThrow("ACTION_REFUSED");
    expect(requests).toEqual(["GET /services", "GET /services/shop/health"]);
  });
  it("encodes names even when they are allowed", async () => {
    const { restart } = adapters();
    const state = await restart.probe("shop");
    await expect(restart.execute(hostile, state, context)).rejects.toThrow("status 404");
    expect(requests.at(-1)).toBe("POST /services/..%2Fx%3B%20rm%20-rf%20%2F/restart");
  });
  it.each(["ftp://x", "file:///etc/passwd", "", "shop"])("refuses %j as an address", (bad) => {
    expect(() => adapters({ url: bad })).toThrow("CONFIG_INVALID");
  });
  it("bounds an answer's size", async () => {
    answer = () => "x".repeat(5000);
    await expect(adapters({ maxResponseBytes: 1000 }).restart.probe("shop")).rejects.toThrow("longer than 1000 bytes");
  });
  it.each(["{}", "[1]", "not json", '[{"name":1}]'])("does not believe %s", async (body) => {
    answer = () => body;
    await expect(adapters().restart.probe("shop")).rejects.toThrow("ACTION_FAILED");
  });
  it("asks again when a read fails, never when an act does", async () => {
    const { restart } = adapters();
    const state = await restart.probe("shop");
    requests = [];
    answer = () => "!broken";
    await expect(restart.execute("shop", state, context)).rejects.toThrow("status 500");
    expect(requests).toHaveLength(1);
    await expect(restart.probe("shop")).rejects.toThrow("status 500");
    expect(requests).toHaveLength(4);
  });
  it("opens the breaker after failures in a row", async () => {
    answer = () => "!broken";
    const { restart } = adapters();
    await expect(restart.probe("shop")).rejects.toThrow();
    await expect(restart.probe("shop")).rejects.toThrow();
    requests = [];
    await expect(restart.probe("shop")).rejects.toThrow("failed too often in a row");
    expect(requests).toEqual([]);
  });
  it("needs the right token", async () => {
    await expect(adapters({ token: "wrong" }).restart.probe("shop")).rejects.toThrow("status 401");
  });
});
