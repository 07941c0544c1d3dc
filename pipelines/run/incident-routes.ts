/** What people decide about incidents: checked, audited, and sent in as an event, so that a replay sees the same. */
import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { PipelineError } from "../core/errors.ts";
import { type Silence, VERDICTS } from "../core/incident-decisions.ts";
import type { Control, Incident, IncidentControl } from "../core/records.ts";
import { matcher } from "../core/schemas/records.ts";
import type { Store } from "../core/store.ts";
import { matcherTest } from "../correlate/silences.ts";

const YEAR_MS = 366 * 86_400_000;
const who = z.string().min(1).max(100).default("unknown");
const note = z.string().max(1000).default("");
const name = z.string().min(1).max(500);

const bodies = {
  acknowledge: z.strictObject({ by: who }),
  resolve: z.strictObject({ by: who, note }),
  reopen: z.strictObject({ by: who, note }),
  label: z.strictObject({ by: who, note, label: z.enum(VERDICTS) }),
  merge: z.strictObject({ by: who, into: name }),
  split: z.strictObject({ by: who, entities: z.array(name).min(1).max(100) }),
} as const;
const silenceBody = z.strictObject({
  by: who,
  matchers: z
    .array(matcher.extend({ value: z.string().max(1000) }))
    .min(1)
    .max(20),
  startsMs: z.number().int().nonnegative().optional(),
  endsMs: z.number().int().nonnegative(),
  mode: z.enum(["mute", "ignore"]).default("mute"),
  comment: note,
});

export interface IncidentRoutesOptions {
  readonly store: Pick<Store, "latest" | "audit" | "auditTrail">;
  readonly clock: Clock;
  readonly guard: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
  readonly tell: (control: Control) => Promise<void>;
}

