/** Schemas of the records in the output topics: what docs/schemas publishes. Times are ms since the Unix epoch. */
import { z } from "zod";
import { MATCH_FIELDS, type Silence, type Suppression, VERDICTS } from "../incident-decisions.ts";
import { MODEL_STATES, type ModelScores } from "../live-models.ts";
import { type Delivery, NOTIFICATION_KINDS, type Notification } from "../notifications.ts";
import type { Action, Anomaly, DeadLetter, Incident, Topic } from "../records.ts";

const timeMs = z.number();
const noun = (text: string) => z.string().describe(text);

const band = z.object({ expected: z.number(), low: z.number(), high: z.number() });

export const anomalyV1 = z
  .object({
    id: noun("The same in all records of one anomaly."),
    entity: noun("Service, host, pod or process it is about."),
    entityKind: z.string(),
    series: z.string(),
    unit: z.string(),
    family: z.enum(["latency", "errors", "traffic", "silence", "cpu", "memory", "disk", "network", "other"]),
    direction: z.enum(["up", "down"]),
    startMs: timeMs.describe("Start of the first unusual window."),
    detectedMs: timeMs.describe("End of the window in which it was opened."),
    endMs: timeMs.nullable().describe("null while it lasts."),
    p: z.number().describe("Smallest tail probability seen, in (0, 1]."),
    evidence: z
      .number()
      .optional()
      .describe("Most evidence so far: decimal orders of improbability, summed over recent windows."),
    value: z.number().describe("Value in the strongest window."),
    band: band.describe("What was expected in that window."),
    detectors: z.record(z.string(), z.number()).describe("Detectors by their share of the evidence."),
    why: z.string(),
  })
  .describe("A series off its usual course: on opening, when it gets stronger, and on closing.");

const evidence = z.object({
  ranker: z.string(),
  score: z.number(),
  text: z.string(),
  series: z.string().optional().describe("entity/series it can be checked against."),
});

const diagnosis = z.object({
  onsetMs: timeMs,
  onsetRangeMs: z.tuple([timeMs, timeMs]),
  confidence: z.number(),
  inconclusive: z.boolean(),
  headline: z.string(),
  suspects: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      score: z.number(),
      confidence: z.number().describe("Share of belief over all suspects, in [0, 1]."),
      for: z.array(evidence),
      against: z.array(evidence),
      path: z.array(z.string()).describe("Entities from the symptom to the cause."),
    }),
  ),
  charts: z.array(
    z.object({
      entity: z.string(),
      series: z.string(),
      unit: z.string(),
      startMs: timeMs,
      stepMs: z.number(),
      values: z.array(z.number().nullable()).describe("One a window; null is a gap."),
      band,
      onsetMs: timeMs,
    }),
  ),
  edges: z.array(
    z.object({
      caller: z.string(),
      callee: z.string(),
      calls: z.number(),
      errorRatio: z.number(),
      durationMs: z.number(),
    }),
  ),
  logs: z.array(
    z.object({
      entity: z.string(),
      startMs: timeMs,
      endMs: timeMs,
      template: z.string(),
      templateId: z.number().optional().describe("Stays when the template's text becomes more general."),
      severity: z.number().describe("OpenTelemetry's severity number; 0 unknown."),
      count: z.number(),
      isNew: z.boolean(),
      sample: z.string(),
      traceId: z.string(),
    }),
  ),
  changes: z.array(
    z.object({
      entity: z.string(),
      timeMs,
      kind: z.enum(["deploy", "restart", "config", "scale"]),
      detail: z.string(),
    }),
  ),
  missing: z.array(z.string()).describe("Data that a surer answer would have needed."),
  similar: z
    .array(
      z.object({
        id: z.string(),
        headline: z.string(),
        cause: z.string(),
        repair: z.string().nullable().describe("What fixed it; null if nothing did that is known."),
        similarity: z.number().describe("0 to 1."),
        why: z.array(z.string()).describe("What they share, the most telling first."),
      }),
    )
    .optional()
    .describe("Earlier incidents that looked alike."),
});

