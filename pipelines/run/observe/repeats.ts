/** Keeps repeated log lines from drowning the rest: the first few, then a count now and then. */
import type { Clock } from "../../core/clock.ts";

export interface RepeatsOptions {
  readonly clock: Clock;
  /** Lines of a kind that are written before the rest are counted. */
  readonly first?: number;
  /** Time between two summaries, and of silence after which a kind begins anew, ms. */
  readonly everyMs?: number;
  /** Kinds told apart; the one that has been quiet for longest makes room. */
  readonly kinds?: number;
}

interface Kind {
  written: number;
  held: number;
  sinceMs: number;
  lastMs: number;
  /** Writes the newest line that was held back, with how many there were. */
  summary: ((repeated: number) => void) | undefined;
}

/** Memory: one line of each kind. */
export function repeats({ clock, first = 5, everyMs = 10_000, kinds = 500 }: RepeatsOptions) {
  const known = new Map<string, Kind>();
  const summarise = (kind: Kind, now: number) => {
    const { held, summary } = kind;
    kind.held = 0;
    kind.summary = undefined;
    kind.sinceMs = now;
    if (held > 0) summary?.(held);
  };
  return {
    /** True when the line is to be written now; otherwise `summary` stands for it later. */
    pass(name: string, summary: (repeated: number) => void): boolean {
      const now = clock.nowMs();
      let kind = known.get(name);
      if (kind && kind.held === 0 && now - kind.lastMs >= everyMs) kind.written = 0;
      if (!kind) {
        kind = { written: 0, held: 0, sinceMs: now, lastMs: now, summary: undefined };
        if (known.size >= kinds) {
          let oldest: string | undefined;
          for (const [n, k] of known)
            if (oldest === undefined || k.lastMs < (known.get(oldest) as Kind).lastMs) oldest = n;
          summarise(known.get(oldest as string) as Kind, now);
          known.delete(oldest as string);
        }
        known.set(name, kind);
      }
      kind.lastMs = now;
      if (kind.written < first) {
        kind.written += 1;
        kind.sinceMs = now;
        return true;
      }
      kind.held += 1;
      kind.summary = summary;
      if (now - kind.sinceMs >= everyMs) summarise(kind, now);
      return false;
    },
    /** Writes the summaries that are due: all of them with `everything`. */
    flush(everything = false): void {
      const now = clock.nowMs();
      for (const kind of known.values())
        if (kind.held > 0 && (everything || now - kind.sinceMs >= everyMs)) summarise(kind, now);
    },
  };
}
