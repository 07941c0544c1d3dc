import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock, systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { Notification } from "../../../pipelines/core/notifications.ts";
import type { Action, ActionState } from "../../../pipelines/core/records.ts";
import { outbox } from "../../../pipelines/report/outbox/outbox.ts";
import type { Receiver } from "../../../pipelines/report/outbox/receivers.ts";
import { selfMetrics } from "../../../pipelines/run/observe/self-metrics.ts";
import { httpCall } from "../../../pipelines/tolerance/http-call.ts";
import { incident } from "../../recover/fixtures.ts";
import { parsePrometheus, sampleOf } from "./prometheus-text.ts";

const metrics = selfMetrics({ config: parseConfig("{}"), clock: systemClock });
afterAll(() => metrics.close());
const sample = async (name: string, labels: Record<string, string>) =>
  sampleOf(parsePrometheus(await metrics.text()), `faultwright_${name}`, labels);

describe("acts", () => {
  const plan = { id: "PLAN-1", incidentId: "INC-1", action: "restart", target: "shop" } as Action["plan"];
  const record = (...states: ActionState[]) => ({
    topic: "actions" as const,
    key: plan.id,
    value: JSON.stringify({
      plan,
      state: states.at(-1),
      history: states.map((state) => ({ timeMs: 1, state, detail: "" })),
    }),
  });
  it("are counted by kind of action and the state they reached; a note is none", async () => {
    metrics.committed([record("proposed"), record("proposed", "proposed"), record("proposed", "proposed", "approved")]);
    metrics.committed([record("proposed"), { topic: "incidents", key: "INC-1", value: JSON.stringify(incident()) }]);
    expect(await sample("acts_total", { action: "restart", state: "proposed" })).toBe(2);
    expect(await sample("acts_total", { action: "restart", state: "approved" })).toBe(1);
  });
});

describe("deliveries", () => {
  it("are counted by receiver: tries that failed, what was sent, what was given up, and what waits", async () => {
    const clock = manualClock(1e12);
    let works = false;
    const receiver: Receiver = {
      name: "ops",
      knowsRepeats: true,
      wants: () => true,
      sink: {
        name: "ops",
        async write() {
          if (!works) throw new Error("down");
        },
        close: async () => {},
      },
    };
    const box = outbox({
      receivers: [receiver],
      store: { latest: async () => [] },
      mark: async () => {},
      clock,
      ...{ firstWaitMs: 10, longestWaitMs: 10, attempts: 3 },
      onSettled: (d) => metrics.effects.delivered(d),
      onFailed: (d) => metrics.effects.delivered(d),
    });
    metrics.effects.waits(box.waiting);
    const tell = (n: number) => {
      const notification = { id: `INC-${n}/1`, incidentId: `INC-${n}`, system: "s", kind: "opened", timeMs: 1e12 };
      box.onCommitted([
        { topic: "notifications", key: notification.id, value: JSON.stringify(notification as Notification) },
      ]);
    };
    const count = (state: string) => sample("deliveries_total", { receiver: "ops", state });
    tell(1);
    await expect.poll(() => count("failed")).toBe(1);
    expect(await sample("deliveries_waiting", { receiver: "ops" })).toBe(1);
    // Time stands still but for us: two more tries, and it is given up.
    const later = () => {
      clock.advance(1000);
      return count("dead");
    };
    await expect.poll(later, { timeout: 5000 }).toBe(1);
    expect(await count("failed")).toBe(2);
    works = true;
    tell(2);
    await expect.poll(() => count("sent")).toBe(1);
    expect(await sample("deliveries_waiting", { receiver: "ops" })).toBe(0);
    await box.stop();
  });
});

describe("circuits", () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer((_request, response) => response.writeHead(503).end());
    await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
  });
  afterAll(() => void server.close());
  it("are counted by policy and state, without a word of the address", async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const post = () => httpCall(url, { policy: "act", method: "POST", code: "ACTION_FAILED" }).catch(() => {});
    await post();
    expect(await sample("circuits", { policy: "act", state: "closed" })).toBe(1);
    for (let i = 0; i < 5; i++) await post();
    expect(await sample("circuits", { policy: "act", state: "open" })).toBe(1);
    expect(await sample("circuits", { policy: "act", state: "closed" })).toBe(0);
    expect(await metrics.text()).not.toContain("127.0.0.1");
  });
});
