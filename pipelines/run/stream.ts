/** The long-running job: sources in, incidents and repairs out, on the embedded runtime. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { deliveryKey } from "../core/notifications.ts";
import type { Control } from "../core/records.ts";
import type { Source } from "../core/source.ts";
import type { Store } from "../core/store.ts";
import { fileSource } from "../ingest/sources/files.ts";
import { engine } from "../runtime/embedded/engine.ts";
import { type Journal, openJournal } from "../runtime/embedded/journal.ts";
import { openStore } from "../runtime/store/pglite.ts";
import { actingOn } from "./acting.ts";
import { assemble } from "./assemble.ts";
import { CHECKPOINT_CHECK_MS, everyWhile } from "./every.ts";
import { forgetting } from "./forgetting.ts";
import { fileOptions, resolveFormats } from "./formats.ts";
import type { Stream, StreamOptions } from "./job.ts";
import { kafkaSources } from "./kafka-sources.ts";
import { fallbacks, followRegistry } from "./models/follow.ts";
import { injectVersions } from "./models/inject.ts";
import { registryLibrary } from "./models/library.ts";
import { registryDir, registryStages } from "./models/registry-stages.ts";
import { deliveryRecords, markIn, notifying } from "./notifying.ts";
import { embeddedHealth } from "./observe/health.ts";
import { componentLog } from "./observe/log.ts";
import { selfMetrics } from "./observe/self-metrics.ts";
import { selfRecords } from "./observe/self-records.ts";
import { incidentReports } from "./reports.ts";
import { type Server, serve } from "./server.ts";
import { incidentTrail } from "./trail/incident-trail.ts";
import { watchTargets } from "./watch-targets.ts";

/** How long the loop sleeps when nothing has come, ms: bounds the latency of what a notice does not wake it for. */
const IDLE_MS = 100;
const TRIM_MS = 60_000;
/** Input that a page of an incident is worth. */
const TRAIL_BYTES = 64 * 1024 * 1024;

/**
 * Starts the pipeline. @throws PipelineError when the data directory is in use, damaged or unwritable, or a source
 * can't be read. `stop` drains what has arrived, commits, and closes everything it opened.
 */
export async function stream(options: StreamOptions): Promise<Stream> {
  const { clock, replay = false } = options;
  const log = componentLog(options.log, "stream");
  const config = await resolveFormats(options.config, (topic, found) =>
    log.info({ topic, ...found }, "format told from a sample"),
  );
  const { runtime } = config;
  if (runtime.kind === "kafka") {
    const { kafkaStream } = await import("./kafka/stream.ts");
    return kafkaStream({ ...options, config: { ...config, runtime } });
  }
  await mkdir(config.dataDir, { recursive: true });
  const store = await openStore(join(config.dataDir, "store"));
  const sources: Source[] = [];
  const closers: (() => Promise<unknown>)[] = [() => store.close()];
  let journal: Journal | undefined;
  try {
    for (const [i, source] of config.sources.entries()) {
      if (source.kind === "files") for (const options of fileOptions(source, i)) sources.push(fileSource(options));
      else if (source.kind === "journal") sources.push(await openJournal({ dir: source.path, readOnly: true, clock }));
      else if (source.kind === "kafka")
        sources.push(...(await kafkaSources(source, { onWarning: (text) => log.warn(text) })));
      else if (!journal) {
        journal = await openJournal({ dir: join(config.dataDir, "journal"), clock });
        sources.push(journal);
      }
    }
    for (const s of sources) closers.unshift(() => s.close());
    return await start({ config, clock, log: options.log, replay, store, sources, journal, closers });
  } catch (error) {
    for (const close of closers) await close().catch(() => {});
    throw error;
  }
}

