/** Who carries out approved plans, where the config says on what. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import type { Action, Control } from "../core/records.ts";
import type { OutputRecord, Store } from "../core/store.ts";
import { adaptersFor } from "../recover/actions/index.ts";
import { libvirtCheckpoints } from "../recover/actions/libvirt.ts";
import { checkpointsOf } from "../recover/actions/qemu.ts";
import { executor } from "../recover/executor.ts";
import type { Claims } from "../recover/lease.ts";
import { takeDue } from "../recover/schedule.ts";
import { targetKey } from "../recover/target-key.ts";
import { lockDirectory } from "../runtime/directory-lock.ts";
import { KILL_SWITCH } from "./job.ts";
import { componentLog } from "./observe/log.ts";
import { snapshotTarget } from "./snapshot-target.ts";

/** Newest actions that are looked through for unfinished ones. */
const ACTIONS = 1000;

export interface Acting {
  /** Effects run beside the stream: a slow restart must not hold up detection. */
  onCommitted(outputs: readonly OutputRecord[]): void;
  /** Settles what a crash left half done. */
  recoverUnfinished(): Promise<void>;
  /** Takes the checkpoints that are due. */
  checkpoints(): Promise<void>;
  /** This process acts on the target, or takes a checkpoint of it: what it looks like meanwhile says nothing. */
  busy(target: string): boolean;
}

/** Undefined where no target can be reached: then nothing is ever acted on. */
export function actingOn(options: {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly appendControl: (control: Control) => Promise<void>;
  /** The audit of all workers, where there are several. */
  readonly shared?: Pick<Store, "audit" | "auditTrail"> & { readonly claims: Claims };
}): Acting | undefined {
  const { config, store, clock, appendControl } = options;
  const log = componentLog(options.log, "act");
  const { supervisor, targets, dryRun } = config.recover;
  const audit = options.shared ?? store;
  // Whoever acts on this host, with whatever store, meets the others here.
  const lockDir = config.recover.lockDir ?? join(tmpdir(), `faultwright-locks-${userInfo().uid}`);
  if (!supervisor && targets.every((t) => t.use.kind === "supervisor")) return undefined;
  const run = executor({
    adapterFor: adaptersFor(
      targets,
      supervisor && { url: supervisor.url, token: process.env[supervisor.tokenEnv] ?? "" },
    ),
    store: audit,
    claims: options.shared?.claims,
    lockTarget: (name) => {
      const target = targets.find((t) => t.name === name);
      const key = target ? targetKey(target, supervisor?.url) : name;
      return lockDirectory(lockDir, `${createHash("sha256").update(key).digest("hex").slice(0, 32)}.lock`);
    },
    appendControl,
    clock,
    dryRun,
    killSwitch: () => existsSync(join(config.dataDir, KILL_SWITCH)),
  });
  const scheduled = targets.flatMap(({ name, use }) =>
    (use.kind === "qemu" || use.kind === "libvirt") && use.checkpoint !== undefined
      ? [{ name, everyMs: use.checkpoint, use }]
      : [],
  );
  const saving = new Set<string>();
  return {
    busy: (target) => run.busy(target) || saving.has(target),
    checkpoints: () =>
      takeDue({
        targets: scheduled,
        clock,
        newestMs: async (name) => {
          const use = scheduled.find((t) => t.name === name)?.use;
          if (use === undefined) return undefined;
          return (await (use.kind === "qemu" ? checkpointsOf(use) : libvirtCheckpoints(use)))[0]?.takenMs;
        },
        async take(name) {
          saving.add(name);
          try {
            return await snapshotTarget(config, name, clock);
          } finally {
            saving.delete(name);
          }
        },
        busy: (name) => run.busy(name),
        onTaken: (target, what) => log.info({ target, checkpoint: what }, "checkpoint"),
        onFailed: (target, error) => log.warn({ target, err: error.message }, "no checkpoint"),
      }),
    onCommitted(outputs) {
      for (const o of outputs)
        if (o.topic === "actions")
          void run.onCommitted(JSON.parse(o.value) as Action).catch((error) => log.error({ err: error }, "action"));
    },
    async recoverUnfinished() {
      const known = (await store.latest("actions", { limit: ACTIONS })).map((r) => JSON.parse(r.value) as Action);
      await run.recoverUnfinished(await audit.auditTrail(), known);
    },
  };
}
