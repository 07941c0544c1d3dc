/** What recovery may act on, and how: the part of the config's schema under `recover.targets`. */
import { z } from "zod";
import { duration } from "./duration.ts";

const path = z
  .string()
  .startsWith("/", "give an absolute path")
  .refine((p) => !p.includes("\0"), "a NUL in a path");
/** Paths that reach a setting of another program, which reads quotes and percent signs its own way. */
const plainPath = path.regex(
  /^[A-Za-z0-9._/+-]+$/,
  "letters, digits and . _ / + - only: PostgreSQL's own shell sees it",
);
const argument = z.string().refine((a) => !a.includes("\0"), "a NUL in an argument");
/** Never a shell: each element arrives as it is. */
const argv = z.array(argument).min(1).max(256).describe("An argument array, run without a shell.");
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable");

const healthCheck = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("http").describe("Any 2xx is healthy."),
    url: z.url({ protocol: /^https?$/ }),
    timeout: duration.default(2000),
  }),
  z.strictObject({
    kind: z.literal("tcp").describe("It has to say something: a stopped process accepts connections too."),
    host: z.string().default("127.0.0.1"),
    port: z.number().int().min(1).max(65535),
    timeout: duration.default(2000),
  }),
  z.strictObject({
    kind: z.literal("command").describe("Exit code 0 is healthy."),
    command: argv,
    timeout: duration.default(5000),
  }),
]);
export type HealthCheck = z.output<typeof healthCheck>;

const supervisor = z.strictObject({ kind: z.literal("supervisor").describe("Through recover.supervisor.") });

const systemd = z.strictObject({
  kind: z.literal("systemd").describe("A unit, through systemctl."),
  unit: z.string().regex(/^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*\.service$/, "the full name of a service unit"),
  scope: z.enum(["system", "user"]).default("system"),
  health: healthCheck.optional(),
  start: duration.default(30_000).describe("How long it may take to become healthy."),
});

const supervisord = z
  .strictObject({
    kind: z.literal("supervisord").describe("A program of supervisord, over XML-RPC."),
    program: z.string().min(1).describe("Its name, or group:name."),
    socket: path.optional().describe("Of unix_http_server; or else host and port of inet_http_server."),
    host: z.string().min(1).default("127.0.0.1"),
    port: z.number().int().min(1).max(65535).optional(),
    user: z
      .string()
      .regex(/^[^:]*$/, "no colon")
      .optional(),
    passwordEnv: envName.optional(),
    health: healthCheck.optional(),
    start: duration.default(30_000).describe("How long it may take to become healthy."),
  })
  .refine((t) => (t.socket === undefined) !== (t.port === undefined), "give `socket` or `port`, one of them");

const child = z.strictObject({
  kind: z.literal("child").describe("A process that we start ourselves (Linux)."),
  command: argv,
  cwd: path.default("/"),
  env: z.record(envName, z.string()).default({}),
  output: path.optional().describe("File that its output is added to."),
  health: healthCheck.optional(),
  term: duration.default(10_000).describe("From TERM to KILL."),
  start: duration.default(30_000).describe("How long it may take to become healthy."),
});

const files = z.strictObject({
  kind: z.literal("files").describe("A folder that is reached by a symbolic link."),
  link: path,
  snapshots: path.describe("Folder of snapshots, each a folder with its manifest beside it."),
  health: healthCheck.optional().describe("Without it: equal to one of the snapshots."),
  reload: argv.optional().describe("Run after each switch."),
  maxFiles: z.number().int().positive().default(1_000_000),
});

const release = z.strictObject({
  kind: z.literal("release").describe("Releases or configurations, the one in use reached by a symbolic link."),
  link: path,
  releases: path.describe("Folder with one folder a release."),
  repository: path.optional().describe("Git repository: releases are its tags, and laid out from there when needed."),
  tags: z.string().default("verified/*").describe("Pattern of the tags that mark a verified release."),
  reload: argv.optional().describe("Run after each switch."),
  health: healthCheck.optional(),
  start: duration.default(30_000).describe("How long it may take to become healthy after a switch."),
});

