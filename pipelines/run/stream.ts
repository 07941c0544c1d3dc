/** The long-running job: sources in, incidents and repairs out, on the embedded runtime. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fastify, { type FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import type { Action, Control, Incident, Topic } from "../core/records.ts";
import type { Source } from "../core/source.ts";
import type { OutputRecord, Store } from "../core/store.ts";
import { formatName } from "../core/topic-config.ts";
import { fileSource } from "../ingest/sources/files.ts";
import { otlpRoutes } from "../ingest/sources/otlp-http.ts";
import { actionAdapters } from "../recover/actions/index.ts";
import { type ActionExecutor, executor } from "../recover/executor.ts";
import { renderReport } from "../report/report.ts";
import { reportFiles } from "../report/sinks/report-files.ts";
import { engine } from "../runtime/embedded/engine.ts";
import { type Journal, openJournal } from "../runtime/embedded/journal.ts";
import { openStore } from "../runtime/store/pglite.ts";
import { apiRoutes } from "./api.ts";
import { assemble } from "./assemble.ts";
import { letterLine } from "./dead-letters.ts";
import { fileOptions, resolveFormats } from "./formats.ts";
import { KILL_SWITCH, type Stream, type StreamOptions } from "./job.ts";
import { kafkaTransport } from "./kafka-transport.ts";

/** How long the loop sleeps when nothing has come, ms: bounds the latency of what a notice does not wake it for. */
const IDLE_MS = 100;
const TRIM_MS = 60_000;

/**
 * Starts the pipeline. @throws PipelineError when the data directory is in use, damaged or unwritable, or a source
 * can't be read. `stop` drains what has arrived, commits, and closes everything it opened.
 */
export async function stream(options: StreamOptions): Promise<Stream> {
  const { clock, log, replay = false } = options;
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
      else if (source.kind === "kafka") sources.push(...(await kafkaSources(source, log)));
      else if (!journal) {
        journal = await openJournal({ dir: join(config.dataDir, "journal"), clock });
        sources.push(journal);
      }
    }
    for (const s of sources) closers.unshift(() => s.close());
    return await start(config, clock, log, replay, store, sources, journal, closers);
  } catch (error) {
    for (const close of closers) await close().catch(() => {});
    throw error;
  }
}

async function kafkaSources(source: Extract<Config["sources"][number], { kind: "kafka" }>, log: Logger) {
  const transport = await kafkaTransport(source);
  const { topicRange } = await import("../runtime/kafka/topic-range.ts");
  const topics = source.topics.map((t) => ({ name: t.name, format: formatName(t) }));
  try {
    return await topicRange({
      transport,
      topics,
      onOffsetLost: source.onOffsetLost,
      onWarning: (text) => log.warn(text),
    });
  } catch (error) {
    await transport.close();
    throw error;
  }
}

