import { httpCall } from "../../tolerance/http-call.ts";
import type { Outgoing, Sink } from "./sink.ts";

export interface AlertmanagerOptions {
  /** Base address. */
  readonly url: string;
  /** Of one try. */
  readonly timeoutMs?: number;
  readonly token?: string;
  /** Added to each alert's labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Nobody sends it again, as Prometheus would: it stays firing until it is resolved, or for this long. */
const FIRING_MS = 30 * 86_400_000;

/**
 * `POST /api/v2/alerts`. The labels of one incident's alert never change, so that it is the same alert from firing to
 * resolved, however often it arrives; what may change (severity, summary) stands in the annotations.
 */
export async function alertmanager({
  url,
  token,
  labels = {},
  timeoutMs,
}: AlertmanagerOptions): Promise<Sink<Outgoing>> {
  const address = `${url.replace(/\/+$/, "")}/api/v2/alerts`;
  return {
    name: "alertmanager",
    async write(batch, signal) {
      const alerts = batch.map(({ notification: n, url: page }) => ({
        labels: { ...labels, alertname: "FaultwrightIncident", system: n.system, incident: n.incidentId },
        annotations: {
          severity: n.severity,
          summary: n.summary,
          ...(n.detail === "" ? {} : { description: n.detail }),
          ...(n.suspects[0] ? { suspect: n.suspects[0].name } : {}),
        },
        startsAt: new Date(Math.min(n.faultStartMs, n.timeMs)).toISOString(),
        endsAt: new Date(n.state === "resolved" ? n.timeMs : n.timeMs + FIRING_MS).toISOString(),
        ...(page ? { generatorURL: page } : {}),
      }));
      await httpCall(address, {
        ...{ policy: "page" as const, code: "SINK_FAILED" as const, method: "POST", signal, timeoutMs },
        headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify(alerts),
      });
    },
    async close() {},
  };
}
