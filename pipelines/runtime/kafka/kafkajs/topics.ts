/** Topics as a job needs them: made where they are missing, compared where they exist, altered never. */
import kafkajs, { type Admin } from "kafkajs";
import { PipelineError } from "../../../core/errors.ts";
import { brokerErrorOf, failed } from "./client.ts";

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  /** As Kafka calls them: `cleanup.policy`, `retention.ms`, `min.insync.replicas`, ... */
  readonly config: Readonly<Record<string, string>>;
}

/** More of these is no harm; -1 is without limit. Others than these and `cleanup.policy` are the operator's to tune. */
const AT_LEAST = ["retention.ms", "retention.bytes", "delete.retention.ms", "min.insync.replicas", "max.message.bytes"];

/**
 * Resolves to the names of the topics that were made. Safe to call from several processes at once. Topics that exist
 * have to have the stated partitions and `cleanup.policy`, and no less of replication, retention, in-sync replicas and
 * message size than stated.
 * @throws PipelineError KAFKA_TOPIC_MISMATCH listing all differences of all topics and how to mend each, before
 * anything is made
 */
export async function ensureTopics(admin: Admin, specs: readonly TopicSpec[], where = "kafka"): Promise<string[]> {
  try {
    const existing = new Set(await admin.listTopics());
    const missing = specs.filter((s) => !existing.has(s.name));
    await compare(
      admin,
      specs.filter((s) => existing.has(s.name)),
      where,
    );
    if (missing.length > 0 && !(await create(admin, missing, where))) await compare(admin, missing, where);
    return missing.map((s) => s.name);
  } catch (error) {
    throw failed(where, error);
  }
}

/** false where another process was faster. */
async function create(admin: Admin, specs: readonly TopicSpec[], where: string): Promise<boolean> {
  const alive = (await admin.describeCluster()).brokers.length;
  const tooMany = specs.filter((s) => s.replication > alive);
  if (tooMany.length > 0)
    throw new PipelineError("KAFKA_FAILED", where, {
      detail: `${tooMany.map((s) => `${s.name} wants ${s.replication} copies`).join(", ")}, and ${alive} brokers are up`,
      hint: "start the others, or state a lower replication",
      retriable: true,
    });
  const topics = specs.map(({ name, partitions, replication, config }) => ({
    topic: name,
    numPartitions: partitions,
    replicationFactor: replication,
    configEntries: Object.entries(config).map(([n, value]) => ({ name: n, value })),
  }));
  try {
    return await admin.createTopics({ topics });
  } catch (error) {
    const errors: unknown[] = (error as { errors?: unknown[] }).errors ?? [error];
    const other = errors.find((e) => brokerErrorOf(e) !== "TOPIC_ALREADY_EXISTS");
    if (other !== undefined) throw error;
    return false;
  }
}

async function compare(admin: Admin, specs: readonly TopicSpec[], where: string): Promise<void> {
  if (specs.length === 0) return;
  const names = specs.map((s) => s.name);
  const [{ topics }, { resources }] = await Promise.all([
    admin.fetchTopicMetadata({ topics: names }),
    admin.describeConfigs({
      includeSynonyms: false,
      resources: specs.map((s) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: s.name,
        configNames: Object.keys(s.config),
      })),
    }),
  ]);
  const faults = specs.flatMap((spec) => {
    const partitions = topics.find((t) => t.name === spec.name)?.partitions ?? [];
    const entries = resources.find((r) => r.resourceName === spec.name)?.configEntries ?? [];
    const copies = Math.min(...partitions.map((p) => p.replicas.length));
    const found = Object.fromEntries(entries.map((e) => [e.configName, e.configValue]));
    return differences(spec, partitions.length, copies, found).map((text) => `${spec.name}: ${text}`);
  });
  if (faults.length === 0) return;
  throw new PipelineError("KAFKA_TOPIC_MISMATCH", where, {
    detail: `${faults.length} differences\n  ${faults.join("\n  ")}\n`,
    hint: "mend them with Kafka's own tools, or delete a topic that holds nothing of worth: it is made anew",
  });
}

/** What is wrong and the command that mends it, each. */
function differences(
  spec: TopicSpec,
  partitions: number,
  copies: number,
  found: Readonly<Record<string, string | undefined>>,
): string[] {
  const out: string[] = [];
  const alter = (name: string, value: string) =>
    `kafka-configs.sh --alter --entity-type topics --entity-name ${spec.name} --add-config ${name}=${value.includes(",") ? `[${value}]` : value}`;
  if (partitions !== spec.partitions)
    out.push(
      `${partitions} partitions, ${spec.partitions} are stated: state ${partitions}, or make the topic anew (more partitions would send known keys elsewhere)`,
    );
  if (copies < spec.replication)
    out.push(`${copies} copies, ${spec.replication} are stated: kafka-reassign-partitions.sh adds some`);
  for (const [name, stated] of Object.entries(spec.config)) {
    const actual = found[name];
    if (actual === undefined) continue;
    const fine = name === "cleanup.policy" ? samePolicy(actual, stated) : !isLess(name, actual, stated);
    if (!fine) out.push(`${name}=${actual}, ${stated} is stated: ${alter(name, stated)}`);
  }
  return out;
}

const samePolicy = (a: string, b: string) => partsOf(a) === partsOf(b);
const partsOf = (policy: string) =>
  policy
    .split(",")
    .map((p) => p.trim())
    .sort()
    .join();

function isLess(name: string, actual: string, stated: string): boolean {
  if (!AT_LEAST.includes(name)) return false;
  const amount = (text: string) => (text === "-1" ? Number.POSITIVE_INFINITY : Number(text));
  return amount(actual) < amount(stated);
}