export const incidentV1 = z
  .object({
    id: z.string(),
    version: z.number().describe("Higher is newer."),
    system: z.string(),
    state: z.enum(["open", "acknowledged", "mitigating", "resolved"]),
    severity: z.enum(["critical", "major", "minor"]),
    times: z.object({
      faultStartMs: timeMs,
      detectedMs: timeMs,
      acknowledgedMs: timeMs.nullable(),
      mitigatedMs: timeMs.nullable(),
      verifiedMs: timeMs.nullable(),
      resolvedMs: timeMs.nullable(),
    }),
    reopened: z.number(),
    entities: z.array(z.string()),
    anomalies: z.array(anomalyV1),
    diagnosis: diagnosis.nullable().describe("null until there is one."),
    timeline: z.array(
      z.object({
        timeMs,
        kind: z.enum(["anomaly", "state", "diagnosis", "change", "action", "log"]),
        entity: z.string(),
        text: z.string(),
      }),
    ),
    labels: z.array(z.string()).describe("`self`: of the pipeline itself. `digest`: stands for many, see there."),
    verdict: z
      .object({ label: z.enum(VERDICTS), by: z.string(), atMs: timeMs, note: z.string() })
      .optional()
      .describe("What somebody said it was; the last word counts."),
    mergedInto: z.string().optional().describe("It is part of this incident now, and resolved here."),
    muted: z
      .object({ silenceId: z.string(), untilMs: timeMs })
      .optional()
      .describe("A silence, calendar or suppression covers all of its anomalies: nobody is paged."),
    digest: z
      .object({ groups: z.number() })
      .optional()
      .describe("Too many opened at once: this one stands for so many groups of anomalies."),
  })
  .describe("An incident as it stands: each record replaces the one before it with the same id.");

const actionState = z.enum([
  "proposed",
  "approved",
  "rejected",
  "executing",
  "executed",
  "failed",
  "verified",
  "unverified",
  "expired",
]);

export const actionV1 = z
  .object({
    plan: z.object({
      id: z.string(),
      incidentId: z.string(),
      action: z.string(),
      target: z.string(),
      reason: z.string(),
      onsetMs: timeMs
        .nullable()
        .describe("Earliest moment at which the fault may have begun; restores go back to before."),
      preconditions: z.array(z.string()),
      effect: z.string(),
      blastRadius: z.array(z.string()),
      reversible: z.boolean(),
      expectedLoss: z.string(),
      risk: z.enum(["low", "medium", "high"]),
      createdMs: timeMs,
      expiresMs: timeMs,
      undoOf: z.string().optional().describe("The plan whose effect this one takes back."),
      hash: noun("Binds an approval to exactly this plan."),
    }),
    state: actionState,
    version: z.number().describe("Higher is newer."),
    approvedBy: z.string().nullable(),
    attempts: z.number(),
    needsHuman: z.string().optional().describe("Why people have to go on from here: nothing more is tried."),
    history: z.array(z.object({ timeMs, state: actionState, detail: z.string() })),
  })
  .describe("A repair as it stands: each record replaces the one before it with the same plan.id.");

export const matcher = z.object({
  field: z.enum(MATCH_FIELDS),
  op: z.enum(["=", "!=", "=~", "!~"]).describe("=~ and !~: a regular expression (RE2) over the whole value."),
  value: z.string(),
});

export const silenceV1 = z
  .object({
    id: z.string(),
    matchers: z.array(matcher).describe("An anomaly must match all of them."),
    startsMs: timeMs,
    endsMs: timeMs,
    mode: z
      .enum(["mute", "ignore"])
      .describe("mute: incidents are recorded, nobody is paged. ignore: what matches takes no part in incidents."),
    by: z.string(),
    comment: z.string(),
    createdMs: timeMs,
    endedBy: z.string().nullable().describe("Who ended it before its time."),
  })
  .describe("Anomalies that page nobody for a while.");
