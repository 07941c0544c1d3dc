/** One process of a pipeline on Kafka: its share of the tasks of each stage. */
import type { Kafka } from "kafkajs";
import type { Logger } from "pino";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { PipelineError } from "../../core/errors.ts";
import { decoders } from "../../ingest/decoders/index.ts";
import { compressionOf, kafkaClient } from "../../runtime/kafka/client.ts";
import { type Group, type GroupEvent, type GroupOptions, startGroup } from "../../runtime/kafka/group.ts";
import { kafkajsTransport } from "../../runtime/kafka/kafkajs-transport.ts";
import type { TaskStage } from "../../runtime/kafka/task.ts";
import type { Reader } from "../../runtime/kafka/transport.ts";
import { actTask, featuresTask, type Input, incidentsTask } from "./stages.ts";
import { type Names, namesOf, type Spec, topicSpecs } from "./topics.ts";

type OnKafka = Extract<Config["runtime"], { kind: "kafka" }>;
type StageName = OnKafka["stages"][number];

export interface WorkerOptions {
  readonly config: Config & { readonly runtime: OnKafka };
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent?: (stage: StageName, event: GroupEvent) => void;
}

export interface Worker {
  readonly names: Names;
  readonly groups: ReadonlyMap<StageName, Group>;
  /** Rejects when a group can't go on. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** @throws PipelineError naming what is wrong with brokers, topics or rights */
export async function startWorker({ config, clock, log, onEvent }: WorkerOptions): Promise<Worker> {
  const { runtime } = config;
  const names = namesOf(runtime.prefix);
  const transport = kafkajsTransport(runtime);
  const kafka = kafkaClient(runtime);
  const inputs: Input[] = runtime.topics.map(({ name, format }) => ({ topic: name, format }));
  const groups = new Map<StageName, Group>();
  let reader: Promise<Reader> | undefined;
  const stop = async () => {
    // In order of flow: what a stage sends on its way out, the next may still take in.
    for (const group of groups.values()) await group.stop();
    await transport.close();
  };
  try {
    for (const { topic, format } of inputs)
      if (!Object.hasOwn(decoders, format as string))
        throw new PipelineError("CONFIG_INVALID", `format of topic ${topic}`, {
          detail: `there is no decoder ${format}`,
          hint: `there are ${Object.keys(decoders).join(", ")}`,
        });
    const tasks = await tasksOf(transport, inputs);
    await createTopics(kafka, topicSpecs(names, tasks, runtime.replication));
    if (config.sources.length > 0) inputs.push({ topic: names.intake, format: undefined });
    const read: Record<StageName, readonly string[]> = {
      features: inputs.map((i) => i.topic),
      incidents: [names.messages],
      act: [names.decisions],
    };
    const make: Record<StageName, (partition: number) => TaskStage> = {
      features: (partition) => featuresTask(config, names, inputs, partition),
      incidents: (partition) => incidentsTask(config, names, partition),
      act: (partition) => actTask(config, names, partition),
    };
    const shared = () => {
      reader ??= transport.reader(runtime.stages.flatMap((s) => [...read[s], names.state(s)]));
      reader.catch(() => {
        reader = undefined;
      });
      return reader;
    };
    for (const stage of runtime.stages) {
      const options: GroupOptions = {
        kafka,
        transport,
        reader: shared,
        groupId: names.group(stage),
        topics: read[stage],
        changelog: names.state(stage),
        stage: make[stage],
        clock,
        compression: compressionOf(runtime),
        commitMs: config.commit,
        stateMs: runtime.state,
        tickMs: stage === "features" ? config.windows.window : 0,
        sessionMs: runtime.session,
        onEvent: (event) => {
          logEvent(log, stage, event);
          onEvent?.(stage, event);
        },
      };
      groups.set(stage, await startGroup(options));
    }
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  const failed = Promise.race([...groups.values()].map((g) => g.failed));
  failed.catch(() => {});
  return { names, groups, failed, stop };
}

/** Task p reads partition p of every input, so these must be as many in each. */
async function tasksOf(transport: ReturnType<typeof kafkajsTransport>, inputs: readonly Input[]): Promise<number> {
  const counts = await Promise.all(
    inputs.map(async ({ topic }) => [topic, (await transport.offsets(topic)).size] as const),
  );
  const tasks = Math.max(1, ...counts.map(([, n]) => n));
  if (counts.some(([, n]) => n !== tasks))
    throw new PipelineError("CONFIG_INVALID", "runtime.topics", {
      detail: `the topics differ in partitions: ${counts.map(([t, n]) => `${t} has ${n}`).join(", ")}`,
      hint: "partition p of all of them is one task, so give them one count, and one way to choose the partition of an entity",
    });
  return tasks;
}

async function createTopics(kafka: Kafka, specs: readonly Spec[]): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const known = new Set(await admin.listTopics());
    await admin.createTopics({
      topics: specs
        .filter((s) => !known.has(s.name))
        .map(({ name, partitions, replication, config }) => ({
          topic: name,
          numPartitions: partitions,
          replicationFactor: replication,
          configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
        })),
    });
  } finally {
    await admin.disconnect();
  }
}

function logEvent(log: Logger, stage: StageName, event: GroupEvent): void {
  switch (event.kind) {
    case "committed":
      return;
    case "restoring":
      return log.debug({ stage, ...event }, "restoring");
    case "retrying":
      return log.warn({ stage, task: event.task, err: event.error.message }, "task failed, trying again");
    case "failed":
      return log.error({ stage, err: event.error.message }, "stage failed");
    default:
      return log.info({ stage, ...event }, event.kind);
  }
}
