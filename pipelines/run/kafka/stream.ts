/** The streaming job on Kafka: this process's share of the stages, and its door to the outputs of all. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fastify from "fastify";
import type { Action, Control, Incident } from "../../core/records.ts";
import type { OutputRecord } from "../../core/store.ts";
import { otlpRoutes } from "../../ingest/sources/otlp-http.ts";
import { actionAdapters } from "../../recover/actions/index.ts";
import { type ActionExecutor, executor } from "../../recover/executor.ts";
import { renderReport } from "../../report/report.ts";
import { reportFiles } from "../../report/sinks/report-files.ts";
import { kafkajsTransport } from "../../runtime/kafka/kafkajs-transport.ts";
import { openStore } from "../../runtime/store/pglite.ts";
import { apiRoutes } from "../api.ts";
import { letterLine } from "../dead-letters.ts";
import { KILL_SWITCH, type Stream, type StreamOptions } from "../job.ts";
import { kafkaDoor } from "./door.ts";
import { HEADERS } from "./route.ts";
import { followOutputs } from "./view.ts";
import { toRecords } from "./wire.ts";
import { startWorker, type WorkerOptions } from "./worker.ts";

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
    for (const c of closers.splice(0)) await c().catch((error) => log.error({ err: error }, "close"));
  };
  try {
    const worker = await startWorker({ config, clock, log });
    closers.unshift(() => worker.stop());
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
    const inputOf = async (incident: Incident) => ({
      incident,
      actions: (await store.latest("actions", { limit: 200 })).map((r) => JSON.parse(r.value) as Action),
      generatedMs: clock.nowMs(),
      dataDir: config.dataDir,
    });
    const reports = await reportFiles({ dir: join(config.dataDir, "reports") });
    const writeReports = async (outputs: readonly OutputRecord[]) => {
      const ids = new Set(outputs.filter((o) => o.topic === "incidents").map((o) => o.key));
      for (const o of outputs) if (o.topic === "actions") ids.add((JSON.parse(o.value) as Action).plan.incidentId);
      for (const key of ids) {
        const [latest] = await store.latest("incidents", { key });
        if (latest) await reports.write([await inputOf(JSON.parse(latest.value) as Incident)]);
      }
    };

    let acting: ActionExecutor | undefined;
    const { supervisor } = config.recover;
    if (supervisor && worker.groups.has("act"))
      acting = executor({
        adapters: actionAdapters.supervisedProcess({
          url: supervisor.url,
          token: process.env[supervisor.tokenEnv] ?? "",
          services: config.recover.targets.map((t) => t.name),
        }),
        store,
        appendControl,
        clock,
        dryRun: config.recover.dryRun,
        killSwitch: () => existsSync(join(config.dataDir, KILL_SWITCH)),
      });
    /** Only the process that runs the act stage acts: another one's repair is not repeated. */
    const ours = () =>
      worker.groups
        .get("act")
        ?.status()
        .some((t) => t.ready) ?? false;

    const view = await followOutputs({
      transport,
      names,
      store,
      log,
      onStored: async (records) => {
        for (const o of records) {
          if (o.topic === "incidents") {
            const i = JSON.parse(o.value) as Incident;
            log.info({ incident: i.id, state: i.state, headline: i.diagnosis?.headline }, "incident");
          } else if (o.topic === "dead-letters") log.warn({ key: o.key, ...letterLine(o.value) }, "dead letter");
          else if (o.topic === "actions" && acting && ours())
            void acting
              .onCommitted(JSON.parse(o.value) as Action)
              .catch((error) => log.error({ err: error }, "action"));
        }
        await writeReports(records).catch((error) => log.error({ err: error }, "report not written"));
      },
    });
    closers.unshift(() => view.stop());

    const otlp = config.sources.find((s) => s.kind === "otlp-http");
    const token = randomBytes(24).toString("base64url");
    const app = fastify({
      ...(otlp?.kind === "otlp-http" ? { bodyLimit: otlp.maxBodyBytes } : {}),
      forceCloseConnections: true,
    });
    if (otlp?.kind === "otlp-http")
      await otlpRoutes(app, {
        // Acknowledged when all in-sync replicas have it.
        append: ({ format, value }) =>
          transport.produce(names.intake, [
            { value, headers: { [HEADERS.format]: format }, timestampMs: clock.nowMs() },
          ]),
        maxBodyBytes: otlp.maxBodyBytes,
        overloaded: () => false,
      });
    apiRoutes(app, {
      store,
      appendControl,
      token,
      clock,
      report: async (i) => renderReport(await inputOf(i)),
      counts: {},
      door: kafkaDoor({
        transport,
        signals: worker.routed ? names.signals : undefined,
        parts: worker.tasks,
        inputs: worker.inputs,
      }),
    });
    const at = otlp?.kind === "otlp-http" ? otlp : config.api;
    const url = await app.listen({ host: at.host, port: at.port });
    const endpoint = join(config.dataDir, "endpoint.json");
    await writeFile(`${endpoint}.tmp`, JSON.stringify({ url, token, pid: process.pid }), { mode: 0o600 });
    await rename(`${endpoint}.tmp`, endpoint);
    closers.unshift(
      () => rm(endpoint, { force: true }),
      () => app.close(),
    );
    log.info({ url }, "listening");
    return { url, ended: worker.failed, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}