export const suppressionV1 = z
  .object({
    id: z.string(),
    state: z.enum(["proposed", "active", "expired", "removed"]),
    label: z.enum(["expected", "noise"]),
    incidentId: z.string().describe("The incident that was labelled."),
    signs: z.array(z.object({ entity: z.string(), series: z.string(), direction: z.enum(["up", "down"]) })),
    hourOfWeek: z
      .number()
      .nullable()
      .describe("UTC, 0 is Monday from midnight; an hour and a half either way. Null: at any time."),
    note: z.string(),
    proposedBy: z.string(),
    createdMs: timeMs,
    acceptedBy: z.string().nullable(),
    acceptedMs: timeMs.nullable(),
    expiresMs: timeMs.nullable(),
    endedBy: z.string().nullable(),
    count: z.number().describe("Incidents that it kept quiet."),
    lastMs: timeMs.nullable(),
  })
  .describe("Incidents that show nothing but these signs page nobody, while it is active.");

export const deadLetterV1 = z
  .object({
    source: noun("Topic and partition, file, or `signals` for what came over HTTP."),
    position: noun("Where reading went on after the record."),
    part: z.number().nullable().describe("Task that a piece of the record was routed to; null: read as it came."),
    share: z
      .object({ index: z.number(), of: z.number(), primary: z.boolean() })
      .nullable()
      .describe("The part of the payload that the letter is about; null: all of it."),
    ingestTimeMs: timeMs.describe("When the record arrived."),
    format: noun("Name of the decoder."),
    reasons: z.array(
      z.object({
        code: z.string(),
        explanation: noun("What the code means."),
        detail: z.string(),
        rows: z.number(),
      }),
    ),
    rows: z.number().describe("Rows refused, of all reasons; 1 for a record that can't be read at all."),
    taken: z.number().describe("Rows of the same record that were used."),
    sizeBytes: z.number().describe("Of the record."),
    complete: z.boolean().describe("False: larger than the limit, payload is its beginning."),
    payload: z.string().meta({ contentEncoding: "base64" }),
  })
  .describe("A record of which something was refused, with the reasons and the record itself.");

const severity = z.enum(["critical", "major", "minor"]);
const incidentState = z.enum(["open", "acknowledged", "mitigating", "resolved"]);

export const notificationV1 = z
  .object({
    id: noun("`<incident>/<number>`."),
    incidentId: z.string(),
    number: z.number().describe("Counts up from 1 within the incident: receivers get them in this order."),
    system: z.string(),
    kind: z.enum(NOTIFICATION_KINDS),
    timeMs: timeMs.describe("When what it tells happened."),
    severity,
    state: incidentState,
    summary: noun("One line."),
    detail: z.string(),
    entities: z.array(z.string()),
    suspects: z
      .array(z.object({ name: z.string(), kind: z.string(), confidence: z.number() }))
      .describe("First three."),
    faultStartMs: timeMs,
    detectedMs: timeMs,
    resolvedMs: timeMs.nullable(),
    labels: z.array(z.string()),
  })
  .describe("Something worth telling people about an incident. Receivers get it once, in order within an incident.");

export const deliveryV1 = z
  .object({
    notificationId: z.string(),
    incidentId: z.string(),
    receiver: noun("Name of the receiver in the config."),
    state: z
      .enum(["sending", "failed", "sent", "dead", "requeued"])
      .describe("dead: given up; requeued: somebody wants it tried again."),
    attempts: z.number(),
    timeMs: timeMs.describe("When it came to this state."),
    detail: z.string(),
  })
  .describe("How far one receiver has got one notification: each record replaces the one before it.");
