/** One way to page through records, newest first, for every list of the API. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Topic } from "../core/records.ts";
import type { Store } from "../core/store.ts";

/** Where there may be more: the `before` of the next page. */
export const NEXT_HEADER = "x-next";
export const MOST_A_PAGE = 1000;

const query = z.object({
  limit: z.coerce.number().int().min(1).max(MOST_A_PAGE).optional(),
  before: z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
  open: z.enum(["true", "false"]).optional(),
  incident: z.string().min(1).max(100).optional(),
});

/** Answers `?limit=&before=`; incidents take `open=true`, actions `incident=ID`. As fast at the millionth as at the first. */
export async function pageOf(
  store: Pick<Store, "latest">,
  topic: Topic,
  request: FastifyRequest,
  reply: FastifyReply,
  usual: number,
): Promise<unknown> {
  const asked = query.safeParse(request.query);
  if (!asked.success) return reply.code(400).send({ error: z.prettifyError(asked.error) });
  const { limit = usual, before, open, incident } = asked.data;
  const rows = await store.latest(topic, {
    limit,
    ...(before === undefined ? {} : { beforeSeq: before }),
    ...(topic === "incidents" && open === "true" ? { open: true } : {}),
    ...(topic === "actions" && incident !== undefined ? { incidentId: incident } : {}),
  });
  const last = rows.at(-1);
  if (last && rows.length === limit) reply.header(NEXT_HEADER, String(last.seq));
  return rows.map((r) => JSON.parse(r.value));
}
