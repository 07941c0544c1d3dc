/** One schema: defaults, checks and the JSON Schema all come from here. */
import { parse } from "yaml";
import { z } from "zod";
import { calendarSchema } from "./calendar-config.ts";
import { duration } from "./duration.ts";
import { PipelineError } from "./errors.ts";
import { kafkaConnection } from "./kafka-config.ts";
import { liveModelsSchema } from "./live-models-config.ts";
import { notifySchema } from "./notify-config.ts";
import { policyRule, recoveryTarget } from "./recover-config.ts";
import { SECRET_KINDS } from "./redact/find-secrets.ts";
import { redactor } from "./redact/redactor.ts";
import { formatFields, topicSchema, withMapping } from "./topic-config.ts";

const otlp = z.strictObject({
  kind: z.literal("otlp-http").describe("Receive OTLP over HTTP: metrics, logs and traces, protobuf or JSON."),
  host: z.string().default("127.0.0.1"),
  port: z.number().int().min(0).max(65535).default(4318).describe("0 takes a free port."),
  maxBodyBytes: z
    .number()
    .int()
    .positive()
    .default(16 * 1024 * 1024),
  maxLagBytes: z
    .number()
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe("Unread journal beyond which senders get 503."),
});
const files = withMapping(
  z.strictObject({
    kind: z.literal("files").describe("Read files to their end: .csv, .jsonl, each also .gz; others with a format."),
    paths: z.array(z.string()).min(1),
    ...formatFields,
  }),
);
const journal = z.strictObject({
  kind: z.literal("journal").describe("Replay the recorded journal of another run."),
  path: z.string(),
});

const targets = z.strictObject({
  kind: z.literal("targets").describe("Look at recover.targets: health checks, what a hypervisor says, heartbeats."),
  every: duration
    .default(5000)
    .refine((ms) => ms >= 100, "at least 100 ms")
    .describe("Between two looks at a target."),
});

const kafka = z.strictObject({
  kind: z.literal("kafka").describe("Read what topics hold, from their beginning to what is their end at the start."),
  ...kafkaConnection.shape,
  topics: z.array(topicSchema).min(1),
  onOffsetLost: z.enum(["fail", "earliest"]).default("fail").describe("When retention has deleted what comes next."),
});

const embedded = z.strictObject({
  kind: z.literal("embedded").describe("All stages in one process, state in its data directory."),
});
const onKafka = kafkaConnection.extend({
  kind: z.literal("kafka").describe("Stages as consumer groups: as many processes as the topics have partitions."),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, "letters, digits, dot, dash and underscore")
    .default("faultwright")
    .describe("Of our own topics, groups and transactional ids: one for each pipeline on a cluster."),
  topics: z.array(topicSchema).default([]).describe("Followed from their beginning."),
  keyed: z
    .boolean()
    .default(false)
    .describe("All of an entity lies in one partition already, and in the same one of each topic: nothing is routed."),
  partitions: z
    .number()
    .int()
    .positive()
    .optional()
    .describe("Tasks of the features stage; by default the most partitions that a topic has."),
  replication: z.number().int().positive().default(1).describe("Of our own topics; 3 on a cluster of three or more."),
  intake: z
    .boolean()
    .optional()
    .describe("Take in too what arrives over OTLP/HTTP, here or at other processes; by default where it arrives here."),
  stages: z
    .array(z.enum(["route", "features", "incidents", "act"]))
    .default(["route", "features", "incidents", "act"])
    .describe("That this process takes part in; none: it only receives and shows."),
  events: z
    .enum(["binary", "structured"])
    .default("binary")
    .describe("Outputs are CloudEvents: attributes in headers and the record as value, or all in one JSON value."),
  onOffsetLost: z.enum(["fail", "earliest"]).default("fail").describe("When retention has deleted what comes next."),
  session: duration.default(30_000).describe("A process that is silent for this long loses its tasks."),
  state: duration.default(30_000).describe("Time between two writes of the state: what a restart takes in again."),
});

