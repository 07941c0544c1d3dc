/** What recovery may act on, watched: where the config has the source `targets`. */
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import type { TargetUse } from "../core/recover-config.ts";
import { redactor } from "../core/redact/redactor.ts";
import type { Attributes } from "../core/tables.ts";
import { type Look, targetSource } from "../ingest/sources/targets.ts";
import { probesFor } from "../recover/actions/index.ts";
import { componentLog } from "./observe/log.ts";

/** A machine is one of its own; all else is known by the service that it is. */
const resourceOf = (name: string, { kind }: TargetUse): Attributes =>
  kind === "qemu" || kind === "libvirt" ? { "vm.name": name } : { "service.name": name };

/** Undefined where the config does not ask for it. What is given back ends it. */
export function watchTargets(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly append: (record: { readonly format: string; readonly value: Uint8Array }) => Promise<unknown>;
  readonly ours?: () => boolean;
  readonly busy: ((target: string) => boolean) | undefined;
}): (() => Promise<void>) | undefined {
  const { config, clock, append, ours = () => true, busy = () => false } = options;
  const source = config.sources.find((s) => s.kind === "targets");
  if (source === undefined) return undefined;
  const log = componentLog(options.log, "targets");
  const { targets, supervisor } = config.recover;
  const probes = probesFor(
    targets,
    supervisor && { url: supervisor.url, token: process.env[supervisor.tokenEnv] ?? "" },
  );
  const blind = targets.filter((t) => !probes.has(t.name)).map((t) => t.name);
  if (blind.length > 0) log.warn({ targets: blind }, "nothing tells how they are: they have no action");
  const redact = redactor(config.redact);
  return targetSource({
    targets: targets
      .filter((t) => probes.has(t.name))
      .map(({ name, entity, use }) => ({ name, resource: resourceOf(entity ?? name, use) })),
    everyMs: source.every,
    clock,
    ...{ ours, busy },
    look: (name) => (probes.get(name) as () => Promise<Look>)(),
    // What a target says of itself is text from outside.
    append: ({ format, value }) =>
      append({ format, value: format === "otlp-logs-json" ? redact.payload(format, value) : value }),
    onFailed: (error) => log.warn({ err: error }, "looks not written"),
  });
}
