import { httpCall } from "../../tolerance/http-call.ts";
import type { Outgoing, Sink } from "./sink.ts";

/** Slack's limit is 40,000 characters; nobody reads that many. */
const MAX_TEXT = 3000;
const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A message to an incoming webhook. It has no key against repeats: what may be one says so. */
export async function slack({ url, timeoutMs }: { url: string; timeoutMs?: number }): Promise<Sink<Outgoing>> {
  return {
    name: "slack",
    async write(batch, signal) {
      for (const { notification: n, repeated, url: page } of batch) {
        const lines = [
          `*${escaped(n.summary)}*`,
          ...(n.detail === "" ? [] : [escaped(n.detail)]),
          ...(page ? [`<${page}|incident ${escaped(n.incidentId)}>`] : [`incident ${escaped(n.incidentId)}`]),
          ...(repeated ? ["_(this may be a repeat)_"] : []),
        ];
        await httpCall(url, {
          ...{ policy: "page" as const, code: "SINK_FAILED" as const, method: "POST", signal, timeoutMs },
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ text: lines.join("\n").slice(0, MAX_TEXT) }),
        });
      }
    },
    async close() {},
  };
}