async function start(
  options: Required<StreamOptions> & {
    readonly store: Store;
    readonly sources: readonly Source[];
    readonly journal: Journal | undefined;
    /** What to close, in this order; `start` adds its own in front. */
    readonly closers: (() => Promise<unknown>)[];
  },
): Promise<Stream> {
  const { config, clock, replay, sources, journal, closers } = options;
  const log = componentLog(options.log, "stream");
  const stages = assemble(config);
  const metrics = selfMetrics({ config, clock });
  closers.push(async () => metrics.close());
  metrics.watch("features", 0, stages.features);
  metrics.watch("incidents", 0, stages.incidents);
  const store = metrics.measured(options.store);
  const { dataDir } = config;
  const reports = await incidentReports({
    store,
    clock,
    log: options.log,
    dataDir,
    ...(replay
      ? {}
      : { trail: (i) => incidentTrail(i, { config, dataDir, clock, log: options.log, maxBytes: TRAIL_BYTES }) }),
  });
  let lastCommitMs = clock.nowMs();
  let lastTrimMs = lastCommitMs;

  let wake = () => {};
  let lastAppendMs = clock.nowMs();
  const live = replay ? undefined : journal;
  const append = async (record: { format: string; value: Uint8Array; ingestTimeMs?: number }) => {
    await live?.append(record);
    lastAppendMs = clock.nowMs();
    wake();
  };
  const appendControl = (control: Control) =>
    append({ format: "control", value: Buffer.from(JSON.stringify(control)) });
  const told = replay
    ? undefined
    : await notifying({ config, store, clock, log: options.log, mark: markIn(options.store), metrics });
  if (told) closers.unshift(() => told.stop());
  const acting = live ? actingOn({ config, store, clock, log: options.log, appendControl }) : undefined;

  let ready = false;
  const lagBytes = () => (live && ready ? live.bytesAfter(run.positionOf(live.name)) : 0);
  const health = embeddedHealth({ config, clock, lagBytes });
  if (live) metrics.lags({ journal: lagBytes });
  const run = engine({
    sources,
    store,
    head: stages.features,
    next: [stages.incidents, stages.act],
    commitDue: () => {
      const now = clock.nowMs();
      health.turned(now);
      return now - lastCommitMs >= config.commit;
    },
    onCommitted: async (outputs) => {
      lastCommitMs = clock.nowMs();
      acting?.onCommitted(outputs);
      metrics.committed(outputs);
      told?.onCommitted(outputs);
      if (journal && lastCommitMs - lastTrimMs > TRIM_MS) {
        lastTrimMs = lastCommitMs;
        await journal.trim(run.positionOf(journal.name) ?? "0");
      }
      await reports.onCommitted(outputs);
    },
  });

  let server: Server | undefined;
  if (!replay) {
    const otlp = config.sources.find((s) => s.kind === "otlp-http");
    const overloaded = () => !ready || lagBytes() > (otlp?.maxLagBytes ?? Number.POSITIVE_INFINITY);
    // Before the state is back: who asks is told so.
    server = await serve({
      config,
      log: options.log,
      metrics,
      health: { ...health, notes: () => fallbacks(metrics.models()) },
      models: metrics.models,
      store,
      clock,
      appendControl: live && appendControl,
      report: reports.render,
      requeue:
        told &&
        (async (keys) => {
          const marks = await told.requeue(keys);
          told.onCommitted(deliveryRecords(marks));
          return marks.map((d) => deliveryKey(d.receiver, d.notificationId));
        }),
      counts: stages.features.counts,
      intake: live && { append, overloaded },
      door: {
        busy: overloaded,
        refuses: () => (live ? undefined : "this run has no live input"),
        send: async (letters, done) => {
          // Together, so that they share a sync; the journal keeps their order.
          const results = await Promise.allSettled(
            letters.map((letter) => {
              const { format, payload, ingestTimeMs } = letter;
              return append({ format, value: Buffer.from(payload, "base64"), ingestTimeMs }).then(() => done(letter));
            }),
          );
          for (const r of results) if (r.status === "rejected") throw r.reason;
        },
      },
    });
    closers.unshift(server.close);
  }
  await run.restore();
  const { models } = stages.features;
  if (models) {
    const from = registryStages(config, registryLibrary(registryDir(config)), () => clock.nowMs());
    if (live) {
      const { detect } = config;
      const following = followRegistry({
        stages: from,
        models,
        tell: appendControl,
        log: options.log,
        everyMs: detect.models.poll,
      });
      closers.unshift(following.stop);
      await following.first;
    } else if (!replay) await injectVersions({ stages: from, models, inject: run.inject, log: options.log });
  }
  ready = true;
  health.restored();
  log.info("reading");
  await acting?.recoverUnfinished();
  await told?.recover();
  if (!replay) closers.unshift(forgetting({ config, store, reports, clock, log: options.log }));
  if (acting) closers.unshift(everyWhile(CHECKPOINT_CHECK_MS, acting.checkpoints));

  let stopping = false;
  const tick = live
    ? setInterval(() => {
        if (clock.nowMs() - lastAppendMs >= config.windows.window)
          void appendControl({ kind: "tick", timeMs: clock.nowMs() }).catch((error) =>
            log.error({ err: error }, "tick"),
          );
      }, config.windows.window)
    : undefined;
  const endSelf =
    live && (config.selfObserve ?? true)
      ? selfRecords({ metrics, everyMs: config.windows.window, log: options.log, append: (r) => live.append(r) })
      : undefined;
  const endWatch = live && watchTargets({ config, clock, log: options.log, append, busy: acting?.busy });
  const loop = (async () => {
    for (;;) {
      health.turned(clock.nowMs());
      const done = await run.drain();
      if (done || stopping || clock.nowMs() - lastCommitMs >= config.commit) await run.commit();
      if (done || stopping) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, IDLE_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();
  loop.catch((error) => {
    health.failed(error);
    log.error({ err: error }, "the loop has ended");
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      clearInterval(tick);
      endSelf?.();
      await endWatch?.();
      for (const c of closers) await c().catch((error) => log.error({ err: error }, "close"));
    })();
    return closed;
  };
  return {
    url: server?.url,
    ended: loop,
    async stop() {
      stopping = true;
      endSelf?.();
      await endWatch?.();
      await server?.close();
      wake();
      await loop.catch(() => {});
      await close();
    },
  };
}
