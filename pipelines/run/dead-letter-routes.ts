import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import type { Store } from "../core/store.ts";
import { type Door, listLetters, oneLetter, type ReplayResult, replayLetters } from "./dead-letters.ts";

const filter = {
  source: z.string().optional(),
  code: z.string().optional(),
  sinceMs: z.coerce.number().optional(),
};
const listQuery = z.object({
  ...filter,
  before: z.coerce.number().optional(),
  limit: z.coerce.number().int().min(1).max(64).optional(),
});
const replayBody = z.strictObject({
  keys: z.array(z.string()).min(1).max(64).optional(),
  filter: z.strictObject(filter).optional(),
  again: z.boolean().optional(),
  partial: z.boolean().optional(),
  from: z.strictObject({ after: z.number(), until: z.number() }).optional(),
  by: z.string().max(100).default("unknown"),
});

/** Reading payloads needs the token too: what is in them is for senders to know. */
export function deadLetterRoutes(
  app: FastifyInstance,
  options: {
    readonly store: Store;
    readonly door: Door;
    readonly clock: Clock;
    readonly guard: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
  },
): void {
  const { store, door, clock, guard } = options;
  /** One at a time: two could both find that a letter was not sent yet. */
  let turn: Promise<unknown> = Promise.resolve();

  app.get("/api/dead-letters", async (request, reply) => {
    const query = listQuery.safeParse(request.query);
    if (!query.success) return reply.code(400).send({ error: z.prettifyError(query.error) });
    return listLetters(store, query.data, query.data);
  });
  app.get("/api/dead-letters/letter", { preHandler: guard }, async (request, reply) => {
    const { key } = request.query as { key?: unknown };
    const found = await oneLetter(store, String(key));
    return found ? { key: found.key, ...found.letter } : reply.code(404).send({ error: "no such letter" });
  });
  app.post("/api/dead-letters/replay", { preHandler: guard }, async (request, reply) => {
    const body = replayBody.safeParse(request.body ?? {});
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    if (door.busy()) return reply.code(503).send({ error: "too much is unread: try again" });
    const result: Promise<ReplayResult> = turn.then(() => replayLetters(store, door, clock, body.data));
    turn = result.catch(() => {});
    return result;
  });
}
