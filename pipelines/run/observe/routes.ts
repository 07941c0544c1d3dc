/** `/metrics`, `/healthz`, `/readyz`. They tell nothing of entities or payloads, so they ask for no token. */
import type { FastifyInstance } from "fastify";
import type { Health } from "./health.ts";
import type { SelfMetrics } from "./self-metrics.ts";

export interface ObserveRoutesOptions {
  readonly metrics: Pick<SelfMetrics, "text" | "registry">;
  readonly health: Health;
}

export function observeRoutes(app: FastifyInstance, { metrics, health }: ObserveRoutesOptions): void {
  app.get("/metrics", async (_request, reply) => {
    const text = await metrics.text();
    return reply.type(metrics.registry.contentType).send(text);
  });
  for (const [path, reasonsOf] of [
    ["/healthz", health.alive],
    ["/readyz", health.ready],
  ] as const)
    app.get(path, async (_request, reply) => {
      const reasons = reasonsOf();
      const notes = health.notes?.() ?? [];
      return reply
        .code(reasons.length === 0 ? 200 : 503)
        .send({ ok: reasons.length === 0, reasons, ...(notes.length > 0 ? { notes } : {}) });
    });
}
