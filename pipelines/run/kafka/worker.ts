/** One process of a pipeline on Kafka: its share of the tasks of each stage. */
import type { Logger } from "pino";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { PipelineError } from "../../core/errors.ts";
import { redactor } from "../../core/redact/redactor.ts";
import { SELF_FORMAT } from "../../core/self.ts";
import { DEFAULT_SIGNAL_LIMITS } from "../../core/signals.ts";
import { formatName } from "../../core/topic-config.ts";
import { type Group, type GroupEvent, type GroupOptions, startGroup } from "../../runtime/kafka/group.ts";
import { kafkaClient } from "../../runtime/kafka/kafkajs/client.ts";
import { ensureTopics } from "../../runtime/kafka/kafkajs/topics.ts";
import { kafkajsTransport } from "../../runtime/kafka/kafkajs/transport.ts";
import type { TaskStage } from "../../runtime/kafka/task.ts";
import type { Reader } from "../../runtime/kafka/transport.ts";
import { call } from "../../tolerance/policies.ts";
import { decodersOf } from "../formats.ts";
import { componentLog } from "../observe/log.ts";
import type { Observed } from "../observe/self-metrics.ts";
import { followOnKafka } from "./follow-models.ts";
import { HEADERS, routeTask } from "./route.ts";
import { actTask, featuresTask, type Input, incidentsTask } from "./stages.ts";
import { type Names, namesOf, topicSpecs } from "./topics.ts";

type OnKafka = Extract<Config["runtime"], { kind: "kafka" }>;
type StageName = OnKafka["stages"][number];

export interface WorkerOptions {
  readonly config: Config & { readonly runtime: OnKafka };
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent?: (stage: StageName, event: GroupEvent) => void;
  /** A task begins, or begins anew: what can be looked at of its stage. */
  readonly onStage?: (stage: StageName, task: number, inner: Observed) => void;
}