const shape = z.strictObject({
  system: z.string().min(1).default("default").describe("Name of the environment or tenant; incidents belong to one."),
  dataDir: z.string().min(1).default(".faultwright").describe("Where journal, state, reports and the store live."),
  falseIncidentsPerWeek: z
    .number()
    .min(0.01)
    .max(10_000)
    .default(1)
    .describe(
      "Alert budget: incidents a week, of the whole system, that may open without a fault. Sets all thresholds.",
    ),
  calendars: z
    .array(calendarSchema)
    .max(1000)
    .default([])
    .describe("Holidays and maintenance windows: what is unusual then pages nobody."),
  runtime: z.discriminatedUnion("kind", [embedded, onKafka]).default({ kind: "embedded" }),
  sources: z.array(z.discriminatedUnion("kind", [otlp, files, journal, kafka, targets])).optional(),
  windows: z
    .strictObject({
      window: duration.default(10_000),
      lateness: duration.default(10_000),
      forget: duration.default(600_000).describe("A silent entity is forgotten after this."),
      idle: duration
        .optional()
        .describe("On Kafka: a partition silent for this long holds nobody up, its event time goes on; a window."),
    })
    .prefault({}),
  limits: z
    .strictObject({
      entities: z.number().int().positive().default(100_000),
      series: z.number().int().positive().default(1_000_000),
      seriesPerEntity: z.number().int().positive().default(10_000),
      future: duration.default(600_000).describe("How far event time may run ahead of arrival."),
      attributeChars: z.number().int().positive().default(1024),
      deadLetterBytes: z
        .number()
        .int()
        .nonnegative()
        .max(640 * 1024, "at most 655360: with base64 a record must stay below Kafka's 1 MiB")
        .default(256 * 1024)
        .describe("A refused record is kept whole up to this size; of a larger one its beginning."),
    })
    .prefault({}),
  redact: z
    .strictObject({
      enabled: z.boolean().default(true),
      names: z
        .array(z.string().min(1).max(64))
        .max(1000)
        .default([])
        .describe("Names whose values are secret, besides passwords, tokens, keys and cookies."),
      patterns: z
        .array(z.string().min(1))
        .max(100)
        .default([])
        .describe("Regular expressions (RE2 syntax) whose matches are taken out."),
      keep: z.array(z.enum(SECRET_KINDS)).default([]).describe("Kinds that may stay."),
    })
    .prefault({})
    .describe("Secrets and personal data become [redacted] before anything is stored, sent on or shown."),
  detect: z
    .strictObject({
      banks: z
        .array(z.enum(["meanSigma", "ewma", "robustZ", "changePoint", "seasonal"]))
        .min(1)
        .default(["robustZ", "meanSigma", "ewma", "changePoint"])
        .describe("Models of one series; `seasonal` expects what this hour of the day and week was like."),
      openEvidence: z.number().positive().default(9),
      closeEvidence: z.number().positive().default(2),
      freezeWindows: z.number().int().positive().default(180),
      floors: z.record(z.string(), z.number().positive()).default({}),
      models: liveModelsSchema,
    })
    .prefault({}),
  incidents: z
    .strictObject({
      minEvidence: z.number().positive().default(1.5),
      quiet: duration.default(60_000).describe("All anomalies closed for this long resolves an incident."),
      reopen: duration.default(600_000),
      historyWindows: z.number().int().min(20).max(2000).default(180),
      topology: z
        .array(z.tuple([z.string().min(1), z.string().min(1)]))
        .max(10_000)
        .default([])
        .describe("Calls that are known without being seen in spans: [caller, callee], as services are named."),
      flood: z
        .strictObject({
          incidents: z.number().int().positive().max(10_000).default(20),
          per: duration.default(600_000),
        })
        .prefault({})
        .describe("When so many opened within this time, what else comes is collected in one digest."),
    })
    .prefault({}),
  recover: z
    .strictObject({
      dryRun: z.boolean().default(true).describe("Plan and rehearse only."),
      supervisor: z
        .strictObject({ url: z.url(), tokenEnv: z.string().default("FAULTWRIGHT_SUPERVISOR_TOKEN") })
        .optional(),
      targets: z.array(recoveryTarget).default([]).describe("The only things that may ever be acted on."),
      policy: z.array(policyRule).optional().describe("The first rule that fits says what to do."),
      ladder: z.array(z.string().min(1)).min(1).optional().describe("What follows on a repair that did not help."),
      autoApprove: z.array(z.string().min(1)).default([]).describe("Kinds of action that need no human."),
      approval: duration.default(900_000).describe("A plan expires after this."),
      verify: duration.default(300_000).describe("The incident must resolve within this after an action."),
      cooldown: duration.default(60_000),
      perHour: z.number().int().positive().default(6),
      limits: z
        .record(
          z.string(),
          z.strictObject({ cooldown: duration.optional(), perHour: z.number().int().nonnegative().optional() }),
        )
        .default({})
        .describe("Limits of single kinds of action, beside those of all."),
      approvals: z
        .strictObject({
          secretEnv: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable"),
        })
        .optional()
        .describe("Decisions by webhook, signed with the secret in this variable."),
      lockDir: z
        .string()
        .startsWith("/", "give an absolute path")
        .optional()
        .describe("Folder of locks that all actors of this host share; by default below the temporary folder."),
    })
    .prefault({}),
  notify: notifySchema,
  api: z
    .strictObject({ host: z.string().default("127.0.0.1"), port: z.number().int().min(0).max(65535).default(0) })
    .prefault({}),
  ready: z
    .strictObject({
      maxLag: z.number().int().nonnegative().default(10_000).describe("Records a task may have waiting (on Kafka)."),
      maxLagBytes: z
        .number()
        .int()
        .nonnegative()
        .default(16 * 1024 * 1024)
        .describe("Journal that may wait (embedded)."),
    })
    .prefault({})
    .describe("More than this waits: /readyz says no."),
  health: z
    .strictObject({ stuck: duration.default(60_000).describe("Nothing moves for this long: /healthz says no.") })
    .prefault({}),
  selfObserve: z
    .boolean()
    .optional()
    .describe("The pipeline's own metrics in its own input; by default where there is a live source."),
  store: z
    .strictObject({
      retention: duration
        .default(365 * 86_400_000)
        .describe("Resolved incidents and what belongs to them go this long after they were last written."),
    })
    .prefault({}),
  commit: duration.default(1000).describe("Longest time between two commits."),
});

