/** What a long-running job is to those who start it. */
import type { Logger } from "pino";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";

export interface StreamOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Replays act on nothing and write no endpoint. */
  readonly replay?: boolean;
}

export interface Stream {
  /** Base address of API and OTLP receiver; undefined in a replay. */
  readonly url: string | undefined;
  /** Settles when every source has ended (never, while one is live). */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** While this file is in the data directory, nothing is ever executed: it works when nothing else does. */
export const KILL_SWITCH = "kill-switch";
