import fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock } from "../../pipelines/core/clock.ts";
import type { Control } from "../../pipelines/core/records.ts";
import { approvalRoutes, signatureOf } from "../../pipelines/run/approval-routes.ts";

const T = 1_700_000_000_000;
const HASH = "a".repeat(64);
let app: FastifyInstance;
let told: Control[];
let state: string;
beforeEach(() => {
  told = [];
  state = "proposed";
  app = fastify();
  approvalRoutes(app, {
    store: {
      latest: async (_topic, asked) =>
        asked?.key === "PLAN-1"
          ? [{ seq: 1, topic: "actions", key: "PLAN-1", value: JSON.stringify({ plan: { hash: HASH }, state }) }]
          : [],
    },
    appendControl: async (c) => void told.push(c),
    clock: manualClock(T),
    secret: "s3cret",
  });
});
afterEach(() => app.close());
const send = (
  body: unknown,
  { timestamp = String(T), secret = "s3cret", signed }: { timestamp?: string; secret?: string; signed?: string } = {},
) => {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const headers = {
    "content-type": "application/json",
    "x-faultwright-timestamp": timestamp,
    "x-faultwright-signature": `sha256=${signatureOf(secret, timestamp, signed ?? payload)}`,
  };
  return app.inject({ method: "POST", url: "/api/webhooks/decision", headers, payload });
};
const good = { plan: "PLAN-1", hash: HASH, decision: "approve", by: "ana" };

describe("a decision by webhook", () => {
  it.each(["approve", "reject"])("tells %s, and who it was", async (decision) => {
    expect((await send({ ...good, decision })).statusCode).toBe(202);
    expect(told).toMatchObject([{ kind: decision, planId: "PLAN-1", by: "ana (webhook)", timeMs: T }]);
    if (decision === "approve") expect(told[0]).toHaveProperty("hash", HASH);
  });
  it.each([
    ["a signature by another secret", 401, () => send(good, { secret: "other" })],
    [
      "a body that was changed after it was signed",
      401,
      () => send({ ...good, by: "eve" }, { signed: JSON.stringify(good) }),
    ],
    ["a signature of long ago", 401, () => send(good, { timestamp: String(T - 300_001) })],
    ["a signature of the future", 401, () => send(good, { timestamp: String(T + 300_001) })],
    ["a timestamp that is none", 401, () => send(good, { timestamp: "NaN" })],
    ["the hash of another plan", 409, () => send({ ...good, hash: "b".repeat(64) })],
    ["no such plan", 404, () => send({ ...good, plan: "PLAN-2; reboot" })],
    ["no decision", 400, () => send({ ...good, decision: "maybe" })],
    ["no JSON", 400, () => send("{")],
    ["nothing", 400, () => send("")],
    ["too much", 413, () => send({ ...good, by: "x".repeat(20_000) })],
  ])("with %s is refused with %d", async (_, status, ask) => {
    expect((await ask()).statusCode).toBe(status);
    expect(told).toEqual([]);
  });
  it("sent again when the plan is decided changes nothing", async () => {
    state = "approved";
    expect((await send(good)).statusCode).toBe(409);
    expect(told).toEqual([]);
  });
});
