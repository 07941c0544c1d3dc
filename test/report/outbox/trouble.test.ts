/** The ways to a receiver that docs/resilience.md speaks of, made by a real toxiproxy. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../pipelines/core/clock.ts";
import type { Delivery } from "../../../pipelines/core/notifications.ts";
import { startAgent } from "../../../pipelines/ingest/agent/agent.ts";
import { supervisorClient } from "../../../pipelines/recover/actions/supervisor-client.ts";
import { type Outbox, outbox } from "../../../pipelines/report/outbox/outbox.ts";
import { receiversOf } from "../../../pipelines/report/outbox/receivers.ts";
import { markIn } from "../../../pipelines/run/notifying.ts";
import { CAN_BUILD, TOXIPROXY, type Toxic, toxiproxy } from "../../recover/toxiproxy.ts";
import { memoryStore, notification, outputOf, receiver, until } from "./fixture.ts";

if (!TOXIPROXY && CAN_BUILD && process.env.CI === "true")
  throw new Error("toxiproxy is not installed; run bash test/recover/install-toxiproxy.sh");
if (!TOXIPROXY) process.stderr.write("skipped, not installed (bash test/recover/install-toxiproxy.sh): toxiproxy\n");

describe.skipIf(!TOXIPROXY)("with toxiproxy in between", () => {
  let server: Awaited<ReturnType<typeof receiver>>;
  let other: Awaited<ReturnType<typeof receiver>>;
  let way: Awaited<ReturnType<typeof toxiproxy>>;
  let box: Outbox | undefined;
  beforeEach(async () => {
    server = await receiver();
    other = await receiver();
    way = await toxiproxy(server.url);
  });
  afterEach(async () => {
    await box?.stop(0);
    box = undefined;
    await way.stop();
    await server.close();
    await other.close();
  });
  const common = { events: ["opened" as const, "diagnosed" as const], minSeverity: "minor" as const, ignoreLabels: [] };
  const keys = (s = server) => s.asked.map((a) => String(a.headers["idempotency-key"]));
  const start = async (...ids: [string, number][]) => {
    const store = memoryStore();
    const settled: Delivery[] = [];
    const receivers = await receiversOf(
      [
        { kind: "webhook", name: "troubled", ...common, url: way.url, timeout: 500 },
        { kind: "webhook", name: "well", ...common, url: other.url, timeout: 500 },
      ],
      systemClock,
    );
    box = outbox({
      ...{ receivers, store, mark: markIn(store), clock: systemClock, firstWaitMs: 20, longestWaitMs: 200 },
      onSettled: (d) => settled.push(d),
    });
    const timeMs = systemClock.nowMs();
    const outputs = ids.map(([id, n]) => outputOf(notification(id, n, { timeMs })));
    await store.commit({ positions: new Map(), state: new Map(), outputs });
    box.onCommitted(outputs);
    return { store, settled, of: (name: string) => settled.filter((d) => d.receiver === name) };
  };

  it.each<[string, Toxic]>([
    ["latency", { type: "latency", attributes: { latency: 150, jitter: 50 } }],
    ["a narrow way (8 KB/s)", { type: "bandwidth", attributes: { rate: 8 } }],
    ["answers in slices", { type: "slicer", attributes: { average_size: 8, size_variation: 4, delay: 500 } }],
  ])("%s: sent at the first try, only later", async (_, toxic) => {
    await way.trouble(toxic);
    const { of } = await start(["i1", 1], ["i1", 2]);
    await until(() => of("troubled").length === 2);
    expect(of("troubled").map((d) => [d.state, d.attempts])).toEqual([
      ["sent", 1],
      ["sent", 1],
    ]);
    expect(keys()).toEqual(["faultwright/shop/i1/1", "faultwright/shop/i1/2"]);
  });

  it.each<[string, Toxic]>([
    ["no data at all", { type: "timeout", stream: "upstream", attributes: { timeout: 0 } }],
    ["connections reset", { type: "reset_peer", stream: "upstream", attributes: { timeout: 0 } }],
    ["a request cut off", { type: "limit_data", stream: "upstream", attributes: { bytes: 100 } }],
  ])(
    "%s: tried until it heals, then once and in order; the other receiver does not wait",
    async (_, toxic) => {
      await way.trouble(toxic);
      const { of } = await start(["i1", 1], ["i1", 2], ["i2", 1]);
      await until(() => of("well").length === 3);
      expect(of("troubled")).toEqual([]);
      expect(server.asked).toEqual([]);
      await way.heal();
      await until(() => of("troubled").length === 3, 60_000);
      expect(keys().filter((k) => k.includes("/i1/"))).toEqual(["faultwright/shop/i1/1", "faultwright/shop/i1/2"]);
      expect(keys().sort()).toHaveLength(3);
    },
    90_000,
  );

  it("answers lost: the receiver sees the same key again, and nothing else", async () => {
    await way.trouble({ type: "timeout", attributes: { timeout: 0 } });
    const { of } = await start(["i1", 1]);
    await until(() => server.asked.length >= 2);
    await way.heal();
    await until(() => of("troubled").length === 1, 60_000);
    expect(new Set(keys())).toEqual(new Set(["faultwright/shop/i1/1"]));
    expect(of("troubled")[0]).toMatchObject({ state: "sent" });
  }, 90_000);

  it("down: the circuit opens, so that few tries go out, and closes by itself", async () => {
    await way.enable(false);
    const { of, store } = await start(...Array.from({ length: 20 }, (_, i): [string, number] => [`i${i}`, 1]));
    await until(() => of("well").length === 20);
    const tried = async () =>
      (await store.latest("deliveries"))
        .map((r) => JSON.parse(r.value) as Delivery)
        .filter((d) => d.state === "failed");
    await until(async () => (await tried()).length > 0);
    expect(of("troubled")).toEqual([]);
    await way.enable(true);
    await until(() => of("troubled").length === 20, 60_000); // the circuit lets one through after 10 s
    expect(new Set(keys()).size).toBe(20);
    expect(keys()).toHaveLength(20);
    // Some 10 s of tries of 20, each at most 200 ms after the one before, would be a thousand.
    expect(of("troubled").reduce((sum, d) => sum + d.attempts, 0)).toBeLessThan(100);
  }, 90_000);

  it("the host agent keeps what it can't send, and a supervisor that does not answer ends a read in time", async () => {
    await way.trouble({ type: "timeout", stream: "upstream", attributes: { timeout: 0 } });
    const agent = startAgent({ endpoint: way.url, intervalMs: 100, timeoutMs: 300, maxBackoffMs: 300 });
    const client = supervisorClient({ url: way.url, token: "t", services: ["a"], readTimeoutMs: 200 });
    const begun = performance.now();
    await expect(client.services()).rejects.toThrow("no answer within 200 ms");
    expect(performance.now() - begun).toBeLessThan(8000);
    await until(() => agent.stats().queued > 3);
    expect(server.asked).toEqual([]);
    await way.heal();
    server.answer = () => ({ status: 200 });
    await until(() => agent.stats().sent > 3);
    await agent.stop();
    expect(agent.stats()).toMatchObject({ dropped: 0, rejected: 0 });
  }, 60_000);
});
