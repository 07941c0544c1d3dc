import type { NotificationKind } from "../../core/notifications.ts";
import { httpCall } from "../../tolerance/http-call.ts";
import type { Outgoing, Sink } from "./sink.ts";

const SEVERITY = { critical: "critical", major: "error", minor: "warning" } as const;
const ACTION: Partial<Record<NotificationKind, "acknowledge" | "resolve">> = {
  acknowledged: "acknowledge",
  resolved: "resolve",
};
/** Limits of the Events API. */
const MAX_SUMMARY = 1024;
const MAX_KEY = 255;

/**
 * Events API v2. All events of an incident have one `dedup_key`: a trigger that arrives twice is one page.
 * A 202 is taken; 429 and 5xx may be tried again, 400 never.
 * @see developer.pagerduty.com, "Send an Alert Event"
 */
export async function pagerduty({
  url,
  routingKey,
  timeoutMs,
}: {
  url: string;
  routingKey: string;
  timeoutMs?: number;
}): Promise<Sink<Outgoing>> {
  return {
    name: "pagerduty",
    async write(batch, signal) {
      for (const { notification: n, url: page } of batch) {
        const event_action = ACTION[n.kind] ?? "trigger";
        const payload = {
          summary: n.summary.slice(0, MAX_SUMMARY),
          source: n.entities[0] ?? n.system,
          severity: SEVERITY[n.severity],
          timestamp: new Date(n.timeMs).toISOString(),
          group: n.system,
          class: n.kind,
          custom_details: { notification: n.id, detail: n.detail, suspects: n.suspects, entities: n.entities },
        };
        await httpCall(url, {
          ...{ policy: "page" as const, code: "SINK_FAILED" as const, method: "POST", signal, timeoutMs },
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            routing_key: routingKey,
            event_action,
            dedup_key: `faultwright/${n.system}/${n.incidentId}`.slice(0, MAX_KEY),
            ...(event_action === "trigger" ? { payload } : {}),
            ...(page && event_action === "trigger" ? { links: [{ href: page, text: "incident" }] } : {}),
          }),
        });
      }
    },
    async close() {},
  };
}
