/** The streaming job on Kafka: this process's share of the stages, and its door to the outputs of all. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { deliveryKey } from "../../core/notifications.ts";
import type { Control } from "../../core/records.ts";
import { kafkajsTransport } from "../../runtime/kafka/kafkajs/transport.ts";
import { openStore } from "../../runtime/store/pglite.ts";
import { persistent } from "../../tolerance/persistent.ts";
import { actingOn } from "../acting.ts";
import { CHECKPOINT_CHECK_MS, everyWhile } from "../every.ts";
import { forgetting } from "../forgetting.ts";
import type { Stream, StreamOptions } from "../job.ts";
import { fallbacks } from "../models/follow.ts";
import { notifying } from "../notifying.ts";
import { kafkaHealth } from "../observe/health.ts";
import { componentLog } from "../observe/log.ts";
import { selfMetrics } from "../observe/self-metrics.ts";
import { selfRecords } from "../observe/self-records.ts";
import { incidentReports } from "../reports.ts";
import { serve } from "../server.ts";
import { watchTargets } from "../watch-targets.ts";
import { cloudEvent } from "./cloud-event.ts";
import { kafkaDoor } from "./door.ts";
import { HEADERS } from "./route.ts";
import { sharedAudit } from "./shared-audit.ts";
import { followOutputs } from "./view.ts";
import { toRecords } from "./wire.ts";
import { startWorker, type WorkerOptions } from "./worker.ts";

const TAKE_OVER_MS = 2000;

/** @throws PipelineError when the data directory is in use, or brokers, topics or rights are not as they must be */
export async function kafkaStream({
  config,
  clock,
  log,
}: StreamOptions & Pick<WorkerOptions, "config">): Promise<Stream> {
  await mkdir(config.dataDir, { recursive: true });
  const store = await openStore(join(config.dataDir, "store"));
  const closers: (() => Promise<unknown>)[] = [() => store.close()];
  const close = async () => {
    for (const c of closers.splice(0))
      await c().catch((error) => componentLog(log, "stream").error({ err: error }, "close"));
  };
  try {
    let takeOver = () => {};
    const metrics = selfMetrics({ config, clock });
    closers.push(async () => metrics.close());
    const health = kafkaHealth({ config, clock, stages: config.runtime.stages });
    const worker = await startWorker({
      config,
      clock,
      log,
      onEvent: (stage, event) => {
        metrics.onEvent(stage, event);
        health.onEvent(stage, event);
        if (stage === "act" && (event.kind === "restored" || event.kind === "kept")) takeOver();
      },
      onStage: metrics.watch,
    });
    closers.unshift(() => worker.stop());
    health.follow(worker.groups);
    metrics.lags({
      *tasks() {
        for (const [stage, group] of worker.groups) for (const t of group.status()) yield { ...t, stage };
      },
    });
    const { names } = worker;
    const transport = kafkajsTransport(config.runtime);
    closers.unshift(() => transport.close());

    const appendControl = async (control: Control) => {
      const to = { topic: names.messages, partition: 0, origin: "control" };
      const records = [...toRecords({ type: "control", control }, to)].map((r) => ({
        ...r,
        key: Buffer.from("control"),
        value: Buffer.from(r.value),
      }));
      await transport.produce(names.messages, records);
    };
    const reports = await incidentReports({ store, clock, log, dataDir: config.dataDir });
    closers.unshift(forgetting({ config, store, reports, clock, log }));
    const act = worker.groups.get("act");
    const shared = await sharedAudit({
      transport,
      topic: names.audit,
      store,
      log: componentLog(log, "audit"),
      leaseMs: config.runtime.session / 2,
    });
    closers.unshift(() => shared.stop());
    const acting = act && actingOn({ config, store, clock, log, appendControl, shared });
    /** Only the process that runs the act stage acts: another one's repair is not repeated. */
    const ours = () => act?.status().some((t) => t.ready) ?? false;

    /** What the process before us has sent stands in its marks: nothing goes out before they are read. */
    let tells = false;
    const told = await notifying({
      ...{ config, store, clock, log, metrics, ours: () => tells && ours() },
      mark: async (deliveries) => {
        const records = deliveries.map((record) => {
          const key = deliveryKey(record.receiver, record.notificationId);
          const event = { topic: "deliveries" as const, key, record };
          return cloudEvent(event, { system: config.system, mode: config.runtime.events });
        });
        await transport.produce(
          names.output("deliveries"),
          records.map((r) => ({ ...r, partition: 0, key: Buffer.from(r.key), value: Buffer.from(r.value) })),
        );
      },
    });
    closers.unshift(() => told.stop());

    const view = await followOutputs({
      transport,
      names,
      store,
      log: componentLog(log, "outputs"),
      onStored: async (records) => {
        // Each worker sees all outputs: what the act stage put out is its process's to count.
        if (ours()) metrics.committed(records);
        if (ours()) acting?.onCommitted(records);
        told.onCommitted(records);
        await reports.onCommitted(records);
      },
    });
    closers.unshift(() => view.stop());
    takeOver = () => {
      // What the process before us had begun is looked at once the outputs have been read up to here.
      setTimeout(() => {
        if (ours()) acting?.recoverUnfinished().catch((error) => log.error({ err: error }, "taking over"));
      }, TAKE_OVER_MS).unref();
      tells = false;
      const persist = persistent({ when: () => true, onFailure: (error) => log.error({ err: error }, "taking over") });
      void persist(async () => {
        await view.caughtUp();
        tells = true;
        if (ours()) await told.recover();
      });
    };
    if (ours()) takeOver();
    if (acting)
      closers.unshift(everyWhile(CHECKPOINT_CHECK_MS, async () => (ours() ? acting.checkpoints() : undefined)));

    // Acknowledged when all in-sync replicas have it.
    const intake = (record: { format: string; value: Uint8Array }, partition?: number) =>
      transport.produce(names.intake, [
        {
          value: record.value,
          headers: { [HEADERS.format]: record.format },
          timestampMs: clock.nowMs(),
          ...(partition === undefined ? {} : { partition }),
        },
      ]);
    const server = await serve({
      config,
      log,
      metrics,
      health: { ...health, notes: () => fallbacks(metrics.models()) },
      models: metrics.models,
      store,
      clock,
      appendControl,
      report: reports.render,
      // Its marks come to the process that delivers, this one or another, by their topic.
      requeue: async (keys) => (await told.requeue(keys)).map((d) => deliveryKey(d.receiver, d.notificationId)),
      counts: {},
      intake: {
        append: (payload) => intake(payload),
        overloaded: () => false,
      },
      door: kafkaDoor({
        transport,
        signals: worker.routed ? names.signals : undefined,
        parts: worker.tasks,
        inputs: worker.inputs,
      }),
    });
    closers.unshift(server.close);
    // One process looks, the one that would act.
    const endWatch = watchTargets({
      ...{ config, clock, log, ours, busy: acting?.busy },
      append: (record) => intake(record, 0),
    });
    if (endWatch) closers.unshift(endWatch);
    if (config.sources.length > 0 && (config.selfObserve ?? true)) {
      const everyMs = config.windows.window;
      const end = selfRecords({ metrics, everyMs, log, append: (record) => intake(record, 0) });
      closers.unshift(async () => end());
    }
    return { url: server.url, ended: worker.failed, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}
