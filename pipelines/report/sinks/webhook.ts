import { createHmac } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import { httpCall } from "../../tolerance/http-call.ts";
import type { Outgoing, Sink } from "./sink.ts";

export interface WebhookOptions {
  readonly url: string;
  readonly clock: Clock;
  /** Of one try. */
  readonly timeoutMs?: number;
  readonly token?: string;
  /** Base64 after `whsec_`, or any text. */
  readonly secret?: string;
}

/**
 * POSTs `{key, repeated, url, notification}`. `Idempotency-Key` and `webhook-id` stay the same over all tries.
 * @see standardwebhooks.com, specification 1.0, for the signature
 */
export async function webhook({ url, clock, token, secret, timeoutMs }: WebhookOptions): Promise<Sink<Outgoing>> {
  const signingKey = secret === undefined ? undefined : keyOf(secret);
  return {
    name: "webhook",
    async write(batch, signal) {
      for (const { notification, key, repeated, url: page } of batch) {
        const body = JSON.stringify({ key, repeated, url: page ?? null, notification });
        const seconds = String(Math.floor(clock.nowMs() / 1000));
        const signature = signingKey && createHmac("sha256", signingKey).update(`${key}.${seconds}.${body}`);
        await httpCall(url, {
          ...{ policy: "page" as const, code: "SINK_FAILED" as const, method: "POST", body, signal, timeoutMs },
          headers: {
            "content-type": "application/json",
            "idempotency-key": key,
            "webhook-id": key,
            "webhook-timestamp": seconds,
            ...(signature ? { "webhook-signature": `v1,${signature.digest("base64")}` } : {}),
            ...(token ? { authorization: `Bearer ${token}` } : {}),
          },
        });
      }
    },
    async close() {},
  };
}

const keyOf = (secret: string) =>
  secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.from(secret, "utf8");
