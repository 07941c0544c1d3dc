/** The HTTP door of a running pipeline: OTLP where the config asks for it, the API, and `endpoint.json` that says where. */
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fastify from "fastify";
import type { Logger } from "pino";
import type { Config } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import { redactor } from "../core/redact/redactor.ts";
import { type OtlpRoutesOptions, otlpRoutes } from "../ingest/sources/otlp-http.ts";
import { type ApiOptions, apiRoutes } from "./api.ts";
import { componentLog } from "./observe/log.ts";
import { type ObserveRoutesOptions, observeRoutes } from "./observe/routes.ts";
import type { SelfMetrics } from "./observe/self-metrics.ts";

export interface Server {
  readonly url: string;
  /** Takes nothing more, ends open connections and removes `endpoint.json`. */
  close(): Promise<void>;
}

export interface ServerOptions
  extends Omit<ApiOptions, "token" | "approvalSecret">,
    Pick<ObserveRoutesOptions, "health"> {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: SelfMetrics;
  /** Where OTLP payloads go. */
  readonly intake: Pick<OtlpRoutesOptions, "append" | "overloaded"> | undefined;
}

/** Metrics hold numbers, and names that the stage looks through. */
const hasText = (format: string): boolean => !format.startsWith("otlp-metrics");

/** Listens at the address of the OTLP source, or else of `api`. @throws when the address is taken */
export async function serve(options: ServerOptions): Promise<Server> {
  const { config, log, intake, metrics, health, ...api } = options;
  const otlp = config.sources.find((s) => s.kind === "otlp-http");
  const redact = redactor(config.redact);
  const app = fastify({ ...(otlp ? { bodyLimit: otlp.maxBodyBytes } : {}), forceCloseConnections: true });
  if (otlp && intake)
    otlpRoutes(app, {
      maxBodyBytes: otlp.maxBodyBytes,
      overloaded: () => {
        const full = intake.overloaded();
        if (full) metrics.refused("overloaded");
        return full;
      },
      append: ({ format, value }) =>
        intake.append({ format, value: hasText(format) ? redact.payload(format, value) : value }).catch((error) => {
          metrics.refused("failed");
          throw error;
        }),
    });
  observeRoutes(app, { metrics, health });
  const token = randomBytes(24).toString("base64url");
  const { approvals } = config.recover;
  const approvalSecret = approvals && process.env[approvals.secretEnv];
  if (approvals && !approvalSecret)
    throw new PipelineError("CONFIG_INVALID", "recover.approvals.secretEnv", {
      detail: `${approvals.secretEnv} is not set`,
      hint: "set the variable, or leave `approvals` out",
    });
  apiRoutes(app, { ...api, token, approvalSecret });
  const { host, port } = otlp ?? config.api;
  const url = await app.listen({ host, port });
  const endpoint = join(config.dataDir, "endpoint.json");
  await writeFile(`${endpoint}.tmp`, JSON.stringify({ url, token, pid: process.pid }), { mode: 0o600 });
  await rename(`${endpoint}.tmp`, endpoint);
  componentLog(log, "server").info({ url }, "listening");
  let closed: Promise<void> | undefined;
  return {
    url,
    close: () => {
      closed ??= app.close().then(() => rm(endpoint, { force: true }));
      return closed;
    },
  };
}
