/** The stages as Kafka tasks: records in, records out. */
import type { Config } from "../../core/config.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Outbox, Stage } from "../../core/stage.ts";
import type { Produced, TaskRecord, TaskStage } from "../../runtime/kafka/task.ts";
import { assemble } from "../assemble.ts";
import { cloudEvent } from "./cloud-event.ts";
import { mergeOrigins } from "./merge.ts";
import { HEADERS, shareFrom } from "./route.ts";
import type { Names } from "./topics.ts";
import { fromRecord, toRecords } from "./wire.ts";

/** What a topic's records are; `undefined` where each record says it itself. */
export interface Input {
  readonly topic: string;
  readonly format: string | undefined;
}

/** Outputs go to the partition of the task, so that they lie in the order in which they were found. */
function outbox(config: Config, names: Names, partition: number, next: string | undefined, origin: string) {
  const { system, runtime } = config;
  const mode = runtime.kind === "kafka" ? runtime.events : "binary";
  let produce: (record: Produced) => void = () => {};
  const out: Outbox = {
    emit: (topic, key, record) =>
      produce({ topic: names.output(topic), partition, ...cloudEvent({ topic, key, record }, { system, mode }) }),
    send: (message) => {
      if (next === undefined || (message.type === "control" && message.control.kind === "tick")) return;
      for (const record of toRecords(message, { topic: next, partition: 0, origin })) produce(record);
    },
  };
  return {
    out,
    to: (p: (record: Produced) => void) => {
      produce = p;
    },
  };
}

interface Origin {
  readonly source: string;
  readonly format: string | undefined;
}

/** A record that comes straight from its topic. There may be one for each point: what is seldom asked for is made then. */
class Direct implements RawRecord {
  readonly #record: TaskRecord;
  readonly source: string;
  readonly format: string;
  readonly ingestTimeMs: number;
  readonly value: Uint8Array;

  constructor(record: TaskRecord, { source, format }: Origin) {
    this.#record = record;
    this.source = source;
    this.format = format ?? record.headers[HEADERS.format] ?? "";
    this.ingestTimeMs = record.timestampMs;
    this.value = record.value;
  }
  get position(): string {
    return String(this.#record.offset + 1n);
  }
}

/**
 * `origins` that the watermark waits for: topic and partition. Those of routed records stand in their headers.
 */
export function featuresTask(
  config: Config,
  names: Names,
  inputs: readonly Input[],
  origins: readonly string[],
  partition: number,
) {
  const stage = assemble(config).features;
  const { out, to } = outbox(config, names, partition, names.messages, `features/${partition}`);
  const formats = new Map(inputs.map((i) => [i.topic, i.format]));
  formats.set(names.models, "control");
  const topics = new Map<string, Origin>();
  const own = (topic: string): Origin => {
    let known = topics.get(topic);
    if (!known) {
      known = { source: `${topic}/${partition}`, format: formats.get(topic) };
      topics.set(topic, known);
    }
    return known;
  };
  const routed = ({ topic, headers, offset, timestampMs, value }: TaskRecord, source: string): RawRecord => {
    const share = shareFrom(headers[HEADERS.share]);
    return {
      source,
      position: headers[HEADERS.position] ?? String(offset + 1n),
      ingestTimeMs: timestampMs,
      format: formats.get(topic) ?? headers[HEADERS.format] ?? "",
      value,
      ...(share ? { share } : {}),
      part: partition,
    };
  };
  for (const origin of origins) stage.join(origin);
  return {
    name: stage.name,
    version: stage.version,
    inner: stage,
    prepare: (record: TaskRecord) =>
      record.topic === names.models ? stage.prepare(new Direct(record, own(record.topic))) : undefined,
    prepareRestore: (chunks: ReadonlyMap<string, Uint8Array>) => stage.prepareRestore(chunks),
    process(record: TaskRecord, produce: (p: Produced) => void) {
      to(produce);
      if (record.value.length === 0) return; // a tombstone says nothing
      const origin = record.headers[HEADERS.origin];
      stage.process(origin === undefined ? new Direct(record, own(record.topic)) : routed(record, origin), out);
    },
    tick(topic: string, deltaMs: number, produce: (p: Produced) => void) {
      to(produce);
      stage.pass(`${topic}/${partition}`, deltaMs, out);
    },
    snapshot: (put, full) => stage.snapshot(put, full),
    restore: (chunks) => stage.restore(chunks),
  } satisfies TaskStage & { inner: unknown };
}

/** `tasks`: how many features tasks send to it. */
export function incidentsTask(config: Config, names: Names, tasks: number, partition: number) {
  const origins = Array.from({ length: tasks }, (_, p) => `features/${p}`);
  const inner = assemble(config).incidents;
  const stage = mergeOrigins(inner, origins);
  const { out, to } = outbox(config, names, partition, names.decisions, `incidents/${partition}`);
  return { ...taskOf(stage, (record) => stage.process(record, out), to), inner };
}

export function actTask(config: Config, names: Names, partition: number): TaskStage {
  const stage = assemble(config).act;
  const { out, to } = outbox(config, names, partition, undefined, `act/${partition}`);
  return taskOf(stage, (record) => stage.process(fromRecord(record).message, out), to);
}

function taskOf(
  stage: Pick<Stage<never>, "name" | "version" | "snapshot" | "restore">,
  process: (record: TaskRecord) => void,
  to: (produce: (p: Produced) => void) => void,
): TaskStage {
  return {
    name: stage.name,
    version: stage.version,
    process(record, produce) {
      to(produce);
      process(record);
    },
    snapshot: (put, full) => stage.snapshot(put, full),
    restore: (chunks) => stage.restore(chunks),
  };
}
