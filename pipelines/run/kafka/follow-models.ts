/** Each features task of this process is kept on what the registry says, by records in its partition of the topic `models`. */
import type { Logger } from "pino";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import type { ModelSwitch } from "../../core/live-models.ts";
import type { Group } from "../../runtime/kafka/group.ts";
import type { TaskStage } from "../../runtime/kafka/task.ts";
import type { Transport } from "../../runtime/kafka/transport.ts";
import { type FollowedModels, fallbackLog } from "../models/follow.ts";
import { registryLibrary } from "../models/library.ts";
import { registryDir, registryStages } from "../models/registry-stages.ts";
import { componentLog } from "../observe/log.ts";

export interface FollowOnKafkaOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the features stage. */
  readonly group: Pick<Group, "status">;
  readonly transport: Pick<Transport, "produce">;
  readonly topic: string;
}

/**
 * Whoever runs a task looks after it. What was told is in the task once it has read it; until then it is remembered here,
 * and forgotten when the task comes anew: told twice, a switch changes nothing the second time.
 */
export function followOnKafka(options: FollowOnKafkaOptions): () => Promise<void> {
  const { config, clock, group, transport, topic } = options;
  const log = componentLog(options.log, "models");
  const say = fallbackLog(options.log);
  const stages = registryStages(config, registryLibrary(registryDir(config)), () => clock.nowMs());
  let told = new Map<number, { readonly stage: TaskStage; readonly changes: Map<string, ModelSwitch> }>();
  const look = async () => {
    const tasks = group.status().filter((t) => t.ready);
    const next: typeof told = new Map();
    for (const { task, stage } of tasks) {
      const models = (stage as { inner?: { models?: FollowedModels } } | undefined)?.inner?.models;
      if (!models || !stage) continue;
      const before = told.get(task);
      const own = before?.stage === stage ? before : { stage, changes: new Map<string, ModelSwitch>() };
      next.set(task, own);
      const decided = new Map([...models.decided].map(([name, d]) => [name, own.changes.get(name) ?? d] as const));
      for (const change of await stages.changes(decided)) {
        await transport.produce(topic, [{ partition: task, value: Buffer.from(JSON.stringify(change)) }]);
        own.changes.set(change.name, change);
        const { name, live, shadow, why } = change;
        log.info({ task, model: name, live: live?.version ?? null, shadow: shadow?.version ?? null, why }, "switch");
      }
    }
    told = next;
    say(
      tasks.flatMap(({ stage }) => [
        ...((stage as { inner?: { models?: FollowedModels } } | undefined)?.inner?.models?.status() ?? []),
      ]),
    );
  };
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let waits = false;
  const timer = setInterval(() => {
    if (waits) return;
    waits = true;
    running = running.then(async () => {
      waits = false;
      if (!stopped) await look().catch((error) => log.warn({ err: error }, "models not looked after, trying again"));
    });
  }, config.detect.models.poll);
  timer.unref();
  return async () => {
    stopped = true;
    clearInterval(timer);
    await running;
  };
}
