import type { Clock } from "../core/clock.ts";

export interface ScheduledTarget {
  readonly name: string;
  readonly everyMs: number;
}

export interface ScheduleOptions {
  readonly targets: readonly ScheduledTarget[];
  readonly clock: Clock;
  /** When the newest one of a target was taken; undefined where there is none. */
  readonly newestMs: (target: string) => Promise<number | undefined>;
  /** Takes one and deletes what is beyond those to keep. @throws when the target is not healthy */
  readonly take: (target: string) => Promise<string>;
  /** An act is under way on it: it is left alone. */
  readonly busy: (target: string) => boolean;
  readonly onTaken?: (target: string, what: string) => void;
  readonly onFailed?: (target: string, error: Error) => void;
}

/**
 * Checkpoints that are due, one target after another. What is due is told by the newest that is there, not by when we
 * started: a restart of ours neither skips one nor takes one too many. One that cannot be taken is due again next time.
 */
export async function takeDue(options: ScheduleOptions): Promise<void> {
  const { targets, clock, newestMs, take, busy, onTaken, onFailed } = options;
  for (const { name, everyMs } of targets) {
    if (busy(name)) continue;
    try {
      const newest = await newestMs(name);
      // One from the future means that the clock was set back: it counts as none.
      if (newest !== undefined && newest <= clock.nowMs() && clock.nowMs() - newest < everyMs) continue;
      const what = await take(name);
      onTaken?.(name, what);
    } catch (error) {
      onFailed?.(name, error as Error);
    }
  }
}
