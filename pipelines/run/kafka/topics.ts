/** The topics of one pipeline on a cluster, and how they are set up. */
import { TOPICS, type Topic } from "../../core/records.ts";
import type { TopicSpec } from "../../runtime/kafka/kafkajs/topics.ts";

export interface Names {
  /** What comes over OTLP/HTTP, as it came. */
  readonly intake: string;
  /** What `route` has sorted by entity. */
  readonly signals: string;
  /** Features to incidents. */
  readonly messages: string;
  /** Incidents to act. */
  readonly decisions: string;
  /** What the actors of all workers did, in one order. */
  readonly audit: string;
  /** Which versions of models score from here on: one partition a features task. */
  readonly models: string;
  output(topic: Topic): string;
  /** Compacted state of a stage. */
  state(stage: string): string;
  /** Consumer group of a stage; its transactional ids begin with it. */
  group(stage: string): string;
}

export const OUTPUTS = TOPICS;

export const namesOf = (prefix: string): Names => ({
  intake: `${prefix}.intake`,
  signals: `${prefix}.signals`,
  messages: `${prefix}.messages`,
  decisions: `${prefix}.decisions`,
  audit: `${prefix}.audit`,
  models: `${prefix}.models`,
  output: (topic) => `${prefix}.${topic}`,
  state: (stage) => `${prefix}.${stage}-state`,
  group: (stage) => `${prefix}.${stage}`,
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface Counts {
  /** Partitions of the inputs, where `route` reads them. */
  readonly route: number;
  /** Tasks of the features stage. Correlation and repair look at the whole system: one task each. */
  readonly features: number;
  readonly replication: number;
}

export function topicSpecs(names: Names, { route, features: tasks, replication }: Counts): TopicSpec[] {
  const spec = (name: string, partitions: number, config: Record<string, string>): TopicSpec => ({
    name,
    partitions,
    replication,
    config,
  });
  const kept = (ms: number) => ({ "cleanup.policy": "delete", "retention.ms": String(ms) });
  // Small segments and an eager cleaner: a restart reads all that the cleaner has not been through.
  const state = {
    "cleanup.policy": "compact",
    "segment.bytes": String(64 * 1024 * 1024),
    "segment.ms": String(HOUR_MS / 4),
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": String(HOUR_MS),
  };
  const latest = { "cleanup.policy": "compact", "min.compaction.lag.ms": String(7 * DAY_MS) };
  return [
    spec(names.intake, route, kept(2 * DAY_MS)),
    spec(names.signals, tasks, kept(2 * DAY_MS)),
    spec(names.messages, 1, kept(DAY_MS)),
    spec(names.decisions, 1, kept(DAY_MS)),
    spec(names.models, tasks, kept(30 * DAY_MS)),
    spec(names.output("anomalies"), tasks, kept(30 * DAY_MS)),
    spec(names.output("dead-letters"), tasks, kept(14 * DAY_MS)),
    spec(names.output("scores"), tasks, kept(30 * DAY_MS)),
    spec(names.output("incidents"), 1, latest),
    spec(names.output("actions"), 1, latest),
    // One partition: its order says who was first.
    spec(names.audit, 1, kept(-1)),
    spec(names.output("notifications"), 1, latest),
    spec(names.output("deliveries"), 1, latest),
    spec(names.output("silences"), 1, latest),
    spec(names.output("suppressions"), 1, latest),
    spec(names.state("route"), route, state),
    spec(names.state("features"), tasks, state),
    spec(names.state("incidents"), 1, state),
    spec(names.state("act"), 1, state),
  ];
}