/** Whether a source is what arrives here, journal or intake, and not what is read elsewhere. */
export const isLive = ({ kind }: { readonly kind: string }): boolean => kind === "otlp-http" || kind === "targets";

/** What only several parts together can tell. */
export const configSchema = shape.transform((config, context) => {
  const onKafka = config.runtime.kind === "kafka";
  const sources = config.sources ?? (onKafka ? [] : [otlp.parse({ kind: "otlp-http" })]);
  const fault = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  if (config.runtime.kind === "kafka") {
    if (sources.some((s) => !isLive(s)))
      fault(["sources"], "on runtime kafka, topics stand under runtime.topics; beside them only otlp-http and targets");
    const intake = config.runtime.intake ?? sources.length > 0;
    if (sources.length > 0 && !intake)
      fault(["runtime", "intake"], "what otlp-http receives, or targets say, would be read by nobody");
    if (!intake && config.runtime.topics.length === 0) fault(["runtime", "topics"], "name at least one topic");
  } else if (sources.length === 0) fault(["sources"], "name at least one source");
  if (sources.some((s) => s.kind === "targets") && config.recover.targets.length === 0)
    fault(["recover", "targets"], "the source targets looks at them: name at least one");
  if (sources.filter((s) => s.kind === "targets").length > 1)
    fault(["sources"], "the source targets stands here twice");
  for (const [i, pattern] of config.redact.patterns.entries())
    try {
      redactor({ patterns: [pattern] });
    } catch (error) {
      fault(["redact", "patterns", String(i)], (error as Error).message);
    }
  return { ...config, sources };
});

export type Config = z.output<typeof configSchema>;

/** YAML text to a checked config. @throws PipelineError CONFIG_INVALID naming every fault by its path. */
export function parseConfig(text: string, where = "config"): Config {
  let raw: unknown;
  try {
    raw = parse(text) ?? {};
  } catch (cause) {
    throw new PipelineError("CONFIG_INVALID", where, { detail: (cause as Error).message, cause });
  }
  const result = configSchema.safeParse(raw);
  if (result.success) return result.data;
  const faults = result.error.issues.map((i) => `${i.path.join(".") || "(top)"}: ${i.message}`);
  throw new PipelineError("CONFIG_INVALID", where, { detail: `${faults.length} faults\n  ${faults.join("\n  ")}` });
}

/** The JSON Schema editors can use. */
export const configJsonSchema = () => z.toJSONSchema(shape, { io: "input" });