const connection = {
  bin: path.default("/usr/lib/postgresql/15/bin").describe("Folder of psql, pg_ctl, pg_verifybackup."),
  host: path.default("/var/run/postgresql").describe("Folder of the server's socket."),
  port: z.number().int().min(1).max(65535).default(5432),
  database: z.string().min(1).default("postgres"),
  user: z.string().min(1).default("postgres"),
  passwordEnv: envName.optional(),
  checks: z
    .array(z.strictObject({ sql: z.string().min(1), expect: z.string().default("t") }))
    .default([])
    .describe("Each must give exactly this; asked of a restored database before it is switched to."),
  acknowledged: z
    .strictObject({
      log: path.describe("JSON lines {id, timeMs}: writes that clients were told are done. Kept elsewhere."),
      query: z.string().min(1).describe("SQL that gives the ids that are there, one a row."),
      maxLost: z
        .number()
        .int()
        .nonnegative()
        .optional()
        .describe("Acknowledged before the recovery target and yet missing: with more of them nothing is switched."),
    })
    .optional(),
};

const postgres = z.strictObject({
  kind: z.literal("postgres").describe("A PostgreSQL server with base backups and an archive of its WAL."),
  ...connection,
  data: plainPath.describe("Symbolic link to the data directory; postgresql.conf lies in there."),
  backups: plainPath.describe("Folder of base backups (pg_basebackup, plain format)."),
  archive: plainPath.describe("Where archive_command puts WAL."),
  start: argv.optional().describe("Starts the server; by default pg_ctl."),
  stop: argv.optional().describe("Stops the server; by default pg_ctl."),
  margin: duration.optional().describe("How long before the fault's onset to recover to."),
  timeout: duration.default(1_800_000).describe("How long a recovery may take."),
});

const postgresReplica = z.strictObject({
  kind: z.literal("postgres-replica").describe("A standby that can take over from its primary."),
  ...connection,
  primary: z
    .strictObject({ host: z.string().min(1), port: z.number().int().min(1).max(65535).default(5432) })
    .describe("Asked before: a primary that answers is never taken over from."),
  fence: argv.optional().describe("Makes sure that the primary stays off; must exit with 0."),
});

const machine = {
  console: path.optional().describe("File of the serial console, where the guest's heartbeat shows."),
  heartbeat: z.string().min(1).default("heartbeat").describe("Text in a line of the console that shows life."),
  silent: duration.default(15_000).describe("No heartbeat for this long: the guest hangs."),
  keep: z.number().int().positive().default(4).describe("Checkpoints that are kept."),
  checkpoint: duration.optional().describe("Take one this often, while it is healthy."),
  start: duration.default(60_000).describe("How long a start from the definition may take until it is healthy."),
};

const qemu = z.strictObject({
  kind: z.literal("qemu").describe("A virtual machine, over its QMP socket."),
  socket: path,
  create: argv.optional().describe("Its definition: starts the machine (-daemonize) when it is gone."),
  disk: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_.-]*$/)
    .describe("Node name of the qcow2 disk that keeps snapshots."),
  ...machine,
});

const libvirt = z.strictObject({
  kind: z.literal("libvirt").describe("A virtual machine that libvirt runs, through virsh."),
  uri: z
    .string()
    .regex(/^[a-z][a-z0-9+]*:\/\/[^\s\0]*$/, "a connection address of libvirt")
    .default("qemu:///system"),
  domain: z
    .string()
    .min(1)
    .refine((n) => !/[\0\n/]/.test(n), "the name of a domain"),
  definition: path.optional().describe("Its XML: what it is made from when it is gone."),
  virsh: path.default("/usr/bin/virsh"),
  ...machine,
});