export interface Worker {
  readonly names: Names;
  readonly groups: ReadonlyMap<StageName, Group>;
  /** Inputs are sorted by entity first, for this many tasks. */
  readonly routed: boolean;
  readonly tasks: number;
  /** Topics that are read. */
  readonly inputs: readonly string[];
  /** Rejects when a group can't go on. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** @throws PipelineError naming what is wrong with brokers, topics or rights */
export async function startWorker({ config, clock, log: parent, onEvent, onStage }: WorkerOptions): Promise<Worker> {
  const { runtime } = config;
  const log = componentLog(parent, "kafka");
  const names = namesOf(runtime.prefix);
  const transport = kafkajsTransport(runtime);
  const inputs: Input[] = runtime.topics.map((t) => ({ topic: t.name, format: formatName(t) }));
  const groups = new Map<StageName, Group>();
  let reader: Promise<Reader> | undefined;
  let plan: Plan;
  let endFollowing: () => Promise<void> = async () => {};
  const stop = async () => {
    await endFollowing();
    // In order of flow: what a stage sends on its way out, the next may still take in.
    for (const group of groups.values()) await group.stop();
    await transport.close();
  };
  try {
    const intake = runtime.intake ?? config.sources.length > 0;
    plan = await planOf(transport, inputs, runtime, intake);
    const admin = kafkaClient(runtime).admin();
    try {
      const made = await call({ policy: "admin", destination: "topics", code: "KAFKA_UNREACHABLE" }, async () => {
        await admin.connect();
        return ensureTopics(admin, topicSpecs(names, { ...plan, replication: runtime.replication }));
      });
      if (made.length > 0) log.info({ topics: made }, "topics made");
    } finally {
      await admin.disconnect();
    }
    if (intake) inputs.push({ topic: names.intake, format: undefined });
    const origins = inputs.flatMap(({ topic }) =>
      Array.from({ length: plan.sizes.get(topic) ?? plan.route }, (_, p) => `${topic}/${p}`),
    );
    const topics = inputs.map((i) => i.topic);
    const follows = config.detect.models.use.length > 0;
    const signals = [{ topic: names.signals, format: undefined }];
    const read: Record<StageName, readonly string[]> = {
      route: topics,
      features: [...(plan.routed ? [names.signals] : topics), ...(follows ? [names.models] : [])],
      incidents: [names.messages],
      act: [names.decisions],
    };
    const make: Record<StageName, (partition: number) => TaskStage> = {
      route: (partition) =>
        routeTask(
          {
            decoders: decodersOf(config),
            limits: { ...DEFAULT_SIGNAL_LIMITS, maxFutureMs: config.limits.future },
            formats: new Map(inputs.map((i) => [i.topic, i.format])),
            topic: names.signals,
            partitions: plan.features,
            markMs: config.windows.window / 2,
            redact: redactor(config.redact),
          },
          partition,
        ),
      features: (partition) =>
        plan.routed
          ? featuresTask(config, names, signals, origins, partition)
          : featuresTask(
              config,
              names,
              inputs,
              origins.filter((o) => o.endsWith(`/${partition}`)),
              partition,
            ),
      incidents: (partition) => incidentsTask(config, names, plan.features, partition),
      act: (partition) => actTask(config, names, partition),
    };
    /** Time passes in silence where the input is from outside; further on the marks say so. */
    const told: StageName = plan.routed ? "route" : "features";
    const stages = runtime.stages.filter((stage) => stage !== "route" || plan.routed);
    const shared = () => {
      reader ??= transport.reader(stages.flatMap((s) => [...read[s], names.state(s)]));
      reader.catch(() => {
        reader = undefined;
      });
      return reader;
    };
    for (const stage of stages) {
      const options: GroupOptions = {
        transport,
        reader: shared,
        groupId: names.group(stage),
        topics: read[stage],
        changelog: names.state(stage),
        stage: (partition) => {
          const made: TaskStage & { readonly inner?: Observed } = make[stage](partition);
          if (made.inner) onStage?.(stage, partition, made.inner);
          return made;
        },
        clock,
        commitMs: config.commit,
        stateMs: runtime.state,
        tickMs: stage === told ? (config.windows.idle ?? config.windows.window) : 0,
        sessionMs: runtime.session,
        onOffsetLost: runtime.onOffsetLost,
        decisions: new Set([names.models]),
        aside: (record) => record.headers[HEADERS.format] === SELF_FORMAT,
        onEvent: (event) => {
          logEvent(log, stage, event);
          onEvent?.(stage, event);
        },
      };
      groups.set(stage, await startGroup(options));
    }
    const features = groups.get("features");
    if (follows && features)
      endFollowing = followOnKafka({ config, clock, log: parent, group: features, transport, topic: names.models });
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  const failed = Promise.race([...groups.values()].map((g) => g.failed));
  failed.catch(() => {});
  return { names, groups, routed: plan.routed, tasks: plan.features, inputs: inputs.map((i) => i.topic), failed, stop };
}

interface Plan {
  /** Inputs are sorted by entity first. */
  readonly routed: boolean;
  /** Partitions of each input. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly route: number;
  readonly features: number;
}

/** @throws PipelineError CONFIG_INVALID when the topics are said to be keyed and can't be */
async function planOf(
  transport: ReturnType<typeof kafkajsTransport>,
  inputs: readonly Input[],
  runtime: OnKafka,
  intake: boolean,
): Promise<Plan> {
  const sizes = new Map<string, number>();
  for (const { topic } of inputs) sizes.set(topic, (await transport.offsets(topic)).size);
  const most = Math.max(1, ...sizes.values());
  const features = runtime.partitions ?? most;
  const even = [...sizes.values()].every((n) => n === features);
  if (runtime.keyed && !even)
    throw new PipelineError("CONFIG_INVALID", "runtime.keyed", {
      detail: `the topics differ in partitions: ${[...sizes].map(([t, n]) => `${t} has ${n}`).join(", ")}`,
      hint: "partition p of all of them is one task; leave keyed out to have them sorted by entity",
    });
  // One partition holds every entity, whoever wrote it.
  const routed = !(runtime.keyed && !intake) && !(features === 1 && even);
  return { routed, sizes, route: intake ? Math.max(most, features) : most, features };
}

function logEvent(log: Logger, stage: StageName, event: GroupEvent): void {
  switch (event.kind) {
    case "committed":
      return;
    case "restoring":
      return log.debug({ stage, ...event }, "restoring");
    case "gap": {
      const { topic, task, from, to } = event;
      return log.warn(
        { stage, where: `${topic}/${task}@${from}`, to: String(to) },
        "retention has deleted what came next",
      );
    }
    case "retrying":
      return log.warn(
        { stage, task: event.task, during: event.during, code: event.error.code, err: event.error },
        "task failed, trying again",
      );
    case "failed":
      return log.error({ stage, code: event.error.code, err: event.error }, "stage failed");
    case "away":
      return log.warn({ stage, code: event.error.code, err: event.error }, "brokers are away");
    default:
      return log.info({ stage, ...event }, event.kind);
  }
}