async function start(
  config: Config,
  clock: Clock,
  log: Logger,
  replay: boolean,
  store: Store,
  sources: Source[],
  journal: Journal | undefined,
  closers: (() => Promise<unknown>)[],
): Promise<Stream> {
  const stages = assemble(config);
  const reports = await reportFiles({ dir: join(config.dataDir, "reports") });
  let lastCommitMs = clock.nowMs();
  let lastTrimMs = lastCommitMs;
  let acting: ActionExecutor | undefined;

  const inputOf = async (incident: Incident) => ({
    incident,
    actions: (await store.latest("actions", { limit: 200 })).map((r) => JSON.parse(r.value) as Action),
    generatedMs: clock.nowMs(),
    dataDir: config.dataDir,
  });
  const writeReports = async (outputs: readonly OutputRecord[]) => {
    const ids = new Set(outputs.filter((o) => o.topic === "incidents").map((o) => o.key));
    for (const o of outputs) if (o.topic === "actions") ids.add((JSON.parse(o.value) as Action).plan.incidentId);
    for (const key of ids) {
      const [latest] = await store.latest("incidents", { key });
      if (latest) await reports.write([await inputOf(JSON.parse(latest.value) as Incident)]);
    }
  };
  const run = engine({
    sources,
    store,
    head: stages.features,
    next: [stages.incidents, stages.act],
    commitDue: () => clock.nowMs() - lastCommitMs >= config.commit,
    onCommitted: async (outputs) => {
      lastCommitMs = clock.nowMs();
      for (const o of outputs) {
        if (o.topic === "incidents") {
          const i = JSON.parse(o.value) as Incident;
          log.info({ incident: i.id, state: i.state, headline: i.diagnosis?.headline }, "incident");
        } else if (o.topic === "dead-letters") log.warn({ key: o.key, ...letterLine(o.value) }, "dead letter");
      }
      if (acting)
        for (const o of outputs) {
          if (o.topic !== "actions") continue;
          // Effects run beside the stream: a slow restart must not hold up detection.
          void acting.onCommitted(JSON.parse(o.value) as Action).catch((error) => log.error({ error }, "action"));
        }
      if (journal && lastCommitMs - lastTrimMs > TRIM_MS) {
        lastTrimMs = lastCommitMs;
        await journal.trim(run.positionOf(journal.name) ?? "0");
      }
      await writeReports(outputs).catch((error) => log.error({ err: error }, "report not written"));
    },
  });
  await run.restore();
  log.info("reading");

  let wake = () => {};
  let lastAppendMs = clock.nowMs();
  const append = async (record: { format: string; value: Uint8Array; ingestTimeMs?: number }) => {
    if (!journal) throw new Error("no live source");
    await journal.append(record);
    lastAppendMs = clock.nowMs();
    wake();
  };
  const appendControl = (control: Control) =>
    append({ format: "control", value: Buffer.from(JSON.stringify(control)) }).then(() => {});

  let app: FastifyInstance | undefined;
  let url: string | undefined;
  const otlp = config.sources.find((s) => s.kind === "otlp-http");
  if (journal && otlp && !replay) {
    const live = journal;
    const overloaded = () => live.bytesAfter(run.positionOf(live.name)) > otlp.maxLagBytes;
    const token = randomBytes(24).toString("base64url");
    app = fastify({ bodyLimit: otlp.maxBodyBytes, forceCloseConnections: true });
    await otlpRoutes(app, {
      append,
      maxBodyBytes: otlp.maxBodyBytes,
      overloaded,
    });
    apiRoutes(app, {
      store,
      appendControl,
      token,
      clock,
      report: async (i) => renderReport(await inputOf(i)),
      counts: stages.features.counts,
      door: {
        busy: overloaded,
        refuses: () => undefined,
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
    url = await app.listen({ host: otlp.host, port: otlp.port });
    const endpoint = join(config.dataDir, "endpoint.json");
    await writeFile(`${endpoint}.tmp`, JSON.stringify({ url, token, pid: process.pid }), { mode: 0o600 });
    await rename(`${endpoint}.tmp`, endpoint);
    closers.unshift(
      () => rm(endpoint, { force: true }),
      () => (app as FastifyInstance).close(),
    );
    log.info({ url }, "listening");
  }

  const { supervisor } = config.recover;
  if (journal && !replay && supervisor) {
    const adapters = actionAdapters.supervisedProcess({
      url: supervisor.url,
      token: process.env[supervisor.tokenEnv] ?? "",
      services: config.recover.targets.map((t) => t.name),
    });
    acting = executor({
      adapters,
      store,
      appendControl,
      clock,
      dryRun: config.recover.dryRun,
      killSwitch: () => existsSync(join(config.dataDir, KILL_SWITCH)),
    });
    const known = (await store.latest("actions", { limit: 1000 })).map((r) => JSON.parse(r.value) as Action);
    await acting.recoverUnfinished(await store.auditTrail(), known);
  }

  let stopping = false;
  const tick =
    journal && !replay
      ? setInterval(() => {
          if (clock.nowMs() - lastAppendMs >= config.windows.window)
            void appendControl({ kind: "tick", timeMs: clock.nowMs() }).catch((error) =>
              log.error({ err: error }, "tick"),
            );
        }, config.windows.window)
      : undefined;
  const loop = (async () => {
    for (;;) {
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
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      clearInterval(tick);
      for (const c of closers) await c().catch((error) => log.error({ err: error }, "close"));
    })();
    return closed;
  };
  return {
    url,
    ended: loop,
    async stop() {
      stopping = true;
      await app?.close();
      wake();
      await loop.catch(() => {});
      await close();
    },
  };
}

/** Topics that a run of its own leaves behind, for comparison and export. */
export const TOPICS: readonly Topic[] = ["anomalies", "incidents", "actions", "dead-letters"];
