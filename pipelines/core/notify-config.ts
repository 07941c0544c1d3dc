/** Who is told, of what, and how: the part of the config's schema under `notify`. */
import { z } from "zod";
import { duration } from "./duration.ts";
import { NOTIFICATION_KINDS } from "./notifications.ts";

const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable");
const httpUrl = z.url({ protocol: /^https?$/ });
const kind = z.enum(NOTIFICATION_KINDS);
type Kind = z.output<typeof kind>;
const ALL: Kind[] = [...NOTIFICATION_KINDS];
/** What is worth waking or calling somebody. */
const CALLS: Kind[] = ["opened", "reopened", "escalated", "approval", "repair-failed", "resolved"];

const common = (usual: Kind[]) => ({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "letters, digits, dot, dash and underscore")
    .optional()
    .describe("By default its kind; two of a kind need names."),
  minSeverity: z.enum(["minor", "major", "critical"]).default("minor").describe("Milder incidents are not told of."),
  events: z.array(kind).min(1).default(usual).describe("What it is told of."),
  timeout: duration.default(10_000).describe("Of one try."),
  ignoreLabels: z.array(z.string().min(1)).default([]).describe("Incidents with one of these are not told of."),
});

const receiver = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("webhook").describe("POST of the notification as JSON, with an Idempotency-Key."),
    ...common(ALL),
    url: httpUrl,
    tokenEnv: envName.optional().describe("Sent as a bearer token."),
    secretEnv: envName.optional().describe("Signs each POST as Standard Webhooks has it (HMAC-SHA256)."),
  }),
  z.strictObject({
    kind: z.literal("slack").describe("An incoming webhook of Slack, Mattermost or another that takes {text}."),
    ...common(CALLS),
    urlEnv: envName.describe("The webhook's address, which is a secret."),
  }),
  z.strictObject({
    kind: z.literal("pagerduty").describe("PagerDuty's Events API v2."),
    ...common([...CALLS, "acknowledged"]),
    routingKeyEnv: envName,
    url: httpUrl.default("https://events.pagerduty.com/v2/enqueue"),
  }),
  z.strictObject({
    kind: z.literal("alertmanager").describe("Prometheus Alertmanager's API v2."),
    ...common(CALLS),
    url: httpUrl.describe("Base address; /api/v2/alerts is added."),
    tokenEnv: envName.optional(),
    labels: z.record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/), z.string()).default({}),
  }),
  z.strictObject({
    kind: z.literal("email").describe("Mail by SMTP."),
    ...common(CALLS),
    host: z.string().min(1),
    port: z.number().int().min(1).max(65535).default(587),
    tls: z
      .enum(["always", "starttls", "never"])
      .default("starttls")
      .describe("always: from the first byte (port 465); starttls: refused where the server lacks it."),
    userEnv: envName.optional(),
    passwordEnv: envName.optional(),
    from: z.email(),
    to: z.array(z.email()).min(1).max(50),
  }),
  z.strictObject({
    kind: z.literal("file").describe("Adds a line of JSON to a file."),
    ...common(ALL),
    path: z.string().min(1),
  }),
]);
export type ReceiverConfig = z.output<typeof receiver>;
export type ReceiverOf<K extends ReceiverConfig["kind"]> = Extract<ReceiverConfig, { kind: K }>;
export const receiverName = (r: Pick<ReceiverConfig, "kind" | "name">): string => r.name ?? r.kind;

export const notifySchema = z
  .strictObject({
    receivers: z
      .array(receiver)
      .max(50)
      .default([])
      .refine((list) => new Set(list.map(receiverName)).size === list.length, "two receivers have the same name"),
    publicUrl: httpUrl.optional().describe("Where people reach this pipeline's pages; links begin with it."),
    giveUp: duration.default(21_600_000).describe("What is older than this is not sent any more, but a dead letter."),
    attempts: z.number().int().positive().default(100).describe("Tries of one notification, then it is a dead letter."),
    backlog: z
      .number()
      .int()
      .positive()
      .default(1000)
      .describe("Waiting notifications of one receiver; the oldest go."),
    longestWait: duration.default(300_000).describe("Between two tries."),
  })
  .prefault({})
  .describe("Who is told of incidents.");
