/** What the store no longer keeps, and the reports that go with it. */
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import type { Store } from "../core/store.ts";
import { everyWhile } from "./every.ts";
import { componentLog } from "./observe/log.ts";
import type { Reports } from "./reports.ts";

const LOOK_MS = 60_000;

/** Looks now and then, for as long as the pipeline runs; gives how to end it. A failure is logged: the next look tries again. */
export function forgetting(options: {
  readonly config: Pick<Config, "store">;
  readonly store: Pick<Store, "forget">;
  readonly reports: Pick<Reports, "remove">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyMs?: number;
}): () => Promise<void> {
  const { config, store, reports, clock, everyMs = LOOK_MS } = options;
  const log = componentLog(options.log, "store");
  return everyWhile(everyMs, async () => {
    try {
      const { rows, incidents } = await store.forget({ nowMs: clock.nowMs(), keepMs: config.store.retention });
      if (rows === 0) return;
      await reports.remove(incidents);
      log.info({ rows, incidents: incidents.length }, "removed what is no longer kept");
    } catch (error) {
      log.warn({ err: error }, "not removed, trying again");
    }
  });
}
