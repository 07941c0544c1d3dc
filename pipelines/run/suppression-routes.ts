/** Suppressions over the pipeline's own door: seen by all, decided by those who have the token, each decision audited before it is told. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import type { Suppression } from "../core/incident-decisions.ts";
import type { Control } from "../core/records.ts";
import type { Store } from "../core/store.ts";

const YEAR_MS = 366 * 86_400_000;
const who = z.string().min(1).max(100).default("unknown");
const acceptBody = z.strictObject({
  by: who,
  forMs: z.number().int().positive().max(YEAR_MS, "a year at most"),
  anyTime: z.boolean().default(false),
});
const removeBody = z.strictObject({ by: who });

export function suppressionRoutes(
  app: FastifyInstance,
  options: {
    readonly store: Pick<Store, "latest" | "audit">;
    readonly clock: Clock;
    readonly guard: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
    readonly tell: (control: Control) => Promise<unknown>;
  },
): void {
  const { store, clock, guard, tell } = options;
  const known = async (request: FastifyRequest): Promise<Suppression | undefined> => {
    const [r] = await store.latest("suppressions", { key: (request.params as { id: string }).id });
    return r && (JSON.parse(r.value) as Suppression);
  };
  const over = (s: Suppression) => (s.state === "expired" || s.state === "removed" ? `it is ${s.state}` : undefined);

  app.post("/api/suppressions/:id/accept", { preHandler: guard }, async (request, reply) => {
    const body = acceptBody.safeParse(request.body ?? {});
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    const rule = await known(request);
    if (!rule) return reply.code(404).send({ error: "no such suppression" });
    if (over(rule)) return reply.code(409).send({ error: over(rule) });
    const { by, forMs, anyTime } = body.data;
    const timeMs = clock.nowMs();
    const expiresMs = timeMs + forMs;
    await store.audit({
      planId: rule.id,
      timeMs,
      event: "suppression.accept",
      detail: `by ${by} until ${new Date(expiresMs).toISOString()}${anyTime ? ", at any time" : ""}: ${JSON.stringify(rule.signs)}`,
    });
    await tell({ kind: "suppress", timeMs, suppressionId: rule.id, by, expiresMs, anyTime });
    return reply.code(202).send({ id: rule.id, expiresMs });
  });
  app.post("/api/suppressions/:id/remove", { preHandler: guard }, async (request, reply) => {
    const body = removeBody.safeParse(request.body ?? {});
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    const rule = await known(request);
    if (!rule) return reply.code(404).send({ error: "no such suppression" });
    if (over(rule)) return reply.code(409).send({ error: over(rule) });
    const timeMs = clock.nowMs();
    await store.audit({ planId: rule.id, timeMs, event: "suppression.remove", detail: `by ${body.data.by}` });
    await tell({ kind: "unsuppress", timeMs, suppressionId: rule.id, by: body.data.by });
    return reply.code(202).send({});
  });
}
