import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Notification } from "../../../pipelines/core/notifications.ts";
import type { Store, StoredRecord } from "../../../pipelines/core/store.ts";

export const START_MS = 1_760_000_000_000;

export const notification = (incidentId: string, number: number, more: Partial<Notification> = {}): Notification => ({
  ...{ id: `${incidentId}/${number}`, incidentId, number, system: "shop" },
  ...{ kind: number === 1 ? "opened" : "diagnosed", timeMs: START_MS, severity: "critical", state: "open" },
  ...{ summary: `[critical] shop: orders <${number}>`, detail: "16 times the usual & more" },
  ...{ entities: ["orders"], suspects: [{ name: "orders", kind: "service", confidence: 0.8 }] },
  ...{ faultStartMs: START_MS - 30_000, detectedMs: START_MS, resolvedMs: null, labels: [] },
  ...more,
});

export const outputOf = (n: Notification) => ({
  topic: "notifications" as const,
  key: n.id,
  value: JSON.stringify(n),
});

/** As much of a store as the outbox needs, for tests that are not about the store. */
export function memoryStore(): Pick<Store, "commit" | "latest"> {
  const latest = new Map<string, StoredRecord>();
  let seq = 0;
  return {
    async commit({ outputs }) {
      for (const o of outputs) {
        seq += 1;
        latest.set(`${o.topic} ${o.key}`, { ...o, seq });
      }
    },
    async latest(topic, { key, limit = 1e9, beforeSeq = 1e9 } = {}) {
      const all = [...latest.values()].filter((r) => r.topic === topic && r.seq < beforeSeq);
      return all
        .filter((r) => key === undefined || r.key === key)
        .sort((a, b) => b.seq - a.seq)
        .slice(0, limit);
    },
  };
}

export interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A receiver on loopback that keeps what it is asked; `answer` says with what status. */
export async function receiver() {
  const asked: Asked[] = [];
  const own = {
    asked,
    answer: (_: Asked): { status: number; headers?: Record<string, string> } | undefined => ({ status: 202 }),
    url: "",
    close: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const one = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts).toString() };
      const answer = own.answer(one);
      asked.push(one);
      // No answer: the connection ends.
      if (!answer) return void response.destroy();
      response.writeHead(answer.status, answer.headers).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  own.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return own;
}

export async function until(what: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((go) => setTimeout(go, 10));
  }
}
