/** An actor of its own process over the shared audit: stops itself (SIGSTOP) at a point that it is told. */
import { join } from "node:path";
import { pino } from "pino";
import { systemClock } from "../../../pipelines/core/clock.ts";
import type { Action } from "../../../pipelines/core/records.ts";
import { recoveryTarget } from "../../../pipelines/core/recover-config.ts";
import { adaptersFor } from "../../../pipelines/recover/actions/index.ts";
import { executor } from "../../../pipelines/recover/executor.ts";
import { sharedAudit } from "../../../pipelines/run/kafka/shared-audit.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";

export interface ActorTask {
  readonly bootstrap: string;
  readonly topic: string;
  readonly dir: string;
  readonly name: string;
  readonly use: object;
  readonly action: Action;
  /** `begin`: from proposal on. `take`: what another left. */
  readonly what: "begin" | "take";
  /** Stops once this step is in the audit, or (`read`) once the trail was read after it. */
  readonly stopAt?: { readonly step: string; readonly when: "written" | "read" };
  readonly leaseMs: number;
}

const task = JSON.parse(process.argv[2] as string) as ActorTask;
const transport = kafkajsTransport({ brokers: [task.bootstrap] });
const store = await openStore(join(task.dir, `store-${task.name}`));
const shared = await sharedAudit({
  ...{ transport, topic: task.topic, store, leaseMs: task.leaseMs },
  log: pino({ level: "silent" }),
});
const stop = () => void process.kill(process.pid, "SIGSTOP");
let written = false;
const run = executor({
  adapterFor: adaptersFor([recoveryTarget.parse({ name: "shop", use: task.use })]),
  store: {
    async audit(...entries) {
      await shared.audit(...entries);
      const step = entries.find((e) => e.event === "step" && JSON.parse(e.detail).name === task.stopAt?.step);
      if (step === undefined) return;
      written = true;
      if (task.stopAt?.when === "written") stop();
    },
    async auditTrail(asked) {
      const trail = await shared.auditTrail(asked);
      if (written && task.stopAt?.when === "read") {
        written = false;
        stop();
      }
      return trail;
    },
  },
  claims: shared.claims,
  appendControl: (c) => void process.stdout.write(`${JSON.stringify(c)}\n`),
  clock: systemClock,
  dryRun: false,
  killSwitch: () => false,
});
const approved: Action = { ...task.action, state: "approved", approvedBy: "ana", version: 2 };
if (task.what === "begin") {
  await run.onCommitted(task.action);
  await run.onCommitted(approved);
} else {
  await run.recoverUnfinished(await shared.auditTrail(), [approved]);
  await run.onCommitted(approved);
}
process.stdout.write(`${JSON.stringify({ trail: await shared.auditTrail() })}\n`);
await shared.stop();
await transport.close();
await store.close();