/** RFC 1123, as the API server has it. */
const kubernetesName = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?";
const kubernetes = z.strictObject({
  kind: z.literal("kubernetes").describe("A workload or a node of a Kubernetes cluster."),
  kubeconfig: path.optional().describe("By default as kubectl finds it, or the pod's own account."),
  context: z.string().min(1).optional(),
  namespace: z
    .string()
    .regex(new RegExp(`^${kubernetesName}$`))
    .default("default"),
  workload: z
    .string()
    .regex(
      new RegExp(`^(deployment|statefulset|daemonset|node)/${kubernetesName}$`),
      "such as deployment/shop or node/a",
    ),
  rollbackTo: z
    .enum(["verified", "previous"])
    .default("verified")
    .describe("verified: only to a revision that `faultwright recover snapshot` marked."),
  replicas: z
    .strictObject({ step: z.number().int().positive().default(1), max: z.number().int().positive() })
    .optional()
    .describe("Allows to scale, by `step` up to `max`."),
  start: duration.default(120_000).describe("How long a rollout may take."),
});

const reportedLoss = {
  effect: z.string().min(1).describe("What it does, for whoever approves."),
  loss: z.string().default("unknown").describe("What it may lose, for whoever approves."),
  risk: z.enum(["low", "medium", "high"]).default("high"),
  timeout: duration.default(60_000),
};
const actionName = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, "lower-case letters, digits and dashes");

const command = z.strictObject({
  kind: z.literal("command").describe("Argument arrays of your own."),
  actions: z.record(
    actionName,
    z.strictObject({ ...reportedLoss, run: argv, rehearse: argv.optional(), undo: argv.optional() }),
  ),
  health: healthCheck,
  version: argv.describe("Its output tells one state of the target from another: nothing is done if it changed."),
});

const hook = z.url({ protocol: /^https?$/ });
const webhook = z.strictObject({
  kind: z.literal("webhook").describe("POST to addresses of your own."),
  actions: z.record(actionName, z.strictObject({ ...reportedLoss, url: hook, undo: hook.optional() })),
  tokenEnv: envName.optional().describe("Variable with a bearer token."),
  health: healthCheck,
  version: hook.describe("GET; the answer tells one state of the target from another."),
});

export const targetUse = z.discriminatedUnion("kind", [
  supervisor,
  systemd,
  supervisord,
  child,
  files,
  release,
  postgres,
  postgresReplica,
  qemu,
  libvirt,
  kubernetes,
  command,
  webhook,
]);
export type TargetUse = z.output<typeof targetUse>;
/** Options of the targets of one kind. */
export type UseOf<K extends TargetUse["kind"]> = Extract<TargetUse, { kind: K }>;

export const recoveryTarget = z.strictObject({
  name: z.string().min(1).describe("As the supervisor calls it."),
  entity: z.string().optional().describe("As diagnoses call it, where that differs."),
  replicasOf: z.string().optional().describe("Targets with the same value are copies: one healthy copy must remain."),
  use: targetUse.default({ kind: "supervisor" }).describe("What it is, and so which actions it has."),
});

export const policyRule = z
  .strictObject({
    kind: z.string().optional().describe("Kind of the suspect; * stands for anything."),
    name: z.string().optional().describe("Name of the suspect; * stands for anything."),
    evidence: z.string().optional().describe("A ranker that must speak for the suspect; * stands for anything."),
    change: z
      .strictObject({ kind: z.enum(["deploy", "restart", "config", "scale"]), within: duration })
      .optional()
      .describe("A change of the suspect within this time before the onset."),
    series: z.string().optional().describe("A series that is out of the ordinary; * stands for anything."),
    log: z.string().optional().describe("Template of a log line that came with the fault; * stands for anything."),
    label: z.string().optional().describe("A label of the incident; * stands for anything."),
    severity: z
      .array(z.enum(["critical", "major", "minor"]))
      .min(1)
      .optional(),
    confidence: z.number().min(0).max(1).optional().describe("Least confidence of the diagnosis."),
    action: z.string().min(1).describe("Kind of action; `none` leaves it to people."),
  })
  .transform(({ change, ...rest }) => ({
    ...rest,
    ...(change === undefined ? {} : { change: { kind: change.kind, withinMs: change.within } }),
  }));
