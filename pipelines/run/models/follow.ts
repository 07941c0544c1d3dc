/** Keeps a running pipeline on what the registry says, and tells once what falls back to statistics. */
import type { Logger } from "pino";
import type { ModelStatus, ModelSwitch } from "../../core/live-models.ts";
import { componentLog } from "../observe/log.ts";
import { GOES_ON } from "./goes-on.ts";
import type { RegistryStages } from "./registry-stages.ts";

/** The part of a features stage that is asked. */
export interface FollowedModels {
  readonly decided: ReadonlyMap<string, ModelSwitch | undefined>;
  status(): readonly ModelStatus[];
}

/** Fallbacks in words, a line each; those that only take time are left out. */
export function fallbacks(statuses: Iterable<ModelStatus>): string[] {
  const out = new Set<string>();
  for (const { model, role, version, fallback } of statuses)
    for (const [why, n] of Object.entries(fallback)) {
      if (why.startsWith("it learns")) continue;
      const which = version === null ? model : `${model}@${version}`;
      const who = n > 0 ? `${n} ${n === 1 ? "entity" : "entities"} of ` : "";
      const alone = role === "live" && !why.includes(GOES_ON);
      out.add(`${who}${which} (${role}): ${why}${alone ? "; statistics go on alone" : ""}`);
    }
  return [...out].sort();
}

/** Each fallback in the log when it begins and when it ends, not as often as it is looked at. */
export function fallbackLog(parent: Logger) {
  const log = componentLog(parent, "models");
  let told = new Set<string>();
  return (statuses: Iterable<ModelStatus>) => {
    const now = new Set(fallbacks(statuses));
    for (const line of now) if (!told.has(line)) log.warn({ fallback: line }, "a model can't score as it should");
    for (const line of told) if (!now.has(line)) log.info({ fallback: line }, "no longer so");
    told = now;
  };
}

/**
 * Looks at the registry every `everyMs`. `tell` puts a switch into the input, so that a replay switches at the same place;
 * what was told is not told again. The function given back ends it.
 */
export function followRegistry(options: {
  readonly stages: RegistryStages;
  readonly models: FollowedModels;
  readonly tell: (change: ModelSwitch) => Promise<void>;
  readonly log: Logger;
  readonly everyMs: number;
}): { readonly first: Promise<void>; readonly stop: () => Promise<void> } {
  const { stages, models, tell, everyMs } = options;
  const log = componentLog(options.log, "models");
  const say = fallbackLog(options.log);
  const told = new Map(models.decided);
  const look = async () => {
    for (const change of await stages.changes(told)) {
      await tell(change);
      told.set(change.name, change);
      const { name, live, shadow, why } = change;
      log.info({ model: name, live: live?.version ?? null, shadow: shadow?.version ?? null, why }, "switch");
    }
    say(models.status());
  };
  let stopped = false;
  let waits = false;
  const first = look();
  let running: Promise<void> = first.catch(() => {});
  const timer = setInterval(() => {
    if (waits) return;
    waits = true;
    running = running.then(async () => {
      waits = false;
      if (!stopped) await look().catch((error) => log.error({ err: error }, "registry not read"));
    });
  }, everyMs);
  timer.unref();
  return {
    first,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
