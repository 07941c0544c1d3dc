/** Versions for a run over what is recorded elsewhere: those that have the roles when it begins, and them to its end. */
import type { Logger } from "pino";
import type { ModelSwitch } from "../../core/live-models.ts";
import type { RawRecord } from "../../core/records.ts";
import { componentLog } from "../observe/log.ts";
import { type FollowedModels, fallbackLog } from "./follow.ts";
import type { RegistryStages } from "./registry-stages.ts";

/** The state keeps them, so a run that is stopped goes on with the same ones, whatever the registry says by then. */
export async function injectVersions(options: {
  readonly stages: RegistryStages;
  readonly models: FollowedModels;
  readonly inject: (record: RawRecord) => Promise<void>;
  readonly log?: Logger;
}): Promise<void> {
  const { stages, models, inject, log } = options;
  for (const change of await stages.changes(models.decided)) {
    if (models.decided.get(change.name)) continue;
    await inject(controlRecord(change));
    const { name, live, shadow, why } = change;
    if (log)
      componentLog(log, "models").info(
        { model: name, live: live?.version ?? null, shadow: shadow?.version ?? null, why },
        "switch",
      );
  }
  if (log) fallbackLog(log)(models.status());
}

const controlRecord = (change: ModelSwitch): RawRecord => ({
  source: "models",
  position: "0",
  ingestTimeMs: change.timeMs,
  format: "control",
  value: Buffer.from(JSON.stringify(change)),
});