const roleScores = z.object({
  version: z.number(),
  state: z.enum(MODEL_STATES).describe("Only `scoring` opens anomalies; in all others statistics alone do."),
  scored: z.number().describe("Windows of which it had an opinion."),
  odd: z.number().describe("Of these, with a tail probability below 0.001."),
  leastP: z.number().nullable(),
  meanOrders: z.number().nullable().describe("Mean evidence a window, in decimal orders of improbability."),
  opened: z
    .array(z.object({ series: z.string(), startMs: timeMs, detectedMs: timeMs, p: z.number(), why: z.string() }))
    .describe("Anomalies opened; those of a shadow are told here and nowhere else."),
});

export const scoresV1 = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("summary"),
      model: z.string(),
      entity: z.string(),
      startMs: timeMs,
      endMs: timeMs,
      live: roleScores.nullable(),
      shadow: roleScores.nullable(),
      agreement: z
        .object({ both: z.number(), onlyLive: z.number(), onlyShadow: z.number() })
        .nullable()
        .describe("Windows found odd; null unless there are both."),
      drift: z.array(
        z.object({
          name: noun("A column, or `score`."),
          psi: z.number().nullable().describe("Population stability index, less what chance gives."),
          level: z.enum(["stable", "shifted", "changed", "unknown"]),
        }),
      ),
    }),
    z.object({
      kind: z.literal("switch"),
      model: z.string(),
      startMs: timeMs.describe("Start of the first window that it is so for."),
      live: z.number().nullable(),
      shadow: z.number().nullable(),
      before: z.object({ live: z.number().nullable(), shadow: z.number().nullable() }),
      why: z.string(),
    }),
  ])
  .describe("How live and shadow versions of a model get on with an entity, and when they change. Pages nobody.");

/** By topic; `name` is the record's in the type of a CloudEvent. */
export const recordSchemas = {
  anomalies: { name: "anomaly", version: 1, schema: anomalyV1 },
  incidents: { name: "incident", version: 1, schema: incidentV1 },
  actions: { name: "action", version: 1, schema: actionV1 },
  notifications: { name: "notification", version: 1, schema: notificationV1 },
  deliveries: { name: "delivery", version: 1, schema: deliveryV1 },
  silences: { name: "silence", version: 1, schema: silenceV1 },
  suppressions: { name: "suppression", version: 1, schema: suppressionV1 },
  "dead-letters": { name: "dead-letter", version: 1, schema: deadLetterV1 },
  scores: { name: "scores", version: 1, schema: scoresV1 },
} as const satisfies Record<Topic, { name: string; version: number; schema: z.ZodType }>;

/** The `$id` of a published schema, and `dataschema` of the events that follow it. */
export const schemaId = (topic: Topic): string =>
  `urn:faultwright:schema:${recordSchemas[topic].name}:v${recordSchemas[topic].version}`;
export const schemaFile = (topic: Topic): string => `${topic}.v${recordSchemas[topic].version}.schema.json`;

/** JSON Schema 2020-12. Consumers must bear fields that are new, so others are not forbidden; `strict` forbids them. */
export function recordJsonSchema(topic: Topic, { strict = false } = {}): Record<string, unknown> {
  const { name, version, schema } = recordSchemas[topic];
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: strict ? "output" : "input" });
  return { $schema, $id: schemaId(topic), title: `${name} v${version}`, ...rest };
}

/** Schema and type say the same, to the last field: this does not compile otherwise. */
type Plain<T> = T extends readonly unknown[] | object ? { -readonly [K in keyof T]: Plain<T[K]> } : T;
type Same<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : never;
true satisfies Same<z.output<typeof anomalyV1>, Anomaly>;
true satisfies Same<z.output<typeof incidentV1>, Incident>;
true satisfies Same<z.output<typeof actionV1>, Action>;
true satisfies Same<z.output<typeof notificationV1>, Notification>;
true satisfies Same<z.output<typeof deliveryV1>, Delivery>;
true satisfies Same<z.output<typeof silenceV1>, Silence>;
true satisfies Same<z.output<typeof suppressionV1>, Suppression>;
true satisfies Same<z.output<typeof deadLetterV1>, DeadLetter>;
true satisfies Same<z.output<typeof scoresV1>, ModelScores>;
