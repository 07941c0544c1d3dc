/** Who carries out approved plans, where the config says on what. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import type { Action, Control } from "../core/records.ts";
import type { OutputRecord, Store } from "../core/store.ts";
import { adaptersFor } from "../recover/actions/index.ts";
import { executor } from "../recover/executor.ts";
import { KILL_SWITCH } from "./job.ts";
import { componentLog } from "./observe/log.ts";

/** Newest actions that are looked through for unfinished ones. */
const ACTIONS = 1000;

export interface Acting {
  /** Effects run beside the stream: a slow restart must not hold up detection. */
  onCommitted(outputs: readonly OutputRecord[]): void;
  /** Settles what a crash left half done. */
  recoverUnfinished(): Promise<void>;
}

/** Undefined where no target can be reached: then nothing is ever acted on. */
export function actingOn(options: {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly appendControl: (control: Control) => Promise<void>;
}): Acting | undefined {
  const { config, store, clock, appendControl } = options;
  const log = componentLog(options.log, "act");
  const { supervisor, targets, dryRun } = config.recover;
  if (!supervisor && targets.every((t) => t.use.kind === "supervisor")) return undefined;
  const run = executor({
    adapterFor: adaptersFor(
      targets,
      supervisor && { url: supervisor.url, token: process.env[supervisor.tokenEnv] ?? "" },
    ),
    store,
    appendControl,
    clock,
    dryRun,
    killSwitch: () => existsSync(join(config.dataDir, KILL_SWITCH)),
  });
  return {
    onCommitted(outputs) {
      for (const o of outputs)
        if (o.topic === "actions")
          void run.onCommitted(JSON.parse(o.value) as Action).catch((error) => log.error({ err: error }, "action"));
    },
    async recoverUnfinished() {
      const known = (await store.latest("actions", { limit: ACTIONS })).map((r) => JSON.parse(r.value) as Action);
      await run.recoverUnfinished(await store.auditTrail(), known);
    },
  };
}