export function incidentRoutes(app: FastifyInstance, { store, clock, guard, tell }: IncidentRoutesOptions): void {
  const one = async (id: string): Promise<Incident | undefined> => {
    const [r] = await store.latest("incidents", { key: id });
    return r ? (JSON.parse(r.value) as Incident) : undefined;
  };
  const idOf = (request: FastifyRequest) => (request.params as { id: string }).id;
  /** Written down before it is done. */
  const decide = async (about: string, event: string, detail: string, control: Control) => {
    await store.audit({ planId: about, timeMs: control.timeMs, event, detail });
    await tell(control);
  };
  const route = <K extends keyof typeof bodies>(
    kind: K,
    work: (
      incident: Incident,
      body: z.output<(typeof bodies)[K]>,
      timeMs: number,
    ) => Promise<Control | string> | Control | string,
  ) =>
    app.post(`/api/incidents/:id/${kind}`, { preHandler: guard }, async (request, reply) => {
      const body = bodies[kind].safeParse(request.body ?? {});
      if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
      const incident = await one(idOf(request));
      if (!incident) return reply.code(404).send({ error: "no such incident" });
      const data = body.data as z.output<(typeof bodies)[K]>;
      const control = await work(incident, data, clock.nowMs());
      if (typeof control === "string") return reply.code(409).send({ error: control });
      const { by, ...rest } = data;
      await decide(incident.id, `incident.${kind}`, `by ${by}${detailOf(rest)}`, control);
      return reply.code(202).send({});
    });
  /** The stage forgets what is over: then the decision brings it along. */
  const past = (incident: Incident) => (incident.state === "resolved" ? { incident: slim(incident) } : {});

  route("acknowledge", ({ id, state }, { by }, timeMs) =>
    state === "resolved" ? "it is resolved" : { kind: "acknowledge", timeMs, incidentId: id, by },
  );
  route("resolve", ({ id, state }, { by, note }, timeMs) =>
    state === "resolved" ? "it is resolved" : { kind: "resolve", timeMs, incidentId: id, by, note },
  );
  route("reopen", (incident, { by, note }, timeMs) => {
    if (incident.state !== "resolved") return `it is ${incident.state}`;
    if (incident.mergedInto !== undefined) return `it is part of ${incident.mergedInto} now`;
    return { kind: "reopen", timeMs, incidentId: incident.id, by, note, ...past(incident) };
  });
  route("label", (incident, { by, note, label }, timeMs) => ({
    kind: "label",
    timeMs,
    record: { incidentId: incident.id, label, by, atMs: timeMs, note },
    ...past(incident),
  }));
  route("merge", async (incident, { by, into }, timeMs) => {
    if (incident.mergedInto !== undefined) return `it is part of ${incident.mergedInto} already`;
    if (into === incident.id) return "an incident can't be merged into itself";
    const target = await one(into);
    if (!target) return `there is no incident ${into}`;
    if (target.mergedInto !== undefined) return `${into} is part of ${target.mergedInto}`;
    if (target.state === "resolved") return `${into} is resolved: reopen it first`;
    return { kind: "merge", timeMs, incidentId: incident.id, into, by, ...past(incident) };
  });
  route("split", (incident, { by, entities }, timeMs) => {
    if (incident.state === "resolved") return "it is resolved";
    const of = (inside: boolean) => incident.anomalies.some((a) => entities.includes(a.entity) === inside);
    if (!of(true)) return "none of its anomalies is of these";
    if (!of(false)) return "all of its anomalies are of these: nothing would be left";
    return { kind: "split", timeMs, incidentId: incident.id, entities, by };
  });

  app.get("/api/incidents/:id/history", async (request) => store.auditTrail({ planIds: [idOf(request)] }));

  app.post("/api/silences", { preHandler: guard }, async (request, reply) => {
    const body = silenceBody.safeParse(request.body ?? {});
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    const { by, matchers, comment, mode, endsMs } = body.data;
    const timeMs = clock.nowMs();
    const { startsMs = timeMs } = body.data;
    if (endsMs <= startsMs || endsMs <= timeMs) return reply.code(400).send({ error: "it ends before it begins" });
    if (endsMs - startsMs > YEAR_MS) return reply.code(400).send({ error: "a silence lasts a year at most" });
    try {
      for (const m of matchers) matcherTest(m);
    } catch (error) {
      if (error instanceof PipelineError) return reply.code(400).send({ error: error.message });
      throw error;
    }
    const parts = { matchers, startsMs, endsMs, mode, by, comment, createdMs: timeMs };
    const id = `SIL-${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8)}`;
    const silence: Silence = { id, ...parts, endedBy: null };
    await decide(id, "silence.create", `by ${by}${detailOf({ matchers, mode, comment, endsMs })}`, {
      kind: "silence",
      timeMs,
      silence,
    });
    return reply.code(202).send({ id });
  });
  app.post("/api/silences/:id/expire", { preHandler: guard }, async (request, reply) => {
    const body = z.strictObject({ by: who }).safeParse(request.body ?? {});
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    const silenceId = idOf(request);
    const [known] = await store.latest("silences", { key: silenceId });
    if (!known) return reply.code(404).send({ error: "no such silence" });
    const timeMs = clock.nowMs();
    const { by } = body.data;
    const control: IncidentControl = { kind: "unsilence", timeMs, silenceId, by };
    await decide(silenceId, "silence.expire", `by ${by}`, control);
    return reply.code(202).send({});
  });
}

const detailOf = (rest: object): string => {
  const said = Object.entries(rest).filter(([, v]) => v !== "");
  return said.length === 0 ? "" : `: ${JSON.stringify(Object.fromEntries(said))}`;
};

/** Charts are most of a record and nothing that the stage needs; on Kafka it must fit into 1 MiB. */
function slim(incident: Incident): Incident {
  if (JSON.stringify(incident).length < 512 * 1024 || !incident.diagnosis) return incident;
  return { ...incident, diagnosis: { ...incident.diagnosis, charts: [] } };
}
