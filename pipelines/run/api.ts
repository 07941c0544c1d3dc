/** The running pipeline's own door: what it knows to read, and what people decide to write. */
import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../core/clock.ts";
import type { ModelStatus } from "../core/live-models.ts";
import { type Action, type Control, type Incident, TOPICS, type Topic } from "../core/records.ts";
import type { Store } from "../core/store.ts";
import { approvalRoutes } from "./approval-routes.ts";
import { deadLetterRoutes } from "./dead-letter-routes.ts";
import { type Door, listLetters } from "./dead-letters.ts";
import { incidentRoutes } from "./incident-routes.ts";
import { pageOf } from "./pages.ts";
import { suppressionRoutes } from "./suppression-routes.ts";

export interface ApiOptions {
  readonly store: Store;
  /** Undefined where no live source takes what people decide. */
  readonly appendControl: ((control: Control) => Promise<void>) | undefined;
  /** Writing needs it, as a bearer token. */
  readonly token: string;
  /** What decisions by webhook are signed with. */
  readonly approvalSecret?: string | undefined;
  readonly clock: Clock;
  readonly report: (incident: Incident) => Promise<{ html: string; markdown: string; json: unknown }>;
  readonly counts: Readonly<Record<string, number>>;
  /** How the models of this process get on. */
  readonly models: () => readonly ModelStatus[];
  /** Sends dead letters of receivers again; gives their keys. Undefined where nobody is told anything. */
  readonly requeue?: (keys: readonly string[] | "all") => Promise<string[]>;
  /** Where dead letters go back to. */
  readonly door: Door;
}

export function apiRoutes(
  app: FastifyInstance,
  { store, appendControl, token, approvalSecret, clock, report, counts, models, door, requeue }: ApiOptions,
): void {
  const one = async <T>(topic: Topic, key: string) => {
    const [r] = await store.latest(topic, { key });
    return r ? (JSON.parse(r.value) as T) : undefined;
  };
  const guard = async (request: FastifyRequest, reply: FastifyReply) => {
    const given = Buffer.from(request.headers.authorization ?? "");
    const wanted = Buffer.from(`Bearer ${token}`);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
      return reply.code(401).send({ error: "give the token of endpoint.json as a bearer token" });
    if (!appendControl) return reply.code(409).send({ error: "this run has no live source that takes decisions" });
  };
  const tell = async (control: Control) => appendControl?.(control);
  const id = (request: FastifyRequest) => (request.params as { id: string }).id;
  const by = (request: FastifyRequest) =>
    String((request.body as { by?: unknown } | null)?.by ?? "unknown").slice(0, 100);

  suppressionRoutes(app, { store, clock, guard, tell });
  deadLetterRoutes(app, { store, door, clock, guard });
  if (approvalSecret && appendControl) approvalRoutes(app, { store, appendControl, clock, secret: approvalSecret });
  incidentRoutes(app, { store, clock, guard, tell });
  app.get("/api/status", async () => ({ ...counts, rssBytes: process.memoryUsage.rss(), pid: process.pid }));
  app.get("/api/models", async () => models());
  app.get("/api/topics/:id", async (request, reply) => {
    const topic = id(request) as Topic;
    if (!TOPICS.includes(topic)) return reply.code(404).send({ error: `topics: ${TOPICS.join(", ")}` });
    if (topic === "dead-letters") return (await listLetters(store, {})).letters; // all of them, with payloads: the routes below
    return pageOf(store, topic, request, reply, 1000);
  });
  app.get("/api/incidents", (request, reply) => pageOf(store, "incidents", request, reply, 100));
  app.get("/api/actions", (request, reply) => pageOf(store, "actions", request, reply, 100));
  app.get("/api/audit", async () => store.auditTrail());
  app.get("/api/incidents/:id", async (request, reply) => {
    return (await one<Incident>("incidents", id(request))) ?? reply.code(404).send({ error: "no such incident" });
  });
  app.get("/incidents/:id", async (request, reply) => {
    const incident = await one<Incident>("incidents", id(request));
    if (!incident) return reply.code(404).send({ error: "no such incident" });
    return reply.type("text/html; charset=utf-8").send((await report(incident)).html);
  });
  app.post("/api/deliveries/requeue", { preHandler: guard }, async (request, reply) => {
    if (!requeue) return reply.code(409).send({ error: "this run tells nobody" });
    const { keys } = (request.body ?? {}) as { keys?: unknown };
    const list = Array.isArray(keys) && keys.length <= 1000 && keys.every((k) => typeof k === "string");
    if (keys !== "all" && !list) return reply.code(400).send({ error: 'keys: up to 1000 of them, or "all"' });
    return { requeued: await requeue(keys as string[] | "all") };
  });
  app.post("/api/actions/:id/approve", { preHandler: guard }, async (request, reply) => {
    const action = await one<Action>("actions", id(request));
    if (!action) return reply.code(404).send({ error: "no such plan" });
    const hash = String((request.body as { hash?: unknown } | null)?.hash ?? "");
    if (hash !== action.plan.hash) return reply.code(409).send({ error: "the hash is not this plan's: read it again" });
    if (action.state !== "proposed") return reply.code(409).send({ error: `the plan is ${action.state}` });
    await tell({ kind: "approve", timeMs: clock.nowMs(), planId: id(request), hash, by: by(request) });
    return reply.code(202).send({});
  });
  app.post("/api/actions/:id/undo", { preHandler: guard }, async (request, reply) => {
    const action = await one<Action>("actions", id(request));
    if (!action) return reply.code(404).send({ error: "no such plan" });
    if (action.attempts === 0) return reply.code(409).send({ error: "it was never carried out" });
    if (!action.plan.reversible) return reply.code(409).send({ error: "this action has no way back" });
    await tell({ kind: "undo", timeMs: clock.nowMs(), planId: id(request), by: by(request) });
    return reply.code(202).send({});
  });
  app.post("/api/actions/:id/reject", { preHandler: guard }, async (request, reply) => {
    if (!(await one("actions", id(request)))) return reply.code(404).send({ error: "no such plan" });
    await tell({ kind: "reject", timeMs: clock.nowMs(), planId: id(request), by: by(request) });
    return reply.code(202).send({});
  });
}
