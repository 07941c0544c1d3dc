/** Decisions by webhook: what a chat tool or a ticket system sends, signed, and bound to the plan's hash. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import type { Action, Control } from "../core/records.ts";
import type { Store } from "../core/store.ts";

/** A signature is good for this long: what is recorded cannot be sent again later. */
const FRESH_MS = 300_000;
const MAX_BYTES = 16_384;

const decision = z.object({
  plan: z.string().min(1).max(200),
  hash: z.string().length(64),
  decision: z.enum(["approve", "reject"]),
  by: z.string().min(1).max(100),
});

/** Hex HMAC-SHA256 over `<timestamp>.<body>`. */
export const signatureOf = (secret: string, timestamp: string, body: string): string =>
  createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");

/**
 * `POST /api/webhooks/decision` with `{plan, hash, decision, by}`, the header `x-faultwright-timestamp` (ms since the
 * epoch) and `x-faultwright-signature: sha256=<hex>`. A second one like it changes nothing: the plan is decided by then.
 */
export function approvalRoutes(
  app: FastifyInstance,
  options: {
    readonly store: Pick<Store, "latest">;
    readonly appendControl: (control: Control) => Promise<void>;
    readonly clock: Clock;
    readonly secret: string;
  },
): void {
  const { store, appendControl, clock, secret } = options;
  void app.register(async (own) => {
    // The signature is over the bytes that came, not over what they parse to.
    own.removeAllContentTypeParsers();
    own.addContentTypeParser("*", { parseAs: "string", bodyLimit: MAX_BYTES }, (_request, body, done) =>
      done(null, body),
    );
    own.post("/api/webhooks/decision", async (request, reply) => {
      const body = typeof request.body === "string" ? request.body : "";
      const timestamp = String(request.headers["x-faultwright-timestamp"] ?? "");
      const given = Buffer.from(String(request.headers["x-faultwright-signature"] ?? ""));
      const wanted = Buffer.from(`sha256=${signatureOf(secret, timestamp, body)}`);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
        return reply.code(401).send({ error: "the signature does not fit" });
      if (!/^\d{1,16}$/.test(timestamp) || Math.abs(clock.nowMs() - Number(timestamp)) > FRESH_MS)
        return reply.code(401).send({ error: "the timestamp is too far from now" });
      const parsed = decision.safeParse(parse(body));
      if (!parsed.success) return reply.code(400).send({ error: "send {plan, hash, decision, by}" });
      const { plan: planId, hash, by } = parsed.data;
      const [row] = await store.latest("actions", { key: planId });
      const action = row && (JSON.parse(row.value) as Action);
      if (!action) return reply.code(404).send({ error: "no such plan" });
      if (hash !== action.plan.hash) return reply.code(409).send({ error: "the hash is not this plan's" });
      if (action.state !== "proposed") return reply.code(409).send({ error: `the plan is ${action.state}` });
      const common = { timeMs: clock.nowMs(), planId, by: `${by} (webhook)` };
      await appendControl(
        parsed.data.decision === "approve" ? { kind: "approve", hash, ...common } : { kind: "reject", ...common },
      );
      return reply.code(202).send({});
    });
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
