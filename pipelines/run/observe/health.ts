/** Whether the process should be restarted (`/healthz`) and whether it does its work now (`/readyz`). */
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import type { GroupEvent, TaskStatus } from "../../runtime/kafka/group.ts";

/** What speaks against it; empty when all is well. */
export interface Health {
  alive(): readonly string[];
  ready(): readonly string[];
  /** What is not as it should be, but no reason for either. */
  notes?(): readonly string[];
}

type Limits = Pick<Config, "ready" | "health">;
const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;

export interface EmbeddedHealth extends Health {
  /** The loop goes on. A plain store of a number: called for each record. */
  turned(nowMs: number): void;
  restored(): void;
  failed(error: unknown): void;
}

/** One loop reads and commits: a disk that hangs stops it while the process still answers. */
export function embeddedHealth(options: {
  readonly config: Limits;
  readonly clock: Clock;
  /** Unread journal, bytes. */
  readonly lagBytes: () => number;
}): EmbeddedHealth {
  const { config, clock, lagBytes } = options;
  let turnedMs = clock.nowMs();
  let restored = false;
  let failure: string | undefined;
  const alive = () => {
    if (failure !== undefined) return [`the loop has ended: ${failure}`];
    const stillMs = clock.nowMs() - turnedMs;
    return restored && stillMs > config.health.stuck ? [`the loop has not turned for ${seconds(stillMs)}`] : [];
  };
  return {
    turned: (nowMs) => {
      turnedMs = nowMs;
    },
    restored: () => {
      restored = true;
      turnedMs = clock.nowMs();
    },
    failed: (error) => {
      failure = (error as Error).message;
    },
    alive,
    ready() {
      if (!restored) return ["the state is being restored"];
      const lag = lagBytes();
      const behind = lag > config.ready.maxLagBytes ? [`${lag} bytes of the journal wait to be read`] : [];
      return [...alive(), ...behind];
    },
  };
}

interface StageHealth {
  assigned: boolean;
  away: string | undefined;
  failed: string | undefined;
  /** By task: how far restoring has come; when it last committed or was given back. */
  readonly restoring: Map<number, string>;
  readonly movedMs: Map<number, number>;
  readonly waitsSinceMs: Map<number, number>;
}

export interface KafkaHealth extends Health {
  onEvent(stage: string, event: GroupEvent): void;
  /** The groups, once they have begun. */
  follow(groups: ReadonlyMap<string, { status(): TaskStatus[] }>): void;
}

/** Tasks of stages: some may be other processes', but those that are ours have to get on. */
export function kafkaHealth(options: {
  readonly config: Limits;
  readonly clock: Clock;
  readonly stages: readonly string[];
}): KafkaHealth {
  const { config, clock } = options;
  const stages = new Map<string, StageHealth>();
  let groups: ReadonlyMap<string, { status(): TaskStatus[] }> = new Map();
  const of = (stage: string): StageHealth => {
    const known = stages.get(stage) ?? {
      assigned: false,
      away: undefined,
      failed: undefined,
      restoring: new Map(),
      movedMs: new Map(),
      waitsSinceMs: new Map(),
    };
    stages.set(stage, known);
    return known;
  };
  for (const s of options.stages) of(s);
  const alive = () => {
    const out: string[] = [];
    for (const [stage, h] of stages) {
      if (h.failed !== undefined) out.push(`${stage} can't go on: ${h.failed}`);
      for (const { task, ready, lag } of groups.get(stage)?.status() ?? []) {
        // Since the first look at which something waited: before that there was nothing to commit.
        if (lag === 0 || !ready) h.waitsSinceMs.delete(task);
        else if (!h.waitsSinceMs.has(task)) h.waitsSinceMs.set(task, clock.nowMs());
        const stillMs = clock.nowMs() - Math.max(h.waitsSinceMs.get(task) ?? clock.nowMs(), h.movedMs.get(task) ?? 0);
        // While brokers are away a restart would mend nothing.
        if (ready && lag > 0 && h.away === undefined && stillMs > config.health.stuck)
          out.push(`${stage}/${task} has ${lag} records waiting and has committed nothing for ${seconds(stillMs)}`);
      }
    }
    return out;
  };
  return {
    follow(running) {
      groups = running;
      for (const stage of stages.keys()) if (!running.has(stage)) stages.delete(stage);
    },
    onEvent(stage, event) {
      const h = of(stage);
      switch (event.kind) {
        case "assigned":
          h.assigned = true;
          h.away = undefined;
          return;
        case "away":
          h.away = event.error.message;
          return;
        case "failed":
          h.failed = event.error.message;
          return;
        case "lost":
          h.restoring.delete(event.task);
          h.movedMs.delete(event.task);
          h.waitsSinceMs.delete(event.task);
          return;
        case "restoring":
          h.restoring.set(event.task, `${event.records} of ${event.ofRecords} records`);
          return;
        case "retrying":
          h.restoring.set(event.task, `trying again: ${event.error.message}`);
          return;
        default:
          h.restoring.delete(event.task);
          h.movedMs.set(event.task, clock.nowMs());
      }
    },
    alive,
    ready() {
      const out = [...alive()];
      for (const [stage, h] of stages) {
        if (h.away !== undefined) out.push(`${stage}: brokers are away: ${h.away}`);
        if (!h.assigned) out.push(`${stage} has not joined its group yet`);
        for (const { task, ready, lag } of groups.get(stage)?.status() ?? [])
          if (!ready) out.push(`${stage}/${task} is being restored, ${h.restoring.get(task) ?? "at its beginning"}`);
          else if (lag > config.ready.maxLag) out.push(`${stage}/${task} has ${lag} records waiting`);
      }
      return out;
    },
  };
}
