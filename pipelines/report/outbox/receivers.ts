/** The receivers that the config names, ready to be written to. */
import type { Clock } from "../../core/clock.ts";
import { PipelineError } from "../../core/errors.ts";
import type { Notification } from "../../core/notifications.ts";
import { type ReceiverConfig, receiverName } from "../../core/notify-config.ts";
import { sinks } from "../sinks/index.ts";
import type { Outgoing, Sink } from "../sinks/sink.ts";

export interface Receiver {
  readonly name: string;
  readonly sink: Sink<Outgoing>;
  /** It takes a repeat for what it is, by its key: then nothing need be noted before sending. */
  readonly knowsRepeats: boolean;
  wants(notification: Notification): boolean;
}

const RANK = { minor: 0, major: 1, critical: 2 } as const;
const KNOWS_REPEATS: readonly ReceiverConfig["kind"][] = ["webhook", "pagerduty", "alertmanager"];

const secretOf = (env: string, where: string): string => {
  const value = process.env[env];
  if (value) return value;
  throw new PipelineError("CONFIG_INVALID", where, { detail: `the environment has no ${env}`, hint: "set it" });
};

/** @throws PipelineError CONFIG_INVALID for a secret that isn't there; SINK_FAILED for a file that can't be opened */
export async function receiversOf(configs: readonly ReceiverConfig[], clock: Clock): Promise<Receiver[]> {
  const out: Receiver[] = [];
  try {
    for (const [i, config] of configs.entries()) {
      const { events, minSeverity, ignoreLabels } = config;
      out.push({
        name: receiverName(config),
        sink: await sinkOf(config, clock, (env) => secretOf(env, `notify.receivers.${i}`)),
        knowsRepeats: KNOWS_REPEATS.includes(config.kind),
        wants: (n) =>
          events.includes(n.kind) &&
          RANK[n.severity] >= RANK[minSeverity] &&
          !n.labels.some((label) => ignoreLabels.includes(label)),
      });
    }
    return out;
  } catch (error) {
    for (const { sink } of out) await sink.close().catch(() => {});
    throw error;
  }
}

async function sinkOf(c: ReceiverConfig, clock: Clock, secret: (env: string) => string): Promise<Sink<Outgoing>> {
  const maybe = (env: string | undefined) => (env === undefined ? undefined : secret(env));
  const limit = { timeoutMs: c.timeout };
  switch (c.kind) {
    case "webhook":
      return sinks.webhook({ ...limit, url: c.url, clock, token: maybe(c.tokenEnv), secret: maybe(c.secretEnv) });
    case "slack":
      return sinks.slack({ ...limit, url: webUrl(secret(c.urlEnv), c.urlEnv) });
    case "pagerduty":
      return sinks.pagerduty({ ...limit, url: c.url, routingKey: secret(c.routingKeyEnv) });
    case "alertmanager":
      return sinks.alertmanager({ ...limit, url: c.url, token: maybe(c.tokenEnv), labels: c.labels });
    case "email":
      return sinks.email({ ...c, ...limit, user: maybe(c.userEnv), password: maybe(c.passwordEnv) });
    case "file":
      return sinks.file({ path: c.path }).catch((cause: Error) => {
        throw new PipelineError("SINK_FAILED", c.path, { detail: cause.message, cause });
      });
  }
}

/** The value is a secret: it is never shown. */
function webUrl(value: string, env: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new PipelineError("CONFIG_INVALID", env, { detail: "its value is no http(s) address" });
}
